"""Clients that are known by their certificate (RFC 8705) get tokens bound to it."""

import base64
import hashlib
import ssl

from checks.issuance import add
from report import equal, require

PERSON_MUST_ACT = 5


def run(report, near, far, work):
    """Adds a client with a certificate of the authority's, and one with its own."""
    for name, what in (
        ("tls", "tls_client_auth, with a certificate of the provider's authority"),
        ("tls-self-signed", "self_signed_tls_client_auth, with a certificate that it registered"),
    ):
        with report.check(f"{what}, gets a token that is bound to it"):
            show(near, far, name, work / f"{name}.pem", work / f"{name}.key")
            near.cli("refresh", name)
            sent = [(entry["status"], entry["auth"]) for entry in far.log(name)]
            equal(sent, [(200, "none")] * 2, "requests")
            told = far.introspect(near.get(name))
            thumbprint = {"x5t#S256": digest(work / f"{name}.pem")}
            equal((told["active"], told.get("cnf")), (True, thumbprint), "the introspection")

    for name, other in (("tls", "tls-self-signed"), ("tls-self-signed", "tls")):
        with report.check(f"the client {name} gets no token with the certificate of {other}"):
            near.cli("remove", name, "--yes")
            before = len(far.issued(name))
            files = work / f"{other}.pem", work / f"{other}.key"
            show(near, far, name, *files, expect=PERSON_MUST_ACT)
            equal(far.log(name)[-1]["error"], "invalid_client", "the answer")
            equal(len(far.issued(name)), before, "tokens")

    with report.check("a key that isn't the certificate's is refused before anything is sent"):
        near.cli("remove", "tls", "--yes")
        before = len(far.log("tls"))
        ended = show(near, far, "tls", work / "tls.pem", work / "server.key", expect=None)
        require(ended.returncode != 0 and "key" in ended.stderr, str(ended))
        equal(len(far.log("tls")), before, "requests")


def show(near, far, name, certificate, key, **how):
    """Adds a client that shows a certificate."""
    variables = {"certificate": certificate}
    how = {"definition": "mutual-tls", "variables": variables, **how}
    return add(near, far, name, f"--secret-file=private_key={key}", **how)


def digest(certificate):
    """Returns a certificate's thumbprint as `cnf` has it."""
    der = ssl.PEM_cert_to_DER_cert(certificate.read_text())
    return base64.urlsafe_b64encode(hashlib.sha256(der).digest()).decode().rstrip("=")
