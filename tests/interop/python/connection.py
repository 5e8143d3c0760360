"""Makes one connection of gRPC's C core do what connections do; argument: the socket.

The C core names the socket's path as the authority of each call, which is no host.
"""

import sys
from pathlib import Path

import grpc

from report import Report, equal, require

ROOT = Path(__file__).parents[3]
TIMEOUT = 10
# Enough to fill HPACK's table of 4,096 bytes many times over.
CALLS = 500
SHORTLY = 0.2

sys.path.append(str(ROOT / "proto"))
protos, services = grpc.protos_and_services("tokend/v1/token.proto")

ACQUIRE = protos.AcquireTokenRequest(name="long")
WATCH = protos.WatchTokensRequest(names=["long"])


def acquire(tokens, *metadata):
    """Returns the id of the token."""
    return tokens.AcquireToken(ACQUIRE, timeout=TIMEOUT, metadata=metadata).token.token_id


def ending(updates):
    """Reads a stream to its end and returns the code that it ends with."""
    try:
        for _ in updates:
            pass
    except grpc.RpcError as error:
        return error.code()
    return grpc.StatusCode.OK


def run(report, tokens):
    """Runs all checks on one channel."""
    with report.check(f"{CALLS} calls with other metadata each are served"):
        held = acquire(tokens)
        for number in range(CALLS):
            note = (f"note-{number % 70}", f"/a%2Fb/{number}" * (number % 9))
            equal(acquire(tokens, note, ("same", "/always")), held, f"call {number}")
    with report.check("a stream ends at its deadline"):
        ended = ending(tokens.WatchTokens(WATCH, timeout=SHORTLY))
        equal(ended, grpc.StatusCode.DEADLINE_EXCEEDED, "the code")
    with report.check("a stream that is cancelled ends, and the others go on"):
        one, other = (tokens.WatchTokens(WATCH, timeout=TIMEOUT) for _ in range(2))
        equal([next(one).name, next(other).name], ["long", "long"], "the first updates")
        one.cancel()
        equal(ending(one), grpc.StatusCode.CANCELLED, "the code")
        require(other.is_active(), "the other stream has ended")
        other.cancel()
        equal(acquire(tokens), held, "the token")
    with report.check("metadata of 15,000 bytes is served, of more than 16 KiB is not"):
        equal(acquire(tokens, ("large", "x" * 15_000)), held, "the token")
        for size in (20_000, 70_000, 200_000):
            try:
                acquire(tokens, ("large", "x" * size))
            except grpc.RpcError:
                equal(acquire(tokens), held, f"the token after {size} bytes")
            else:
                require(False, f"{size} bytes were served")


def main():
    """Opens the channel by default settings."""
    report = Report()
    with grpc.insecure_channel(f"unix:{sys.argv[1]}") as channel:
        run(report, services.TokenServiceStub(channel))
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
