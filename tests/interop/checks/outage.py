"""A provider that is out of order costs nobody a login, unless what it was sent may be spent."""

from checks.login import add_login, log_in
from checks.rotation import unbroken
from report import equal, require

UNAVAILABLE = 4
PERSON_MUST_ACT = 5
NAME = "outage"
METADATA = "/.well-known/openid-configuration"
HANGING_UP = ""


def run(report, near, far):
    """Has a provider fail in the middle of refreshes that begin with its metadata."""
    add_login(near, far, NAME)
    log_in(near, far, NAME)
    for path, status in (
        (METADATA, 503),
        (METADATA, HANGING_UP),
        ("/token", 429),
        ("/token", 500),
        ("/token", 503),
    ):
        what = f"{status} of {path}" if status else f"{path} without an answer"
        with report.check(f"{far.name}: {what} leaves what a login left behind"):
            before = len(far.log(NAME))
            far.fail(path, status, client=NAME)
            near.cli("refresh", NAME, expect=UNAVAILABLE)
            near.cli("refresh", NAME)
            equal(len(unbroken(far, NAME)), before + 1, "requests that the provider took")

    for status, what in ((502, "a gateway's 502"), (HANGING_UP, "no answer")):
        with report.check(f"{far.name}: after {what} of /token a person has to log in"):
            before = len(far.log(NAME))
            far.fail("/token", status, client=NAME)
            for _ in range(2):
                said = near.cli("refresh", NAME, expect=PERSON_MUST_ACT).stderr
                require(f"tokend-cli login {NAME}" in said, said)
            log_in(near, far, NAME)
            near.cli("refresh", NAME)
            equal(len(far.log(NAME)), before + 2, "requests that the provider took")
