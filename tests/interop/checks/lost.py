"""When an answer was lost, what is held is served to its end, and then a login is needed."""

import process
from checks.rotation import add_refresh_token
from report import equal, require

PERSON_MUST_ACT = 5
NAME = "brief"


def run(report, near, far):
    """Loses the answer to a refresh of a credential whose tokens don't live long."""
    life = far.clients[NAME].life
    with report.check(f"{far.name}: a lost answer leaves the token of {life} s that is held"):
        add_refresh_token(near, far, NAME)
        token = near.get(NAME)
        far.hold(NAME, "answer")
        refresh = near.begin("refresh", NAME)
        far.held()
        near.server.kill()
        far.release()
        refresh.communicate()
        near.start()
        equal(near.get(NAME), token, "the token")

    with report.check(f"{far.name}: when it ends, get says that a login is needed"):

        def refusal():
            ended = near.cli("get", NAME, expect=None)
            return ended if ended.returncode != 0 else None

        ended = process.until("the token's life is over", refusal)
        equal(ended.returncode, PERSON_MUST_ACT, f"get said {ended.stderr!r}; the exit status")
        require("login" in ended.stderr, ended.stderr)
        said = near.cli("status", expect=None).stdout
        require(NAME in said and "login" in said, said)

    with report.check(f"{far.name}: meanwhile the refresh token wasn't sent once more"):
        near.cli("refresh", NAME, expect=PERSON_MUST_ACT)
        sent = [entry["sent"] for entry in far.log(NAME)]
        equal((len(sent), len(set(sent))), (2, 2), "requests, and refresh tokens in them")
        near.cli("remove", NAME, "--yes")
