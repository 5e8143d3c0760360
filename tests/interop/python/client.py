"""Calls tokend as any gRPC client may: grpcio, and no code generated for tokend.

Arguments: the callers' socket and the operators' socket. Standard input: the
token that the credential `long` holds. tokend's messages are learnt by reflection.
"""

import sys

import grpc
from google.protobuf import descriptor_pool, message_factory
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)
from grpc_status import rpc_status

from report import Report, equal, require

TIMEOUT = 10

TOKENS = "tokend.v1.TokenService"
EVERYWHERE = {
    TOKENS,
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
}
OPERATORS = {
    "tokend.v1.AdminService",
    "tokend.v1.CredentialService",
    "tokend.v1.ProviderService",
}


class Reflected:
    """A service whose methods and messages the server itself described."""

    def __init__(self, channel, service):
        pool = descriptor_pool.DescriptorPool(ProtoReflectionDescriptorDatabase(channel))
        self._channel = channel
        self._service = pool.FindServiceByName(service)

    def call(self, method, **fields):
        """Calls a unary method."""
        method = self._service.methods_by_name[method]
        request, response = map(
            message_factory.GetMessageClass, (method.input_type, method.output_type)
        )
        call = self._channel.unary_unary(
            f"/{self._service.full_name}/{method.name}",
            request_serializer=request.SerializeToString,
            response_deserializer=response.FromString,
        )
        return call(request(**fields), timeout=TIMEOUT)

    def stream(self, method, **fields):
        """Calls a method that answers with a stream."""
        method = self._service.methods_by_name[method]
        request, response = map(
            message_factory.GetMessageClass, (method.input_type, method.output_type)
        )
        call = self._channel.unary_stream(
            f"/{self._service.full_name}/{method.name}",
            request_serializer=request.SerializeToString,
            response_deserializer=response.FromString,
        )
        return call(request(**fields), timeout=TIMEOUT)


def refusal(call):
    """Returns the error that a call ends with."""
    try:
        answer = call()
    except grpc.RpcError as error:
        return error
    require(False, f"answered with {answer}")


def services_by_v1(channel):
    """Lists the services by the newer protocol, whose messages are the older one's."""
    call = channel.stream_stream(
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
        response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
    )
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    answers = list(call(iter([request]), timeout=TIMEOUT))
    return [service.name for service in answers[0].list_services_response.service]


def check_reflection(report, callers, operators):
    """Checks that each socket shows what it serves."""
    for name, channel, services in (
        ("callers'", callers, EVERYWHERE),
        ("operators'", operators, EVERYWHERE | OPERATORS),
    ):
        with report.check(f"grpcio sees by reflection all that the {name} socket serves, no more"):
            seen = ProtoReflectionDescriptorDatabase(channel).get_services()
            equal(sorted(seen), sorted(services), "v1alpha")
            equal(sorted(services_by_v1(channel)), sorted(services), "v1")

    with report.check("the callers' socket doesn't answer for a service that it doesn't show"):
        listing = callers.unary_unary("/tokend.v1.CredentialService/ListCredentials")
        error = refusal(lambda: listing(b"", timeout=TIMEOUT))
        equal(error.code(), grpc.StatusCode.UNIMPLEMENTED, "the code")


def check_health(report, channel):
    """Checks the standard health service."""
    health = health_pb2_grpc.HealthStub(channel)

    def check(service):
        request = health_pb2.HealthCheckRequest(service=service)
        return health.Check(request, timeout=TIMEOUT).status

    for service, what in (("", "the daemon"), (TOKENS, "a service"), ("long", "a credential")):
        with report.check(f"the health of {what} is SERVING"):
            equal(check(service), health_pb2.HealthCheckResponse.SERVING, "the status")
    with report.check("the health of a credential that was refused is NOT_SERVING"):
        equal(check("mistyped"), health_pb2.HealthCheckResponse.NOT_SERVING, "the status")
    with report.check("the health of an unknown name is NOT_FOUND"):
        error = refusal(lambda: check("nobody-knows-me"))
        equal(error.code(), grpc.StatusCode.NOT_FOUND, "the code")


def check_tokens(report, channel, expected):
    """Checks the main job, and how its refusal reads."""
    with report.check("grpcio acquires the token by nothing but reflection"):
        answer = Reflected(channel, TOKENS).call("AcquireToken", name="long")
        require(answer.token.value == expected, "it isn't the token that tokend-cli prints")
        require(answer.token.token_id not in ("", expected), "token_id")
        placements = [(p.header, p.value) for p in answer.token.placements]
        equal(placements, [("Authorization", f"Bearer {expected}")], "placements")
        life = answer.token.expire_time.seconds - answer.token.issue_time.seconds
        require(3590 <= life <= 3600, f"a life of {life} s")
        require(0 < answer.remaining.seconds <= life, f"{answer.remaining.seconds} s remain")

    with report.check("who has the token already is told so"):
        service = Reflected(channel, TOKENS)
        held = answer.token.token_id
        same = service.call("AcquireToken", name="long", if_none_match=held)
        require(same.unchanged and not same.HasField("token"), "unchanged, and no token")
        changed = service.call("AcquireToken", name="long", if_none_match="another")
        require(changed.token.value == expected and not changed.unchanged, "the token")

    with report.check("a report about a token that isn't held costs nothing and says so"):
        ruling = service.call("ReportRejection", name="long", token_id="older", status=401)
        equal((ruling.outcome, ruling.token_id), (1, held), "SUPERSEDED, and the token's id")

    with report.check("an unknown credential is told by google.rpc.ErrorInfo"):
        service = Reflected(channel, TOKENS)
        error = refusal(lambda: service.call("AcquireToken", name="nobody-knows-me"))
        # The suite's own user is an operator, who may know that there is none.
        equal(error.code(), grpc.StatusCode.NOT_FOUND, "the code")
        status = rpc_status.from_call(error)
        require(status is not None, f"no grpc-status-details-bin in {error.trailing_metadata()}")
        info = error_details_pb2.ErrorInfo()
        require(any(d.Unpack(info) for d in status.details), f"no ErrorInfo in {status}")
        equal((info.domain, info.reason), ("tokend", "CREDENTIAL_NOT_FOUND"), "domain and reason")


def check_watch(report, channel):
    """Checks that a stream tells of a token that another caller hands over."""
    service = Reflected(channel, TOKENS)
    with report.check("a stream tells at once how things are with each name"):
        updates = service.stream("WatchTokens", names=["sliding", "nobody-knows-me"])
        first = {update.name: update for update in (next(updates), next(updates))}
        held = first["sliding"].token
        require(held.token_id and not first["sliding"].HasField("absence"), "the token")
        absence = first["nobody-knows-me"].absence
        seen = (absence.code, absence.reason)
        expected = (grpc.StatusCode.NOT_FOUND.value[0], "CREDENTIAL_NOT_FOUND")
        equal(seen, expected, "code and reason of what isn't there")

    with report.check("a token that one caller submits is what the stream tells next"):
        newer = "newer-" + held.token_id
        submitted = service.call(
            "SubmitRotation", name="sliding", token_id=held.token_id, value=newer
        )
        equal(submitted.outcome, 1, "ACCEPTED")
        update = next(updates)
        equal((update.name, update.token.value), ("sliding", newer), "the update")
        equal(update.token.token_id, submitted.token_id, "its id")
        updates.cancel()

    with report.check("a token that was replaced before has no successor any more"):
        error = refusal(
            lambda: service.call(
                "SubmitRotation", name="sliding", token_id=held.token_id, value="late"
            )
        )
        equal(error.code(), grpc.StatusCode.ABORTED, "the code")


def main():
    """Runs all checks."""
    report = Report()
    expected = sys.stdin.read()
    callers, operators = (grpc.insecure_channel(f"unix:{path}") for path in sys.argv[1:])
    with callers, operators:
        check_reflection(report, callers, operators)
        check_health(report, callers)
        check_tokens(report, callers, expected)
        check_watch(report, callers)
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
