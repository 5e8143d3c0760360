"""People log in with a code that they enter elsewhere (RFC 8628)."""

import time

import process
from browser import Browser
from checks.login import add_login
from report import equal, require
from session import Session

PERSON_MUST_ACT = 5
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"


def add_device(near, far, name):
    """Adds a credential for the device flow."""
    if far.name == "oidc-provider":
        return add_login(near, far, name, login="device_code")
    urls = {"device_authorization_url": f"{far.url}/device_authorization"}
    urls["token_url"] = f"{far.url}/token"
    return add_login(near, far, name, "oauth2-device", **urls, scope="api:read")


def enter(far, session, declines=False, when=None):
    """Does what the person does who sees a URL and a code, at once or when it is time."""
    url, code = session.url(), session.code()
    if when:
        process.until("it is time to enter the code", when)
    browser = Browser(far)
    if far.name == "oidc-provider":
        browser.enter_code(url, code, declines)
    else:
        form = browser.open(url).forms[0]
        decision = "deny" if declines else "allow"
        person = {"username": "ann", "password": far.users["ann"], "decision": decision}
        browser.submit(form, user_code=code, **person)


def polls(far, name):
    """Returns the polls of a device."""
    return [entry for entry in far.log(name) if entry["grant"] == DEVICE]


def run(report, near, far):
    """Logs in with a code, and in the ways in which that can end otherwise."""
    with report.check(f"{far.name}: device flow, and the next tokens", essential=True):
        add_device(near, far, "device")
        session = Session(near, "device", "--device")
        enter(far, session)
        session.end()
        for _ in range(2):
            near.cli("refresh", "device")
        entries = [entry for entry in far.log("device") if entry["access_token"]]
        equal([e["grant"] for e in entries], [DEVICE, *["refresh_token"] * 2], "grants")
        sent = [entry["sent"] for entry in entries[1:]]
        equal(sent, [entry["refresh_token"] for entry in entries[:-1]], "refresh tokens")
        equal(near.get("device"), entries[-1]["access_token"], "the token")

    held = near.get("device")
    with report.check(f"{far.name}: a person who declines changes nothing"):
        session = Session(near, "device", "--device")
        enter(far, session, declines=True)
        said = session.end(PERSON_MUST_ACT)
        equal(far.log("device")[-1]["error"], "access_denied", said)
        equal(near.get("device"), held, "the token")

    with report.check(f"{far.name}: after Ctrl-C nobody polls any more, and nothing has changed"):
        session = Session(near, "device", "--device")
        session.code()
        session.interrupt()
        session.end(130)
        before = len(far.log("device"))
        time.sleep(far.patience)
        equal((near.get("device"), len(far.log("device"))), (held, before), "token, requests")

    with report.check(f"{far.name}: a code that nobody enters expires, and the login says so"):
        add_device(near, far, "device-brief")
        session = Session(near, "device-brief", "--device")
        session.code()
        said = session.end(PERSON_MUST_ACT)
        require("expired" in said, said)
    for name in ("device", "device-brief"):
        near.cli("remove", name, "--yes")


def run_hasty(report, near, far):
    """Asks a provider that says `slow_down` at once."""
    with report.check(f"{far.name}: slow_down makes the polls five seconds rarer"):
        add_device(near, far, "device-hasty")
        session = Session(near, "device-hasty", "--device")
        enter(far, session, when=lambda: polls(far, "device-hasty"))
        session.end()
        seen = polls(far, "device-hasty")
        equal([entry["error"] for entry in seen], ["slow_down", None], "answers")
        pause = seen[1]["time"] - seen[0]["time"]
        require(6 <= pause < 8, f"after an interval of 1 s and slow_down, {pause} s")
