"""Runs programs: those that end, and those that serve until they are stopped."""

import subprocess
import time

from report import Failed

# Long enough for a slow machine; a condition that holds is seen at once.
DEADLINE = 30


def until(what, look, seconds=DEADLINE, pause=0.1):
    """Looks again and again until there is something to see, and returns it."""
    end = time.monotonic() + seconds
    while True:
        seen = look()
        if seen:
            return seen
        if time.monotonic() > end:
            raise Failed(f"waited {seconds} s in vain until {what}")
        time.sleep(pause)


def run(command, **options):
    """Runs a program to its end and returns its standard output."""
    ended = subprocess.run(command, capture_output=True, text=True, **options)
    if ended.returncode != 0:
        said = (ended.stdout + ended.stderr).strip()
        raise Failed(f"{' '.join(map(str, command))} ended with {ended.returncode}:\n{said}")
    return ended.stdout


class Server:
    """A program that serves. Its output goes to a file, one for all of its runs."""

    def __init__(self, name, command, log, env):
        self.name = name
        self.log = log
        self.log.touch()
        self._command = command
        self._env = env
        self._process = None

    def start(self, look):
        """Starts it and waits until `look` sees that it serves."""
        with open(self.log, "ab") as log:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._env,
            )

        def serves():
            if self._process.poll() is not None:
                raise Failed(f"{self.name} ended with {self._process.returncode} at its start")
            return look()

        return until(f"{self.name} serves", serves, pause=0.01)

    def kill(self):
        """Ends it at once, as kill -9 does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self, seconds=DEADLINE):
        """Asks it to end and returns its exit code."""
        self._process.terminate()
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Failed(f"{self.name} didn't end within {seconds} s of SIGTERM") from None
