"""Credentials are stored, their tokens read, and it is the provider's tokens that are."""

import base64
import json

import provider
from report import equal, require


def claims(token):
    """Reads a JWT, whose signature isn't this suite's to check."""
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


def add(near, far, name, *arguments, definition="oauth2-client-credentials", expect=0, **how):
    """Adds the credential of the provider's client of the same name."""
    variables = {"token_url": f"{far.url}/token", "client_id": name, "ca_file": far.ca_file}
    variables.update(how.pop("variables", {}))
    flags = [f"--var={key}={value}" for key, value in variables.items() if value is not None]
    command = ["add", name, "--provider", definition, *flags, *arguments]
    return near.cli(*command, expect=expect, **how)


def run(report, near, far, work):
    """Adds a credential in each of the ways that secrets can be given and reads its token."""
    secret = {name: client.secret for name, client in far.clients.items()}
    file = work / "secret"
    file.touch(0o600)

    with report.check("add takes a secret from standard input"):
        add(near, far, "short", "--secret-stdin=client_secret", secret=secret["short"])
    with report.check("add takes a secret from a file"):
        file.write_text(secret["form"] + "\n")
        variables = {"client_auth": "post", "scope": "api:read"}
        how = f"--secret-file=client_secret={file}"
        add(near, far, "form", how, variables=variables)
    with report.check("add takes a secret from a command"):
        file.write_text(secret["long"] + "\n")
        add(near, far, "long", f"--secret-command=client_secret=cat '{file}'")
    with report.check("add takes a secret from an environment variable, for a definition of ours"):
        add(
            near,
            far,
            "orders",
            "--secret-env=client_secret=ORDERS_SECRET",
            definition="resource",
            env={"ORDERS_SECRET": secret["orders"]},
            variables={"resource": provider.RESOURCES[0], "scope": provider.SCOPE},
        )
    file.unlink()

    for name, auth in (("long", "client_secret_basic"), ("form", "client_secret_post")):
        with report.check(f"get prints the token that the provider issued by {auth}"):
            entries = far.log(name)
            equal([(e["status"], e["auth"]) for e in entries], [(200, auth)], "requests")
            equal(near.get(name), entries[0]["access_token"], "the token")

    with report.check("the provider calls the token active and the client's own"):
        told = far.introspect(near.get("form"))
        seen = {key: told.get(key) for key in ("active", "client_id", "scope")}
        expected = {"active": True, "client_id": "form", "scope": "api:read"}
        equal(seen, expected, "the introspection")

    with report.check("get prints a JWT for the resource that the definition asks for"):
        token = near.get("orders")
        equal([token], far.issued("orders"), "the token")
        told = claims(token)
        seen = {key: told.get(key) for key in ("aud", "client_id", "scope", "iss")}
        expected = {"aud": provider.RESOURCES[0], "client_id": "orders", "scope": provider.SCOPE}
        equal(seen, {**expected, "iss": far.url}, "the claims")

    with report.check("get --header prints the header that a request needs"):
        header = near.cli("get", "long", "--header").stdout
        equal(header, f"Authorization: Bearer {far.issued('long')[-1]}\n", "the header")

    with report.check("reading tokens sends nothing to the provider"):
        before = len(far.log("long"))
        for _ in range(10):
            near.get("long")
        equal(len(far.log("long")), before, "requests")

    with report.check("refresh gets a new token, which get prints from then on"):
        old = near.get("long")
        near.cli("refresh", "long")
        new = near.get("long")
        require(new != old, "get prints the old token")
        equal(far.issued("long"), [old, new], "what the provider issued")

    with report.check("a token that an API refused is replaced by one that the provider knows"):
        near.cli("reject", "long", "--status", "401")
        after = near.get("long")
        require(after not in (old, new), "the refused token is still served")
        require(far.introspect(after)["active"], "the provider doesn't know the new token")
        equal(far.issued("long"), [old, new, after], "what the provider issued")
        # A new token that is refused, too, isn't what is wrong.
        near.cli("reject", "long", "--status", "401", expect=1)
        equal(near.get("long"), after, "the token")

    with report.check("the ledger tells what the provider's own log tells"):
        causes = [entry["cause"] for entry in near.issuances("long")]
        equal(causes, ["REJECTED", "FORCED", "ABSENT"], "causes, the latest first")
