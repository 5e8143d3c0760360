"""A daemon's life: all that changes its store, with a provider on loopback and a note of all that
it promises."""

import http.server
import itertools
import json
import os
import signal
import subprocess
import threading
import time
import urllib.parse
from pathlib import Path

import process
import record
from promises import tag
from report import Failed

BACKUP = "backup/store.db"


class Provider:
    """Issues tokens and refresh tokens, each of which it takes once."""

    def __init__(self, promises):
        self._promises = promises
        self._numbers = itertools.count(1)
        self._valid = {}  # the refresh token of each client
        self.reused = 0
        self._lock = threading.Lock()
        provider = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                length = int(self.headers["Content-Length"])
                form = urllib.parse.parse_qs(self.rfile.read(length).decode())
                body = provider.answer({name: value[0] for name, value in form.items()})
                self.send_response(200 if "access_token" in body else 400)
                body = json.dumps(body).encode()
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/token"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def grant(self, client):
        """Returns a refresh token, as a login of a user would bring."""
        with self._lock:
            self._valid[client] = f"first-refresh-token-of-{client}"
            return self._valid[client]

    def answer(self, form):
        """Answers a request for a token (RFC 6749, sections 4.4 and 6)."""
        client, sent = form["client_id"], form.get("refresh_token")
        self._promises.sent(sent)
        with self._lock:
            if sent and sent != self._valid[client]:
                self.reused += 1
                return {"error": "invalid_grant"}
            number = next(self._numbers)
            body = {"access_token": f"token-{number}", "token_type": "Bearer", "expires_in": 86400}
            if sent:
                body["refresh_token"] = self._valid[client] = f"refresh-token-{number}"
        pair = tag(body["access_token"]), body.get("refresh_token") and tag(body["refresh_token"])
        self._promises.ask(f"{client}: token", pair)
        return body


class Life:
    """A daemon below `root`, whose files are a disk to be: its state, its other mark, a backup."""

    def __init__(self, programs, work, promises):
        self.root = work / "disk"
        self.promises = promises
        self.provider = Provider(promises)
        self._programs = programs
        self._work = work
        self._records = []
        self.first = {}  # the files that are there to begin with
        self._tracer = None
        self.served_at = None  # for the first time
        for name in ("state", "cache", "backup"):
            (self.root / name).mkdir(0o700, parents=True)
        self._config = work / "tokend.toml"
        self._config.write_text(
            f"state_dir = '{self.root}/state'\n"
            f"runtime_dir = '{work}/run'\n"
            f"mark_file = '{self.root}/cache/tokend.mark'\n"
            "log = 'info'\n"
        )
        self._env = {
            "PATH": os.environ["PATH"],
            "HOME": str(work),
            "TOKEND_SOCKET": f"{work}/run/tokend.sock",
        }

    def take(self, files):
        """Begins with files in the state directory."""
        for name, content in files.items():
            path = self.root / "state" / name
            path.touch(0o600)
            path.write_bytes(content)
            self.first[str(path)] = content

    def steps(self):
        """Returns what was done to the disk, in that order."""
        steps = []
        for prefix in self._records:
            files = list(self._work.glob(f"{prefix}.*"))
            steps += record.read(files, self.root)
        return sorted(steps, key=lambda step: step.at)

    def traced(self, program, *arguments):
        """Returns a command that is written down."""
        prefix = f"record-{len(self._records)}"
        self._records.append(prefix)
        return [*record.tracer(self._work / prefix), self._programs[program], *arguments]

    def init(self):
        """Makes the store."""
        user = ["--user", "root"] if os.geteuid() == 0 else []
        self.promises.change("store", True, lambda: self.tokend("init", *user))

    def tokend(self, *arguments):
        """Runs the daemon's own command to its end."""
        command = self.traced("tokend", *arguments, "--config", self._config)
        process.run(command, env=self._env)

    def start(self):
        """Starts the daemon and waits until it answers."""
        command = self.traced("tokend", "--config", self._config)
        with open(self._work / "tokend.log", "ab") as log:
            # The tracer goes when the program does.
            self._tracer = subprocess.Popen(command, stdout=log, stderr=log, env=self._env)

        def serves():
            if self._tracer.poll() is not None:
                raise Failed(f"tokend ended at its start:\n{Path(log.name).read_text()[-2000:]}")
            return self.cli("status", check=False) is not None

        process.until("tokend serves", serves)
        self.served_at = self.served_at or time.time()

    def end(self, number=signal.SIGTERM):
        """Ends the daemon with a signal."""
        os.kill(int((self.root / "state/tokend.lock").read_text()), number)
        self._tracer.wait(process.DEADLINE)

    def kill(self):
        """Ends whatever runs."""
        if self._tracer and self._tracer.poll() is None:
            self.end(signal.SIGKILL)

    def cli(self, *arguments, secret="", env=None, check=True, traced=False):
        """Runs tokend-cli; returns what it printed."""
        program = self.traced("tokend-cli") if traced else [self._programs["tokend-cli"]]
        ended = subprocess.run(
            [*program, *arguments],
            input=secret,
            env={**self._env, **(env or {})},
            capture_output=True,
            text=True,
            timeout=process.DEADLINE,
        )
        if check and ended.returncode != 0:
            raise Failed(f"tokend-cli {' '.join(arguments)}: {ended.stdout}{ended.stderr}")
        return ended.stdout if ended.returncode == 0 else None

    def add(self, name, secret, refresh_token=None):
        """Adds a credential and waits for its token."""
        variables = {"token_url": self.provider.url, "client_id": name, "client_auth": "post"}
        flags = ["--secret-stdin=client_secret"]
        definition, env = "oauth2-client-credentials", {}
        if refresh_token:
            definition = "oauth2-refresh-token"
            variables["user"] = "ann"
            flags.append("--secret-env=refresh_token=REFRESH_TOKEN")
            env["REFRESH_TOKEN"] = refresh_token
        flags += [f"--var={key}={value}" for key, value in variables.items()]
        command = ["add", name, "--provider", definition, *flags]
        what = f"{name}: client secret"
        self.promises.change(
            what, tag(secret), lambda: self.cli(*command, secret=secret, env=env)
        )
        self.read(name)

    def read(self, name):
        """Reads a token: whoever has it has been promised that it is on the disk."""
        token = tag(self.cli("get", name).strip())
        what = f"{name}: token"
        pair = self.promises.last(what)
        if pair[0] != token:
            raise Failed(f"{name} has another token than the last one")
        self.promises.promise(what, pair)

    def refresh(self, name):
        """Gets another token."""
        self.cli("refresh", name)
        self.read(name)

    def set_secret(self, name, secret):
        """Replaces the client's secret."""
        command = ["set-secret", name, "--secret-stdin=client_secret"]
        what = f"{name}: client secret"
        self.promises.change(what, tag(secret), lambda: self.cli(*command, secret=secret))

    def remove(self, name):
        """Removes a credential."""
        self.promises.ask(f"{name}: token", None)
        what = f"{name}: client secret"
        self.promises.change(what, None, lambda: self.cli("remove", name, "--yes"))
        self.promises.promise(f"{name}: token", None)

    def drop(self, name):
        """Ends a token on this side."""
        command = ["revoke", name, "--local", "--yes"]
        self.promises.change(f"{name}: token", None, lambda: self.cli(*command))

    def back_up(self):
        """Copies the store."""
        path = self.root / BACKUP
        self.promises.back_up()
        self.promises.ask("backup", True)
        self.cli("backup", str(path), traced=True)
        self.promises.promise("backup", True)
        return Path(path).read_bytes()

    def restore(self):
        """Puts the backup in the place of the store."""
        self.promises.restore(lambda: self.tokend("restore", str(self.root / BACKUP)))


def live(life, rounds):
    """Lives through everything that changes the store; returns what the backup holds."""
    life.init()
    life.start()
    life.add("reports", "secret-0")
    life.add("people", "secret-0", life.provider.grant("people"))
    for number in range(rounds):
        other = f"other-{number}"
        life.add(other, "secret-0")
        life.refresh("people")
        life.set_secret("reports", f"secret-{number + 1}")
        life.refresh("reports")
        match number % 4:
            case 0:
                life.cli("key", "rotate")
            case 1:
                life.remove(other)
                life.end(signal.SIGKILL)
                life.start()
            case 2:
                life.drop(other)
                life.set_secret("people", f"secret-{number + 1}")
            case 3:
                life.end()
                life.start()
        life.refresh("people")
    kept = life.back_up()
    life.add("late", "secret-0")
    life.refresh("people")
    life.end(signal.SIGKILL)
    life.restore()
    life.start()
    life.add("later", "secret-0")
    life.end()
    return kept


def upgrade(life):
    """Starts on an older store."""
    life.start()
    life.end()
