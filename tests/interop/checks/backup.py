"""A store that was restored from a backup sends no refresh token that it had replaced."""

import shutil

import daemon
from checks.rotation import add_refresh_token
from report import equal, require

PERSON_MUST_ACT = 5
NAME = "restored"


def run(report, programs, far, work, env):
    """Puts an older state directory in the place of the newer one."""
    near = daemon.Daemon(programs, work / "restored", env)
    backup = work / "backup"
    near.init()
    try:
        near.start()
        with report.check("a backup of an hour ago is put back after two refreshes"):
            add_refresh_token(near, far, NAME)
            near.server.stop()
            shutil.copytree(near.state, backup)
            near.start()
            near.cli("refresh", NAME)
            near.cli("refresh", NAME)
            near.server.kill()
            shutil.rmtree(near.state)
            shutil.copytree(backup, near.state)
            near.start()

        with report.check("its refresh token isn't sent: refresh says why, and what to do"):
            before = far.log(NAME)
            equal(near.get(NAME), before[0]["access_token"], "the token of the backup")
            said = near.cli("refresh", NAME, expect=PERSON_MUST_ACT).stderr
            require("restored" in said and "login" in said, said)
            equal(far.log(NAME), before, "requests")

        with report.check("nor is it after another restart, and a new login mends it"):
            near.server.kill()
            near.start()
            near.cli("refresh", NAME, expect=PERSON_MUST_ACT)
            equal(far.log(NAME), before, "requests")
            near.cli("remove", NAME, "--yes")
            add_refresh_token(near, far, NAME)
            near.cli("refresh", NAME)
            equal([entry["reused"] for entry in far.log(NAME)], [False] * 5, "reuses")
    finally:
        near.server.kill()
