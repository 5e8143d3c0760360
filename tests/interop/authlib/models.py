"""Who the clients are, and the tokens that were issued to them."""

import time
from threading import Lock

from authlib.oauth2.rfc6749 import ClientMixin, TokenMixin
from authlib.oauth2.rfc8628 import DeviceCredentialDict

DEVICE = "urn:ietf:params:oauth:grant-type:device_code"


class Client(ClientMixin):
    """A client, registered as RFC 7591 has it."""

    def __init__(self, id, life, secret, metadata):
        self.id = id
        self.life = life
        self.secret = secret
        self.metadata = metadata
        # For so many seconds a refresh token that was used up is taken once more.
        self.grace = metadata.get("grace", 0)
        # What the answers to device authorization requests say otherwise.
        self.device = metadata.get("device", {})

    def get_client_id(self):
        return self.id

    def get_allowed_scope(self, scope):
        allowed = self.metadata["scope"].split()
        return " ".join(s for s in (scope or self.metadata["scope"]).split() if s in allowed)

    def check_client_secret(self, client_secret):
        return self.secret == client_secret

    def check_endpoint_auth_method(self, method, endpoint):
        return self.metadata["token_endpoint_auth_method"] == method

    def check_grant_type(self, grant_type):
        return grant_type in self.metadata["grant_types"]


class Family:
    """All tokens that came of one login: they live and end together (RFC 9700, section 4.14)."""

    ended = False


class Token(TokenMixin):
    """An access token, with the refresh token that came with it."""

    def __init__(self, answer, client, user, family):
        self.answer = answer
        self.client = client
        self.user = user
        self.family = family
        self.ends_at = time.time() + answer["expires_in"]
        self.used_at = None  # when its refresh token was exchanged
        self.revoked = False

    def check_client(self, client):
        return self.client is client

    def get_scope(self):
        return self.answer.get("scope")

    def get_expires_in(self):
        return self.answer["expires_in"]

    def is_expired(self):
        return time.time() > self.ends_at

    def is_revoked(self):
        return self.revoked or self.family.ended

    def get_user(self):
        return self.user

    def get_client(self):
        return self.client


class Tokens:
    """All tokens."""

    def __init__(self):
        self._tokens = {}
        self._lock = Lock()

    def find(self, value):
        """Returns the token that a string is, or is the refresh token of."""
        return self._tokens.get(value)

    def save(self, answer, client, user, before=None):
        """Keeps a token, and what it came of."""
        token = Token(answer, client, user, before.family if before else Family())
        self._tokens[answer["access_token"]] = token
        if "refresh_token" in answer:
            self._tokens[answer["refresh_token"]] = token

    def exchange(self, value, reused):
        """Returns the token of a refresh token that can be used; a used one ends its family."""
        with self._lock:
            token = self._tokens.get(value)
            if token is None or token.is_revoked() or value == token.answer["access_token"]:
                return None
            now = time.time()
            if token.used_at and now - token.used_at > token.client.grace:
                token.family.ended = True
                reused()
                return None
            token.used_at = token.used_at or now
            return token


class Device(DeviceCredentialDict):
    """A device that waits for a person."""

    def is_polled_too_soon(self):
        """Whether it asks more often than it may; the interval grows by each time."""
        now, last = time.time(), self.get("polled_at")
        self["polled_at"] = now
        # Some servers say it without a reason.
        hasty = last is not None and now - last < self.get("interval", 5) - 0.5
        if hasty or self.pop("hasty", False):
            self["interval"] = self.get("interval", 5) + 5
            return True
        return False
