#!/usr/bin/env python3
"""Prints the request headers that a token of tokend's goes into: acquire.py NAME [STATUS].

With the status of an API's answer, 401 say, the token was refused by the API: it is
reported, and the headers are another token's, if there is one.
"""

import os
import sys
from pathlib import Path

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

sys.path.append(str(Path(__file__).parents[2] / "proto"))
protos, services = grpc.protos_and_services("tokend/v1/token.proto")

# Long enough for a login at a slow provider.
TIMEOUT = 30


def acquire(tokens, name, status=None):
    """Returns the token, or another one if the API refused it with a status."""
    request = protos.AcquireTokenRequest(name=name)
    token = tokens.AcquireToken(request, timeout=TIMEOUT).token
    if status is None:
        return token
    report = protos.ReportRejectionRequest(name=name, token_id=token.token_id, status=status)
    ruling = tokens.ReportRejection(report, timeout=TIMEOUT)
    if ruling.token_id in ("", token.token_id):
        sys.exit(f"{name}: {ruling.Outcome.Name(ruling.outcome)}: {ruling.message}")
    return tokens.AcquireToken(request, timeout=TIMEOUT).token


def reason(error):
    """Returns what an error says to programs: PROVIDER_UNAVAILABLE, say."""
    status = rpc_status.from_call(error)
    info = error_details_pb2.ErrorInfo()
    if status and any(detail.Unpack(info) for detail in status.details):
        return info.reason
    return error.code().name


def main(name, status=None):
    """Prints a header a line, as `curl --header @-` reads them."""
    socket = os.environ.get("TOKEND_SOCKET", "/run/tokend/tokend.sock").removeprefix("unix://")
    with grpc.insecure_channel(f"unix:{socket}") as channel:
        try:
            token = acquire(services.TokenServiceStub(channel), name, status and int(status))
        except grpc.RpcError as error:
            sys.exit(f"{name}: {reason(error)}: {error.details()}")
    for placement in token.placements:
        if placement.HasField("header"):
            print(f"{placement.header}: {placement.value}")


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit("usage: acquire.py NAME [STATUS]")
    main(*sys.argv[1:])
