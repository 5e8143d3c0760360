"""Runs the Python clients, whose checks count as the suite's own."""

import subprocess
import sys
from pathlib import Path

import process

SOURCE = Path(__file__).parents[1] / "python"


def install(work):
    """Installs grpcio into an environment of its own."""
    process.run([sys.executable, "-m", "venv", str(work / "venv")])
    pip = [str(work / "venv/bin/pip"), "install", "--disable-pip-version-check"]
    process.run([*pip, "--requirement", str(SOURCE / "requirements.txt")])


def run(report, near, work, env):
    """Relays what the clients say."""
    with report.check("add takes a token that slides, for a definition of ours"):
        add = ("add", "sliding", "--provider=sliding", "--secret-stdin=token")
        near.cli(*add, secret="the-first-of-them")
    client(report, work, env, "client.py", near.socket, near.admin_socket, text=near.get("long"))
    client(report, work, env, "connection.py", near.socket)


def client(report, work, env, name, *arguments, text=""):
    """Relays what one of them says."""
    ended = subprocess.run(
        [work / "venv/bin/python", "-B", SOURCE / name, *arguments],
        input=text,
        env={**env, "PYTHONPATH": str(Path(__file__).parents[1])},
        capture_output=True,
        text=True,
        timeout=4 * process.DEADLINE,
    )
    print(ended.stdout, end="", flush=True)
    results = ended.stdout.splitlines()
    report.passed += sum(line.startswith("ok - ") for line in results)
    failed = sum(line.startswith("not ok - ") for line in results)
    report.failed += failed
    if (ended.returncode == 0) != (failed == 0) or not results:
        report.not_ok(f"the Python program {name} runs to its end", ended.stderr)
