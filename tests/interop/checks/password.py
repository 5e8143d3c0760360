"""A password brings the first token, refresh tokens the others, and the password again."""

from checks.rotation import add_password, unbroken
from report import equal, require

PERSON_MUST_ACT = 5
NAME = "people"


def grants(entries):
    """Returns by which grants tokens were asked for."""
    return [entry["grant"] for entry in entries]


def run(report, near, far):
    """Follows a user's credential from its password to a refresh token that is refused."""
    with report.check(f"{far.name}: the password is sent once, then refresh tokens are"):
        add_password(near, far, NAME)
        for _ in range(3):
            near.cli("refresh", NAME)
        entries = unbroken(far, NAME)
        equal(grants(entries), ["password", *["refresh_token"] * 3], "grants")
        equal(near.get(NAME), entries[-1]["access_token"], "the token")
        told = far.introspect(near.get(NAME))
        equal((told["active"], told["username"]), (True, "ann"), "the introspection")

    with report.check(f"{far.name}: the password serves when the refresh token is refused"):
        far.refresh(NAME, far.log(NAME)[-1]["refresh_token"])
        before = len(far.log(NAME))
        near.cli("refresh", NAME)
        entries = far.log(NAME)[before:]
        equal(grants(entries), ["refresh_token", "password"], "grants")
        require(far.introspect(near.get(NAME))["active"], "the token is over")

    with report.check(f"{far.name}: a wrong password is refused, and sent once only"):
        near.cli("remove", NAME, "--yes")
        before = len(far.log(NAME))
        add_password(near, far, NAME, secret="not-the-password", expect=PERSON_MUST_ACT)
        near.cli("get", NAME, expect=PERSON_MUST_ACT)
        equal(grants(far.log(NAME)[before:]), ["password"], "grants")
        near.cli("remove", NAME, "--yes")
