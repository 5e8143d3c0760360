"""Tokens are replaced ahead of their expiry, and callers never notice."""

import process
from report import equal, require


def run(report, near, far):
    """Watches the short-lived tokens of one credential through two refreshes."""
    life = far.clients["short"].life

    with report.check(f"tokens of {life} s are replaced twice while get always prints a live one"):
        printed = []

        def third():
            token = near.get("short")
            if token not in printed:
                require(far.introspect(token)["active"], "get prints a token that has expired")
                printed.append(token)
            return len(printed) == 3

        process.until("get printed a third token", third, 4 * life + process.DEADLINE)
        issued = far.issued("short")
        start = issued.index(printed[0])
        equal(issued[start : start + 3], printed, "what the provider issued")

    with report.check("each token was replaced ahead of its expiry, and not too soon"):
        times = [entry["time"] for entry in far.log("short")]
        ages = [new - old for old, new in zip(times, times[1:], strict=False)]
        require(len(ages) >= 2, f"requests at {times}")
        require(all(life / 4 < age < life for age in ages), f"a life of {life} s: {ages}")
