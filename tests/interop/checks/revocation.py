"""A token that is revoked (RFC 7009) is over at the provider and here."""

from report import equal, require

NAME = "revoked"


def run(report, near, far):
    """Revokes a token of a provider that says where its endpoints are."""
    with report.check("a provider's metadata lead to its endpoints"):
        variables = {"issuer": far.url, "client_id": NAME, "ca_file": far.ca_file}
        flags = [f"--var={key}={value}" for key, value in variables.items()]
        command = ["add", NAME, "--provider", "oidc-client-credentials", *flags]
        near.cli(*command, "--secret-stdin=client_secret", secret=far.clients[NAME].secret)
        equal(near.get(NAME), far.issued(NAME)[-1], "the token")

    with report.check("revoke ends the token at the provider, and tokend asks for no other"):
        token = near.get(NAME)
        require(far.introspect(token)["active"], "the token isn't active to begin with")
        before = far.issued(NAME)
        near.cli("revoke", NAME, "--yes")
        equal(far.introspect(token), {"active": False}, "the introspection")
        equal(far.issued(NAME), before, "what the provider issued")

    with report.check("who asks after a revocation gets another token, which lives"):
        after = near.get(NAME)
        require(after != token, "the revoked token is served")
        equal(far.issued(NAME), [*before, after], "what the provider issued")
        require(far.introspect(after)["active"], "the provider doesn't know the new token")
