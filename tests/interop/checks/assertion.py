"""Clients that sign a JWT (RFC 7523) get tokens, whatever they sign with."""

from checks.issuance import add
from report import equal, require

PERSON_MUST_ACT = 5
ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA")


def run(report, near, far, work):
    """Adds a client of each algorithm, and one that signs with its secret."""
    for algorithm in ALGORITHMS:
        with report.check(f"private_key_jwt with {algorithm} gets a token, and the next one"):
            name = f"signed-{algorithm.lower()}"
            sign(near, far, name, algorithm, work / f"{name}.key")
            near.cli("refresh", name)
            # The provider takes no assertion twice.
            sent = [(entry["status"], entry["signed"]) for entry in far.log(name)]
            equal(sent, [(200, algorithm)] * 2, "requests")
            require(far.introspect(near.get(name))["active"], "the provider doesn't know it")

    with report.check("the assertion may be for the issuer instead of the token endpoint"):
        name = "signed-es256"
        near.cli("remove", name, "--yes")
        audience = {"assertion_audience": far.url}
        sign(near, far, name, "ES256", work / f"{name}.key", variables=audience)
        equal(near.get(name), far.issued(name)[-1], "the token")

    with report.check("an assertion that another key signed is refused"):
        name = "signed-rs256"
        near.cli("remove", name, "--yes")
        sign(near, far, name, "RS256", work / "signed-ps256.key", expect=PERSON_MUST_ACT)
        last = far.log(name)[-1]
        equal((last["status"], last["error"]), (401, "invalid_client"), "the answer")

    with report.check("client_secret_jwt gets a token, and the next one"):
        name = "secret-jwt"
        secret = far.clients[name].secret
        how = {"definition": "client-secret-jwt", "secret": secret}
        add(near, far, name, "--secret-stdin=client_secret", **how)
        near.cli("refresh", name)
        sent = [(entry["status"], entry["signed"]) for entry in far.log(name)]
        equal(sent, [(200, "HS256")] * 2, "requests")
        equal(near.get(name), far.issued(name)[-1], "the token")


def sign(near, far, name, algorithm, key, variables=None, **how):
    """Adds a client that signs with a key."""
    variables = {"algorithm": algorithm, **(variables or {})}
    how = {"definition": "oauth2-private-key-jwt", "variables": variables, **how}
    add(near, far, name, f"--secret-file=private_key={key}", **how)
