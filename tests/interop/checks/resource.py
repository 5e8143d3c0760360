"""Tokens are for the resource that was asked for (RFC 8707), and for no other."""

import provider
from checks.issuance import add, claims
from report import equal, require

PERSON_MUST_ACT = 5
CLIENT = "resources"


def run(report, near, far):
    """Adds credentials of one client for one resource each."""
    resources = dict(zip(("for-orders", "for-stock"), provider.RESOURCES, strict=True))
    with report.check("each credential of a client gets tokens for its own resource"):
        for name, resource in resources.items():
            ask(near, far, name, resource)
            near.cli("refresh", name)
        for name, resource in resources.items():
            seen = claims(near.get(name))
            seen = {key: seen.get(key) for key in ("aud", "client_id", "scope")}
            expected = {"aud": resource, "client_id": CLIENT, "scope": provider.SCOPE}
            equal(seen, expected, f"the claims of {name}")

    with report.check("a resource that the provider doesn't know is refused, and get says so"):
        name = "for-nobody"
        ask(near, far, name, "urn:interop:nobody", expect=PERSON_MUST_ACT)
        last = far.log(CLIENT)[-1]
        equal((last["resource"], last["error"]), ("urn:interop:nobody", "invalid_target"), "answer")
        said = near.cli("get", name, expect=PERSON_MUST_ACT).stderr
        require("resource" in said or "invalid_target" in said, said)


def ask(near, far, name, resource, **how):
    """Adds a credential for a resource."""
    variables = {"client_id": CLIENT, "resource": resource, "scope": provider.SCOPE}
    how = {"definition": "resource", "variables": variables, **how}
    secret = far.clients[CLIENT].secret
    add(near, far, name, "--secret-stdin=client_secret", secret=secret, **how)
