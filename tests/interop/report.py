"""Prints one line for each check and counts them."""

import contextlib
import traceback


class Failed(Exception):
    """A check's own finding: what was seen, and what should have been."""


class Unusable(Exception):
    """The checks that follow have nothing to stand on."""


def require(condition, details):
    """Fails the check that runs unless the condition holds."""
    if not condition:
        raise Failed(details)


def equal(seen, expected, what):
    """Fails the check that runs unless both are the same."""
    require(seen == expected, f"{what}: expected {expected!r}, seen {seen!r}")


class Report:
    """What passed and what failed so far."""

    def __init__(self):
        self.passed = 0
        self.failed = 0

    @contextlib.contextmanager
    def check(self, sentence, essential=False):
        """Runs the body as a check; without an essential one there is no going on."""
        try:
            yield
        except Exception as error:
            known = isinstance(error, Failed)
            self.not_ok(sentence, str(error) if known else traceback.format_exc())
            if essential:
                raise Unusable from error
        else:
            self.ok(sentence)

    def ok(self, sentence):
        """Notes that a check passed."""
        self.passed += 1
        print(f"ok - {sentence}", flush=True)

    def not_ok(self, sentence, details):
        """Notes that a check failed."""
        self.failed += 1
        print(f"not ok - {sentence}")
        for line in details.rstrip().splitlines():
            print(f"  {line}", flush=True)
