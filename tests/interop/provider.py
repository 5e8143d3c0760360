"""The far side: what the suite needs of a provider, whoever made it."""

import base64
import json
import re
import secrets
import ssl
import urllib.parse
import urllib.request
from dataclasses import dataclass, field

import process
from report import Failed

# Everything that RFC 6749, section 2.3.1 wants encoded in a Basic header, and what
# shells and URLs make something else of.
RESERVED = "%2B+ &=:/?#\"'$\\;~"

SCOPE = "api:read api:write"
RESOURCES = ["urn:interop:orders", "urn:interop:stock"]


@dataclass
class Client:
    """A client that the provider knows."""

    life: int
    secret: str | None
    # How long the codes live that a device shows.
    code_life: int = field(default=600, kw_only=True)
    # As it would register, by RFC 7591.
    metadata: dict = field(default_factory=dict)
    # PEM files of the provider's side.
    public_key: str | None = None
    certificate: str | None = None


def client(life, auth="client_secret_basic", grants=("client_credentials",), **how):
    """Makes a client, with a secret of its own if it uses one."""
    secret = None
    metadata = {"token_endpoint_auth_method": auth, "grant_types": list(grants), "scope": SCOPE}
    if auth.startswith("client_secret"):
        secret = secrets.token_urlsafe(24) + RESERVED + "x"
        metadata["client_secret"] = secret
    metadata.update(how.pop("metadata", {}))
    return Client(life, secret, metadata, **how)


class Provider:
    """A provider that runs, with a certificate of a private authority."""

    def __init__(self, name, command, clients, work, env, users=None, patience=6):
        self.clients = clients
        self.users = users or {}
        self.patience = patience
        self.ca_file = work / "ca.pem"
        self.settings = work / f"{name}.json"
        self.settings.touch(0o600)
        self.settings.write_text(
            json.dumps(
                {
                    "cert": f"{work}/server.pem",
                    "key": f"{work}/server.key",
                    "authority": f"{work}/ca.pem",
                    "scope": SCOPE,
                    "resources": RESOURCES,
                    "clients": {id: vars(client) for id, client in clients.items()},
                    "users": self.users,
                }
            )
        )
        self.name = name
        self.url = None
        trust = ssl.create_default_context(cafile=self.ca_file)
        handlers = [urllib.request.HTTPSHandler(context=trust), urllib.request.ProxyHandler({})]
        self._opener = urllib.request.build_opener(*handlers)
        command = [*command, str(self.settings)]
        self.server = process.Server(name, command, work / f"{name}.log", env)

    def start(self):
        """Starts it; its address is known afterwards."""

        def address():
            found = re.search(r"^serving (\S+)$", self.server.log.read_text(), re.MULTILINE)
            return found and found.group(1)

        self.url = self.server.start(address)

    def log(self, client=None, since=0):
        """Returns what the token endpoint was asked and has answered so far."""
        return [e for e in self.control("log", since=since) if client in (None, e["client"])]

    def issued(self, client):
        """Returns the tokens that were issued to a client, the last one last."""
        return [e["access_token"] for e in self.log(client) if e["access_token"]]

    def introspect(self, token):
        """Asks the provider what a token is (RFC 7662)."""
        form = {"client_id": "inspector", "client_secret": self.clients["inspector"].secret}
        form = urllib.parse.urlencode({**form, "token": token})
        return json.loads(self.fetch("/token/introspection", form.encode()))

    def grant(self, client, scope=SCOPE):
        """Returns a refresh token, as a login of a user would bring."""
        return self.control("grant", client=client, scope=scope)["refresh_token"]

    def hold(self, client, point):
        """Holds a client's next token request: as a `request`, or before the `answer` goes out."""
        self.control("hold", client=client, point=point)

    def held(self):
        """Waits until a request is held."""
        self.control("held")

    def release(self, drop=False):
        """Lets the request that is held go on; or drops its connection there."""
        self.control("release", drop=str(drop).lower())

    def fail(self, path, status="", client=""):
        """Fails the next request for a path, with a status or by hanging up; of this client,
        if it says in its head which it is."""
        self.control("fail", path=path, status=status, client=client)

    def idle(self):
        """Waits until no token request is under way."""
        self.control("idle")

    def control(self, what, **query):
        """Tells the provider what the suite wants, and returns what it says."""
        return json.loads(self.fetch(f"/control/{what}?{urllib.parse.urlencode(query)}"))

    def refresh(self, client, refresh_token):
        """Does as the client would: exchanges a refresh token (RFC 6749, section 6)."""
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        pair = [client, self.clients[client].secret]
        pair = ":".join(urllib.parse.quote(part, safe="") for part in pair)
        headers = {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
        return json.loads(self.fetch("/token", urllib.parse.urlencode(form).encode(), headers))

    def fetch(self, path, body=None, headers=None):
        """Sends a request and returns the body of the answer."""
        request = urllib.request.Request(self.url + path, body, headers or {})
        try:
            with self._opener.open(request, timeout=process.DEADLINE) as answer:
                return answer.read()
        except TimeoutError:
            raise Failed(f"{self.name} hasn't answered {path} for {process.DEADLINE} s") from None
