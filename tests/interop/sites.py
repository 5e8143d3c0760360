"""What tools are for: a git server, a registry, a cluster, AWS's keys and a GraphQL API."""

import base64
import json
import os
import ssl
import subprocess
import threading
import urllib.parse
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

UNAUTHORIZED = {"errors": [{"message": "Unauthorized", "customer_facing": False}]}


class Site:
    """A server on loopback whose logins bring t1, t2 and so on."""

    def __init__(self, work, certificate=None, tokens=None):
        self.lock = threading.Lock()
        self.logins = 0
        self.issued = 0
        # What is taken now; another site's, if they have it in common.
        self.tokens = set() if tokens is None else tokens
        # Whether a token is over once its successor is told.
        self.strict = True
        # When AWS's keys end.
        self.keys_end = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=6)
        # Who may read the repository: passwords by user.
        self.users = {}
        self.repositories = work / "repositories"
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler(self))
        host = "127.0.0.1"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(f"{certificate}.pem", f"{certificate}.key")
            socket = self._server.socket
            self._server.socket = context.wrap_socket(socket, server_side=True)
            host = "localhost"
        self.host = f"{host}:{self._server.server_port}"
        self.url = f"{'https' if certificate else 'http'}://{self.host}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self):
        """Ends it."""
        self._server.shutdown()
        self._server.server_close()

    def issue(self):
        """Makes a token."""
        with self.lock:
            self.issued += 1
            self.tokens.add(f"t{self.issued}")
            return f"t{self.issued}"

    def forget(self):
        """Takes no token any more that was issued so far."""
        with self.lock:
            self.tokens.clear()


def handler(site):
    """Returns the class that answers a site's requests."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            """Logs nothing: what is sent here is secret."""

        def do_GET(self):
            self.route(b"")

        def do_POST(self):
            self.route(self.rfile.read(int(self.headers.get("Content-Length", 0))))

        def route(self, body):
            url = urllib.parse.urlsplit(self.path)
            if url.path == "/graphql":
                self.graphql(json.loads(body))
            elif url.path == "/sts":
                keys = {"AccessKeyId": "AKINTEROP", "SecretAccessKey": "s/e+c=ret"}
                keys |= {"SessionToken": "s\"e'ss", "Expiration": site.keys_end.isoformat()}
                self.answer(200, {"keys": keys})
            elif url.path == "/echo":
                query = urllib.parse.parse_qsl(url.query, keep_blank_values=True)
                self.answer(200, {"query": query, "headers": list(self.headers.items())})
            elif url.path == "/version":
                if self.bearer() in site.tokens:
                    self.answer(200, {"major": "1", "minor": "30", "gitVersion": "v1.30.0"})
                else:
                    self.answer(401, {})
            elif url.path.startswith("/bearer/"):
                if self.bearer() in site.tokens:
                    self.git(url, body)
                else:
                    self.answer(401, {}, {"WWW-Authenticate": 'Bearer realm="interop"'})
            elif not self.is_known():
                self.answer(401, {}, {"WWW-Authenticate": 'Basic realm="interop"'})
            elif url.path.startswith("/git/"):
                self.git(url, body)
            elif url.path == "/v2/demo/tags/list":
                self.answer(200, {"name": "demo", "tags": ["one"]})
            else:
                self.answer(200, {})

        def graphql(self, question):
            if "loginUser" in question["query"]:
                with site.lock:
                    site.logins += 1
                self.answer(200, {"data": {}}, {"X-Authorization": f"Bearer {site.issue()}"})
                return
            sent = self.bearer()
            if sent not in site.tokens:
                self.answer(200, UNAUTHORIZED)
                return
            newer = site.issue()
            if site.strict:
                site.tokens.discard(sent)
            data = {"data": {"seen": question["query"]}}
            self.answer(200, data, {"X-Authorization": f"Bearer {newer}"})

        def bearer(self):
            return self.headers.get("Authorization", "").removeprefix("Bearer ")

        def is_known(self):
            """Whether a name and a password are right; with a token any name will do."""
            scheme, _, sent = self.headers.get("Authorization", "").partition(" ")
            if scheme != "Basic":
                return False
            name, _, password = base64.b64decode(sent).decode().partition(":")
            return password in site.tokens or site.users.get(name) == password

        def git(self, url, body):
            """Lets git's own program answer (git-http-backend(1))."""
            env = {
                "PATH": os.environ["PATH"],
                "GIT_PROJECT_ROOT": str(site.repositories),
                "GIT_HTTP_EXPORT_ALL": "1",
                "PATH_INFO": "/" + url.path.split("/", 2)[2],
                "QUERY_STRING": url.query,
                "REQUEST_METHOD": self.command,
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                "REMOTE_USER": "interop",
            }
            command = ["git", "http-backend"]
            ran = subprocess.run(command, input=body, env=env, capture_output=True, check=True)
            head, _, content = ran.stdout.partition(b"\r\n\r\n")
            fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
            status = int(fields.pop("Status", "200").split()[0])
            self.send(status, content, fields)

        def answer(self, status, value, fields=None):
            content = json.dumps(value, separators=(",", ":")).encode()
            self.send(status, content, {"Content-Type": "application/json", **(fields or {})})

        def send(self, status, content, fields):
            self.send_response(status)
            for name, value in fields.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    return Handler
