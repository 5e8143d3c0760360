"""People log in on the provider's pages: authorization code, PKCE, and back."""

import threading

from browser import Browser, altered, visit
from checks.issuance import claims
from checks.rotation import unbroken
from provider import RESOURCES
from report import equal, require
from session import Session

UNAVAILABLE = 4
PERSON_MUST_ACT = 5
SCOPE = "openid offline_access api:read"


def add_login(near, far, name, definition="oidc-login", **variables):
    """Adds a credential that a person has to log in for."""
    secret = far.clients[name].secret
    variables = {"client_id": name, "ca_file": far.ca_file, "scope": SCOPE, **variables}
    variables.setdefault("client_auth", "basic" if secret else "none")
    if definition == "oidc-login":
        variables["issuer"] = far.url
    flags = [f"--var={key}={value}" for key, value in variables.items()]
    flags += ["--secret-stdin=client_secret"] if secret else []
    return near.cli("add", name, "--provider", definition, *flags, secret=secret, expect=0)


def log_in(near, far, name):
    """Logs in and follows the browser back to the port that `tokend-cli` listens at."""
    session = Session(near, name, "--no-browser")
    left = Browser(far).log_in(session.url())
    status, page = visit(left)
    session.end()
    return status, page


def run(report, near, far):
    """Logs in with each kind of client, and in each way that a redirect can come back."""
    with report.check("a credential that nobody has logged in for says how to"):
        add_login(near, far, "login")
        said = near.cli("get", "login", expect=PERSON_MUST_ACT).stderr
        require("tokend-cli login login" in said, said)
        equal(far.log("login"), [], "requests")

    for name, what in (("login", "confidential client"), ("public", "public client")):
        with report.check(f"authorization code with PKCE, {what}, by a port of this machine"):
            if name != "login":
                add_login(near, far, name)
            status, page = log_in(near, far, name)
            equal(status, 200, f"the page said {page!r}; its status")
            entries = far.log(name)
            seen = [(e["status"], e["grant"], e["verified"]) for e in entries]
            equal(seen, [(200, "authorization_code", True)], "requests")
            equal(near.get(name), entries[0]["access_token"], "the token")
            told = far.introspect(near.get(name))
            equal((told["active"], told["sub"]), (True, "ann"), "the introspection")

        with report.check(f"{what}: what the login left behind brings the next tokens"):
            for _ in range(3):
                near.cli("refresh", name)
            near.server.kill()
            near.start()
            near.cli("refresh", name)
            equal(len(unbroken(far, name)), 5, "requests")
            equal(near.get(name), far.issued(name)[-1], "the token")

    with report.check("a client that knows no PKCE"):
        urls = {"authorization_url": f"{far.url}/auth", "token_url": f"{far.url}/token"}
        how = {"prompt": "consent", "pkce": "false", **urls}
        add_login(near, far, "no-pkce", "oauth2-authorization-code", **how)
        log_in(near, far, "no-pkce")
        near.cli("refresh", "no-pkce")
        verified = [entry["verified"] for entry in unbroken(far, "no-pkce")]
        equal(verified, [False, False], "code verifiers")

    with report.check("a redirect to a page that isn't this machine's is pasted"):
        add_login(near, far, "web", redirect_uri="https://app.example/callback")
        session = Session(near, "web")
        session.paste(Browser(far).log_in(session.url()))
        session.end()
        equal(near.get("web"), far.issued("web")[-1], "the token")

    with report.check("a login for a resource, and the next tokens, are for it (RFC 8707)"):
        add_login(near, far, "resourceful", resource=RESOURCES[0])
        log_in(near, far, "resourceful")
        near.cli("refresh", "resourceful")
        equal(len(unbroken(far, "resourceful")), 2, "requests")
        for token in far.issued("resourceful"):
            told = claims(token)
            seen = {key: told.get(key) for key in ("aud", "sub", "scope")}
            equal(seen, {"aud": RESOURCES[0], "sub": "ann", "scope": "api:read"}, "the claims")

    with report.check("the URL that the browser ended at can be pasted", essential=True):
        before = near.get("login")
        session = Session(near, "login", "--paste")
        session.paste(Browser(far).log_in(session.url()))
        session.end()
        require(near.get("login") not in ("", before), "the old token is served")
        equal(near.get("login"), far.issued("login")[-1], "the token")

    held = near.get("login")
    for parameter, value, sentence in (
        ("state", "somebody-elses", "another state"),
        ("iss", "https://evil.example", "another issuer"),
        ("iss", None, "no issuer, from a provider that says it always names it"),
    ):
        with report.check(f"a redirect with {sentence} is refused, and the login goes on"):
            before = len(far.log("login"))
            session = Session(near, "login", "--no-browser")
            left = Browser(far).log_in(session.url())
            status, page = visit(altered(left, **{parameter: value}))
            require(status >= 400, f"{status}: {page}")
            session.line("not taken: ")
            equal(len(far.log("login")), before, "requests")
            equal(near.get("login"), held, "the token")
            visit(left)
            session.end()
            held = near.get("login")
            equal(held, far.issued("login")[-1], "the token")

    with report.check("a person who declines changes nothing"):
        before = len(far.log("login"))
        session = Session(near, "login", "--no-browser")
        visit(Browser(far).log_in(session.url(), declines=True))
        session.end(PERSON_MUST_ACT)
        equal((near.get("login"), len(far.log("login"))), (held, before), "token, requests")

    with report.check("Ctrl-C changes nothing, and another login can begin at once"):
        session = Session(near, "login", "--no-browser")
        left = Browser(far).log_in(session.url())
        session.interrupt()
        session.end(130)
        equal((near.get("login"), len(far.log("login"))), (held, before), "token, requests")
        log_in(near, far, "login")

    with report.check("a login that kill -9 ends changes nothing: the one before still serves"):
        held = near.get("login")
        refresh_token = far.log("login")[-1]["refresh_token"]
        session = Session(near, "login", "--no-browser")
        left = Browser(far).log_in(session.url())
        far.hold("login", "answer")
        tab = threading.Thread(target=visit, args=[left])
        tab.start()
        far.held()
        near.server.kill()
        far.release()
        tab.join()
        session.end(UNAVAILABLE)
        near.start()
        equal(near.get("login"), held, "the token")
        near.cli("refresh", "login")
        equal(far.log("login")[-1]["sent"], refresh_token, "the refresh token")

    with report.check("revoke ends what came of the login, refresh token and all"):
        token = near.get("login")
        refresh_token = far.log("login")[-1]["refresh_token"]
        near.cli("revoke", "login", "--yes")
        for what in (token, refresh_token):
            equal(far.introspect(what), {"active": False}, "the introspection")
        near.cli("get", "login", expect=PERSON_MUST_ACT)
        log_in(near, far, "login")
        equal(near.get("login"), far.issued("login")[-1], "the token")
