"""Credentials in all states, and a provider on loopback that brings them there."""

import itertools
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import process

NUMBERS = itertools.count()


class Provider:
    """Answers by the path: /good, /down, /denied, /ended."""

    def __init__(self):
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        """Ends it."""
        self._server.shutdown()
        self._server.server_close()


class Handler(BaseHTTPRequestHandler):
    """One request."""

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        life = {"/good": 3600, "/short": 3}.get(self.path)
        if life:
            # One that came once more would be replaced as late as can be.
            token = f"t0ken-{next(NUMBERS)}"
            self._reply(200, {"access_token": token, "token_type": "Bearer", "expires_in": life})
        elif self.path == "/down":
            self._reply(503, {"error": "temporarily_unavailable"})
        elif self.path == "/denied":
            self._reply(401, {"error": "invalid_client"})
        else:
            self._reply(400, {"error": "invalid_grant"})

    def _reply(self, status, body):
        body = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Says nothing."""


# Name, where it is sent, and what it comes to.
SCENES = [
    ("billing", "/good", "FRESH", ["--limit", "500/24h"]),
    ("crm", "/down", "BACKING_OFF", []),
    ("deploy", "/denied", "REFUSED", []),
    ("reports", "/good", "FRESH", ["--reader", "uid:1000"]),
    ("shop", "/short", "LIMITED", ["--limit", "1/12h"]),
]


def set(near, provider):
    """Adds them, and waits until each is in its state."""
    for name, path, _, flags in SCENES:
        inputs = ["--var", f"token_url={provider.url}{path}", "--var", f"client_id={name}"]
        inputs += ["--secret-stdin", "client_secret", *flags]
        command = ["add", name, "--provider", "oauth2-client-credentials", *inputs]
        near.cli(*command, secret="n0-secret", expect=None)
    inputs = ["--var", f"token_url={provider.url}/ended", "--var", "client_id=mail", "--var", "user=ann"]
    command = ["add", "mail", "--provider", "oauth2-refresh-token", *inputs]
    near.cli(*command, "--secret-stdin", "refresh_token", secret="n0-secret", expect=None)
    near.cli("get", "billing")
    states = {name: state for name, _, state, _ in SCENES} | {"mail": "LOGIN_NEEDED"}

    def settled():
        # It may have been left alone since nobody has asked.
        near.cli("get", "shop", expect=None)
        status = json.loads(near.cli("status", "--json").stdout)
        seen = {one["name"]: one for one in status["credentials"]}
        # An attempt that comes while a capture is taken would be seen in it.
        has_failed = seen["crm"]["last_failure"] and seen["crm"]["last_failure"]["consecutive"] > 2
        return has_failed and {name: one["state"] for name, one in seen.items()} == states

    process.until("all are in their states", settled, pause=0.5)
