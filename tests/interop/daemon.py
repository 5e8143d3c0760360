"""The near side: the real daemon and the real command, with all they keep in one place."""

import json
import os
import subprocess
from pathlib import Path

import process
from report import equal, require

ROOT = Path(__file__).parents[2]


def build():
    """Returns the paths of the programs, built unless TOKEND_BIN_DIR says where they are."""
    if directory := os.environ.get("TOKEND_BIN_DIR"):
        programs = {name: Path(directory, name).resolve() for name in ("tokend", "tokend-cli")}
        lacking = [path for path in programs.values() if not path.is_file()]
        require(not lacking, f"TOKEND_BIN_DIR lacks {', '.join(map(str, lacking))}")
        return {name: str(path) for name, path in programs.items()}
    command = ["cargo", "build", "--locked", "-p", "tokend", "-p", "tokend-cli"]
    # Where the programs are is for cargo to say: its configuration may move them.
    messages = process.run([*command, "--message-format=json"], cwd=ROOT).splitlines()
    artifacts = [message for message in map(json.loads, messages) if message.get("executable")]
    return {artifact["target"]["name"]: artifact["executable"] for artifact in artifacts}


class Daemon:
    """A daemon and its operator."""

    def __init__(self, programs, work, env):
        work.mkdir(exist_ok=True)
        self.state = work / "state"
        self.socket = work / "run/tokend.sock"
        self.admin_socket = work / "run/admin.sock"
        self.definitions = Path(__file__).parent / "providers.d"
        config = work / "tokend.toml"
        # At this level everything that any library says is in the log, which is
        # searched for secrets.
        config.write_text(
            f"state_dir = '{self.state}'\n"
            f"runtime_dir = '{self.socket.parent}'\n"
            f"mark_file = '{work}/tokend.mark'\n"
            f"provider_dirs = ['{self.definitions}']\n"
            "log = 'trace'\n"
        )
        self._programs = programs
        self._config = config
        self._env = {**env, "TOKEND_SOCKET": str(self.socket)}
        self.server = process.Server(
            "tokend",
            [programs["tokend"], "--config", str(config)],
            work / "tokend.log",
            env,
        )

    def init(self):
        """Makes the store, for the user that runs the suite."""
        # Root's store would go to the machine's user tokend, if there is one.
        user = ["--user", "root"] if os.geteuid() == 0 else []
        command = [self._programs["tokend"], "init", *user, "--config", self._config]
        return process.run(command, env=self._env)

    def start(self):
        """Starts the daemon and waits until it answers."""
        self.server.start(lambda: self.cli("status", expect=None).returncode == 0)

    def begin(self, *arguments, typed=False):
        """Starts tokend-cli and leaves it to the caller how it ends, and what is typed."""
        return subprocess.Popen(
            [self._programs["tokend-cli"], *arguments],
            stdin=subprocess.PIPE if typed else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self._env,
            text=True,
        )

    def cli(self, *arguments, expect=0, secret=None, env=None):
        """Runs tokend-cli and returns how it ended; the exit status has to be as expected."""
        ended = subprocess.run(
            [self._programs["tokend-cli"], *arguments],
            input=secret or "",
            env={**self._env, **(env or {})},
            capture_output=True,
            text=True,
            timeout=process.DEADLINE,
        )
        if expect is not None:
            said = f"`tokend-cli {' '.join(arguments)}` said {ended.stdout!r} {ended.stderr!r}"
            equal(ended.returncode, expect, f"{said}; exit status")
        return ended

    def tools(self, directory):
        """Makes the names by which tools call tokend-cli, and returns where they find them."""
        directory.mkdir()
        for name in ("tokend-cli", "git-credential-tokend", "docker-credential-tokend"):
            (directory / name).symlink_to(self._programs["tokend-cli"])
        return {**self._env, "PATH": f"{directory}:{self._env['PATH']}"}

    def get(self, name):
        """Returns the token that `tokend-cli get` prints."""
        return self.cli("get", name).stdout.removesuffix("\n")

    def issuances(self, name):
        """Returns what `tokend-cli issuances --json` prints."""
        return json.loads(self.cli("issuances", name, "--json").stdout)

    def show(self, name):
        """Returns all that `tokend-cli show` tells about a credential."""
        return json.loads(self.cli("show", name, "--json").stdout)
