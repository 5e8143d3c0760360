"""Runs the examples, each in its language and by default settings."""

import os
import shutil
import subprocess
from pathlib import Path

import process
from checks import issuance
from report import equal, require

ROOT = Path(__file__).parents[3]
NOBODY = "nobody-knows-me"
# Debian's Go packages know no modules, and their protobuf is of an older kind.
GO_SOURCES = "/usr/share/gocode"
GO_PACKAGE = "tokend.example/acquire"
GO_KNOWN = "github.com/golang/protobuf/ptypes"


class Example:
    """A program that prints the request headers that a token goes into."""

    def __init__(self, language, command, env):
        self.language = language
        self._command = command
        self._env = env

    def run(self, near, *arguments):
        """Runs it for a name and returns how it ended."""
        return subprocess.run(
            [*map(str, self._command), *arguments],
            env={**self._env, "TOKEND_SOCKET": str(near.socket)},
            capture_output=True,
            text=True,
            timeout=2 * process.DEADLINE,
        )


def install(work):
    """Installs what the examples need, and builds what needs it. The venv is there."""
    for directory in ("examples", "proto"):
        ignored = shutil.ignore_patterns("node_modules")
        shutil.copytree(ROOT / directory, work / directory, ignore=ignored)
    pip = [work / "venv/bin/pip", "install", "--disable-pip-version-check", "--requirement"]
    process.run([*pip, work / "examples/python/requirements.txt"])
    process.run([*pip, Path(__file__).parents[1] / "grpcurl/requirements.txt"])
    for directory in ("node", "shell"):
        process.run(["npm", "ci"], cwd=work / "examples" / directory)
    install_ruby(work)
    install_go(work)


def protoc(work, *options):
    """Makes code of what the callers' socket serves."""
    process.run(["protoc", "-I", work / "proto", *options, "tokend/v1/token.proto"])


def install_ruby(work):
    """Makes the client's code."""
    lib = work / "examples/ruby/lib"
    lib.mkdir()
    plugin = shutil.which("grpc_ruby_plugin")
    options = [f"--ruby_out={lib}", f"--grpc_out={lib}", f"--plugin=protoc-gen-grpc={plugin}"]
    protoc(work, *options)


def install_go(work):
    """Makes the client's code and compiles the example."""
    package = work / "go/src" / GO_PACKAGE
    package.mkdir(parents=True)
    shutil.copy(work / "examples/go/main.go", package)
    known = [f"Mgoogle/protobuf/{n}.proto={GO_KNOWN}/{n}" for n in ("duration", "timestamp")]
    options = ",".join(["plugins=grpc", "import_path=tokendv1", *known])
    protoc(work, f"--go_out={options}:{package}")
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(work),
        "GO111MODULE": "off",
        "GOPATH": f"{work}/go:{GO_SOURCES}",
    }
    process.run(["go", "build", "-o", work / "acquire-go", "."], cwd=package, env=env)


def examples(work, env):
    """Lists the examples."""
    sources = work / "examples"
    env = {**env, "PATH": f"{work}/venv/bin:{env['PATH']}"}
    commands = {
        "Python": ["python", "-B", sources / "python/acquire.py"],
        "Node": ["node", sources / "node/acquire.mjs"],
        "Ruby": ["ruby", "-I", sources / "ruby/lib", sources / "ruby/acquire.rb"],
        "Go": [work / "acquire-go"],
        "buf": [sources / "shell/buf.sh"],
        "grpcurl": [sources / "shell/grpcurl.sh"],
    }
    return [Example(language, command, env) for language, command in commands.items()]


def run(report, near, far, work, env):
    """Runs each for a credential that is there and for one that isn't."""
    with report.check("add takes the examples' credential"):
        secret = far.clients["example"].secret
        issuance.add(near, far, "example", "--secret-stdin=client_secret", secret=secret)
    programs = examples(work, env)
    for example in programs:
        with report.check(f"the example for {example.language} prints the token's header"):
            ended = example.run(near, "example")
            require(ended.returncode == 0, ended.stderr)
            equal(ended.stdout, f"Authorization: Bearer {near.get('example')}\n", "the headers")
        with report.check(f"the example for {example.language} says why there is no token"):
            ended = example.run(near, NOBODY)
            require(ended.returncode != 0 and ended.stdout == "", f"it printed {ended.stdout!r}")
            require(f"there is no credential {NOBODY}" in ended.stderr, ended.stderr)
    run_report(report, near, programs[0])


def run_report(report, near, python):
    """Reports a token that was refused."""
    with report.check("the example for Python reports a refused token and prints the next one's"):
        before = near.get("example")
        ended = python.run(near, "example", "401")
        require(ended.returncode == 0, ended.stderr)
        after = near.get("example")
        require(after != before, "the same token is held")
        equal(ended.stdout, f"Authorization: Bearer {after}\n", "the headers")
    with report.check("the example for Python says that a 500 doesn't speak against the token"):
        ended = python.run(near, "example", "500")
        require(ended.returncode != 0, ended.stdout)
        require("NOT_A_TOKEN_PROBLEM" in ended.stderr, ended.stderr)
        equal(near.get("example"), after, "the token")
