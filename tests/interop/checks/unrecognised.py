"""A client whose secret is refused keeps its refresh token for the right one."""

from checks.issuance import add
from report import equal, require

PERSON_MUST_ACT = 5
NAME = "unrecognised"


def run(report, near, far):
    """Has the provider refuse a client's secret, as one that has expired."""
    refresh_token = far.grant(NAME)
    with report.check(f"{far.name}: a client secret that is refused asks nobody to log in"):
        flags = ["--secret-stdin=refresh_token", "--secret-env=client_secret=CLIENT_SECRET"]
        how = {"definition": "oauth2-refresh-token", "variables": {"user": "ann"}}
        how |= {"secret": refresh_token, "env": {"CLIENT_SECRET": "expired"}}
        said = add(near, far, NAME, *flags, expect=PERSON_MUST_ACT, **how).stderr
        equal(far.log(NAME)[-1]["error"], "invalid_client", "the answer")
        require("client authentication failed" in said and "login" not in said, said)
        near.server.kill()
        near.start()
        said = near.cli("get", NAME, expect=PERSON_MUST_ACT).stderr
        require("login" not in said, said)

    with report.check(f"{far.name}: with the right secret the same refresh token brings a token"):
        secret = far.clients[NAME].secret
        near.cli("set-secret", NAME, "client_secret", "--now", secret=secret)
        last = far.log(NAME)[-1]
        equal((last["status"], last["sent"]), (200, refresh_token), "the request")
        equal(near.get(NAME), last["access_token"], "the token")
        near.cli("refresh", NAME)
        equal([entry["reused"] for entry in far.log(NAME)], [False] * 3, "reuses")
