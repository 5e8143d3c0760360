"""Each refresh token is sent once, and the one that comes back takes its place."""

import threading
import time

from checks.issuance import add
from report import equal, require

PERSON_MUST_ACT = 5
NAME = "rotating"


def add_refresh_token(near, far, name, **how):
    """Adds a credential with a refresh token, as a login of a user would bring it."""
    secret = {"CLIENT_SECRET": far.clients[name].secret}
    how = {"definition": "oauth2-refresh-token", "variables": {"user": "ann"}, **how}
    flags = ["--secret-stdin=refresh_token", "--secret-env=client_secret=CLIENT_SECRET"]
    return add(near, far, name, *flags, secret=far.grant(name), env=secret, **how)


def add_password(near, far, name, **how):
    """Adds a credential with a password, whose first token brings a refresh token."""
    secret = {"CLIENT_SECRET": far.clients[name].secret}
    how = {"secret": far.users["ann"], **how}
    variables = {"username": "ann", "client_auth": "basic"}
    how = {"definition": "oauth2-password", "variables": variables, "env": secret, **how}
    flags = ["--secret-stdin=password", "--secret-env=client_secret=CLIENT_SECRET"]
    return add(near, far, name, *flags, **how)


def unbroken(far, name):
    """Fails unless each refresh sent what the one before had brought; returns all of them."""
    entries = far.log(name)
    pairs = zip(entries, entries[1:], strict=False)
    strange = [new["number"] for old, new in pairs if new["sent"] != old["refresh_token"]]
    equal(strange, [], "requests with another refresh token than the last one")
    equal([entry["number"] for entry in entries if entry["reused"]], [], "reuses")
    return entries


def run(report, near, far):
    """Follows one chain of refresh tokens, until someone else breaks it."""
    with report.check(f"{far.name}: each refresh sends what the one before has brought"):
        add_refresh_token(near, far, NAME)
        for _ in range(4):
            near.cli("refresh", NAME)
        equal(len(unbroken(far, NAME)), 5, "requests")
        equal(near.get(NAME), far.issued(NAME)[-1], "the token")

    with report.check(f"{far.name}: the chain goes on after kill -9"):
        near.server.kill()
        near.start()
        near.cli("refresh", NAME)
        equal(len(unbroken(far, NAME)), 6, "requests")

    with report.check(f"{far.name}: on SIGTERM tokend waits for the answer, and keeps it"):
        far.hold(NAME, "answer")
        refresh = near.begin("refresh", NAME)
        far.held()
        ending = threading.Thread(target=near.server.stop)
        ending.start()
        time.sleep(0.3)
        far.release()
        ending.join()
        refresh.communicate()
        near.start()
        entries = unbroken(far, NAME)
        equal((len(entries), near.get(NAME)), (7, entries[-1]["access_token"]), "the token")
        near.cli("refresh", NAME)
        equal(len(unbroken(far, NAME)), 8, "requests")

    with report.check(f"{far.name}: once someone else used the refresh token, a login is needed"):
        far.refresh(NAME, far.log(NAME)[-1]["refresh_token"])
        before = len(far.log(NAME))
        said = near.cli("refresh", NAME, expect=PERSON_MUST_ACT).stderr
        require("log" in said, said)
        require(far.log(NAME)[-1]["reused"], "the provider has noticed nothing")
        for _ in range(3):
            near.cli("get", NAME, expect=None)
        equal(len(far.log(NAME)), before + 1, "requests")
        near.cli("remove", NAME, "--yes")
