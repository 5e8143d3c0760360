"""What is stored outlives the daemon, and the provider isn't needed for it."""

import process
from report import equal, require

UNAVAILABLE = 4


def run(report, near, far):
    """Kills and restarts the daemon, with the provider and without."""
    issued = {name: far.issued(name) for name in ("long", "form", "orders")}

    with report.check("after kill -9 get prints the stored tokens, and the provider isn't asked"):
        near.server.kill()
        near.start()
        for name, tokens in issued.items():
            equal(near.get(name), tokens[-1], name)
            equal(far.issued(name), tokens, f"what the provider issued for {name}")

    with report.check("after kill -9 with the provider down get prints the stored tokens"):
        near.server.kill()
        far.server.stop()
        near.start()
        for name, tokens in issued.items():
            equal(near.get(name), tokens[-1], name)
            shown = near.show(name)
            # An attempt would have failed.
            equal((shown["state"], shown["last_failure"]), ("FRESH", None), name)

    with report.check("a token whose life is over isn't served: get says what is wrong instead"):

        def refusal():
            ended = near.cli("get", "short", expect=None)
            return ended if ended.returncode != 0 else None

        ended = process.until("the token's life is over", refusal)
        equal(ended.returncode, UNAVAILABLE, "the exit status")
        require("connect" in ended.stderr and not ended.stdout, str(ended))

    with report.check("tokend ends in order on SIGTERM within 5 s, with the provider down"):
        equal(near.server.stop(seconds=5), 0, "the exit code")
        require(not near.socket.exists(), f"{near.socket} is left behind")
