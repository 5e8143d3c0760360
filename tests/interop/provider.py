"""The far side: oidc-provider, with a certificate of a private authority."""

import json
import os
import re
import secrets
import shutil
import ssl
import urllib.parse
import urllib.request
from dataclasses import asdict, dataclass
from pathlib import Path

import process

SOURCE = Path(__file__).parent / "oidc"

# Everything that RFC 6749, section 2.3.1 wants encoded in a Basic header, and what
# shells and URLs make something else of.
RESERVED = "%2B+ &=:/?#\"'$\\;~"

SCOPE = "api:read api:write"
RESOURCE = "urn:interop:orders"


@dataclass
class Client:
    """A client that the provider knows."""

    secret: str
    auth: str
    life: int


def client(life, auth="client_secret_basic"):
    """Makes a client with a secret of its own."""
    return Client(secrets.token_urlsafe(24) + RESERVED + "x", auth, life)


def install(work):
    """Installs oidc-provider as the lock file has it."""
    directory = work / "oidc"
    directory.mkdir()
    for name in ("package.json", "package-lock.json", ".npmrc", "server.mjs"):
        shutil.copy(SOURCE / name, directory)
    process.run(["npm", "ci"], cwd=directory)


def certify(work):
    """Makes the authority and the server's certificate, for the name localhost only."""
    ca, server = work / "ca", work / "server"
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc", "-days", "2"]
    for command in (
        [*key, "-subj", "/CN=interop authority", "-addext", "keyUsage=critical,keyCertSign"]
        + ["-keyout", f"{ca}.key", "-out", f"{ca}.pem"],
        [*key, "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
        + ["-addext", "basicConstraints=critical,CA:FALSE"]
        + ["-CA", f"{ca}.pem", "-CAkey", f"{ca}.key"]
        + ["-keyout", f"{server}.key", "-out", f"{server}.pem"],
    ):
        process.run(["openssl", "req", "-x509", *command])


class Provider:
    """A running oidc-provider."""

    def __init__(self, work, env):
        # A refresh ahead of expiry is to be seen while the suite runs.
        short = int(os.environ.get("INTEROP_TOKEN_LIFE", "10"))
        self.clients = {
            "short": client(short),
            "long": client(3600),
            "form": client(3600, auth="client_secret_post"),
            "orders": client(3600),
            "untrusted": client(3600),
            "misnamed": client(3600),
            "mistyped": client(3600),
            "inspector": client(3600),
        }
        self.ca_file = work / "ca.pem"
        self.settings = work / "provider.json"
        self.settings.touch(0o600)
        self.settings.write_text(
            json.dumps(
                {
                    "cert": f"{work}/server.pem",
                    "key": f"{work}/server.key",
                    "scope": SCOPE,
                    "clients": {id: asdict(client) for id, client in self.clients.items()},
                }
            )
        )
        self.url = None
        self.server = process.Server(
            "the provider",
            ["node", str(work / "oidc/server.mjs"), str(self.settings)],
            work / "provider.log",
            env,
        )

    def start(self):
        """Starts it; its address is known afterwards."""

        def address():
            found = re.search(r"^serving (\S+)$", self.server.log.read_text(), re.MULTILINE)
            return found and found.group(1)

        self.url = self.server.start(address)

    def log(self, client=None):
        """Returns what the token endpoint was asked and has answered so far."""
        return [e for e in json.loads(self._fetch("/log")) if client in (None, e["client"])]

    def issued(self, client):
        """Returns the tokens that were issued to a client, the last one last."""
        return [e["access_token"] for e in self.log(client) if e["access_token"]]

    def introspect(self, token):
        """Asks the provider what a token is (RFC 7662)."""
        form = {"client_id": "inspector", "client_secret": self.clients["inspector"].secret}
        form = urllib.parse.urlencode({**form, "token": token})
        return json.loads(self._fetch("/token/introspection", form.encode()))

    def _fetch(self, path, body=None):
        trust = ssl.create_default_context(cafile=self.ca_file)
        handlers = [urllib.request.HTTPSHandler(context=trust), urllib.request.ProxyHandler({})]
        opener = urllib.request.build_opener(*handlers)
        with opener.open(self.url + path, body, timeout=process.DEADLINE) as answer:
            return answer.read()
