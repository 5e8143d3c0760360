"""Shells complete commands and names, terminals get colours, and the manual pages are sound."""

import os
import pty
import re
import select
import shutil
import subprocess
import termios
import time

import process
from report import Failed, equal, require

NAME = "tab-was-pressed"
TOKEN = "what-the-tab-key-leads-to"

# It says what it reads and how often it is interrupted, and ends with 4.
PROGRAM = """\
trap 'echo interrup""ted' INT
echo rea""dy
while :; do read -r line && echo "got-$line"; [ "$line" = end ] && exit 4; done
"""

# The same, with a standard input that holds a token.
REACTION = """\
trap 'echo interrup""ted' INT
echo rea""dy
while read -r line < /dev/tty; do echo "got-$line"; [ "$line" = end ] && exit; done
"""

# What is typed before the shell has the terminal back is lost now and then.
PROMPT = r"bash-[\d.]+[#$] "

SHELLS = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], "source <(tokend-cli completions bash)"),
    "zsh": (
        ["zsh", "-f", "-i"],
        "autoload -Uz compinit && compinit -u -D && source <(tokend-cli completions zsh)",
    ),
    "fish": (["fish", "--no-config", "-i"], "tokend-cli completions fish | source"),
}


class Terminal:
    """A program on a terminal of its own."""

    def __init__(self, command, env):
        self.shown = ""
        self._pid, self._terminal = pty.fork()
        if self._pid == 0:
            os.execvpe(command[0], command, env)

    def type(self, text):
        """Types a text."""
        os.write(self._terminal, text.encode())

    def wait(self, pattern):
        """Waits until something is shown, and returns what was shown before it since."""
        end = time.monotonic() + process.DEADLINE
        while not (found := re.search(pattern, self.shown)):
            left = end - time.monotonic()
            if left <= 0 or not select.select([self._terminal], [], [], left)[0]:
                raise Failed(f"{pattern!r} is never shown, but {self.shown!r}")
            self.shown += self._read()
        before, self.shown = self.shown[: found.start()], self.shown[found.end() :]
        return before

    def wait_for_program(self):
        """Waits until a program has the terminal in the shell's place, and it hands out lines."""
        end = time.monotonic() + process.DEADLINE
        while os.tcgetpgrp(self._terminal) == self._pid or not self._has_lines():
            if time.monotonic() > end:
                raise Failed("the shell keeps the terminal to itself")
            time.sleep(0.01)

    def _has_lines(self):
        return termios.tcgetattr(self._terminal)[3] & termios.ICANON

    def end(self):
        """Waits for the end, and returns all that was shown."""
        while text := self._read():
            self.shown += text
        self.close()
        return self.shown

    def close(self):
        """Hangs up."""
        os.close(self._terminal)
        os.waitpid(self._pid, 0)

    def _read(self):
        try:
            return os.read(self._terminal, 4096).decode(errors="replace")
        except OSError:
            # Linux says so when nobody has the terminal open any more.
            return ""


def interrupt(terminal):
    """Interrupts a program that reads lines, and looks how often it notices."""
    terminal.type("\x03")
    # A shell that was about to read notices when the line is there.
    terminal.type("one\n")
    shown = terminal.wait("got-one")
    terminal.type("two\n")
    shown += terminal.wait("got-two")
    equal(shown.count("interrupted"), 1, f"how often it was interrupted: {shown!r}")


def run(report, near, programs, work, env):
    """Presses the tab key in each shell, and looks at what terminals and man(1) show."""
    directory = os.path.dirname(programs["tokend-cli"])
    env = {
        **env,
        "PATH": f"{directory}:{env['PATH']}",
        "TOKEND_SOCKET": str(near.socket),
        "TERM": "xterm-256color",
        "LC_ALL": "C.UTF-8",
    }
    with report.check("the shells have a credential to complete", essential=True):
        inputs = ["--var=url=https://api.example.com", "--var=user=me", "--secret-stdin=token"]
        near.cli("add", NAME, "--provider", "static-bearer", *inputs, secret=TOKEN)
    for shell, (command, setup) in SHELLS.items():
        with report.check(f"{shell} completes a subcommand and a credential's name"):
            require(shutil.which(shell), f"there is no {shell}")
            terminal = Terminal(command, env)
            try:
                # The line itself, which is shown as well, doesn't have the word in one.
                terminal.type(f"{setup}; echo rea''dy\n")
                terminal.wait("ready")
                terminal.type("tokend-cli ge\t")
                terminal.wait("get")
                terminal.type("tab-was\t")
                terminal.wait("pressed")
                terminal.type("\n")
                terminal.wait(TOKEN)
            finally:
                terminal.close()
    with report.check("names are completed for those, too, to whom nothing is listed"):
        asked = {**env, "TOKEND_ADMIN_SOCKET": str(near.socket), "TOKEND_CLI_COMPLETE": "fish"}
        line = ["tokend-cli", "--", "tokend-cli", "get", "tab"]
        # A prompt isn't kept waiting: on a slow machine the name may come with a later attempt.
        process.until("the name is completed", lambda: NAME in process.run(line, env=asked))
    with report.check("colours are for terminals only, and for none that want none"):
        status, help = ["tokend-cli", "status"], ["tokend-cli", "--help"]
        for command in (status, help):
            require("\x1b[" in Terminal(command, env).end(), f"{command} has no colours")
            plain = Terminal(command, {**env, "NO_COLOR": "1"}).end()
            require(plain and "\x1b[" not in plain, f"{command} shows {plain!r}")
            piped = process.run(command, env=env)
            require("\x1b[" not in piped, f"{command} prints {piped!r} to a pipe")
    with report.check("on a terminal, a program of exec is interrupted once, stopped and continued"):
        program = work / "program"
        program.write_text(PROGRAM)
        terminal = Terminal(SHELLS["bash"][0], env)
        try:
            terminal.type(f"tokend-cli exec --files {NAME} -- bash {program}\n")
            terminal.wait("ready")
            interrupt(terminal)
            terminal.type("\x1a")
            terminal.wait("Stopped")
            terminal.wait(PROMPT)
            terminal.type("fg\n")
            terminal.wait_for_program()
            terminal.type("three\n")
            terminal.wait("got-three")
            terminal.type("end\n")
            terminal.wait("got-end")
            terminal.wait(PROMPT)
            terminal.type("echo status=$?\n")
            terminal.wait("status=4")
        finally:
            terminal.close()
    with report.check("on a terminal, a program of watch is interrupted once and waited for"):
        program = work / "reaction"
        program.write_text(REACTION)
        terminal = Terminal(SHELLS["bash"][0], env)
        try:
            terminal.type(f"tokend-cli watch {NAME} -- bash {program}\n")
            terminal.wait("ready")
            interrupt(terminal)
            terminal.type("end\n")
            terminal.wait("got-end")
            terminal.wait(PROMPT)
            terminal.type("echo status=$?\n")
            terminal.wait("status=130")
        finally:
            terminal.close()
    near.cli("remove", NAME, "--yes")
    with report.check("man(1) shows the page of each command without a warning"):
        pages = work / "man"
        pages.mkdir()
        process.run(["tokend-cli", "man", str(pages)], env=env)
        names = sorted(path.name for path in pages.iterdir())
        for name in ("tokend-cli.1", "tokend-cli-exec.1", "tokend-cli-providers-try.1"):
            require(name in names, f"{name} isn't among {names}")
        for name in names:
            shown = subprocess.run(
                ["man", "--warnings", "-l", str(pages / name)],
                env={**env, "MANWIDTH": "100", "MANPAGER": "cat"},
                capture_output=True,
                text=True,
            )
            equal((shown.returncode, shown.stderr), (0, ""), f"man {name}")
            title = name.removesuffix(".1")
            require(shown.stdout.startswith(f"{title}(1)"), f"{name} begins {shown.stdout[:80]!r}")
