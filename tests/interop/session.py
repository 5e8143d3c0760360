"""A login that `tokend-cli` leads through, read as it goes."""

import queue
import re
import signal
import threading

import process
from report import Failed, equal


class Session:
    """A running `tokend-cli login`."""

    def __init__(self, near, name, *flags):
        self._command = near.begin("login", name, *flags, typed=True)
        self._lines = queue.Queue()
        self.said = ""
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self._command.stderr:
            self._lines.put(line)
        self._lines.put(None)

    def line(self, pattern):
        """Waits for a line, and returns what the pattern's group finds in it."""
        while True:
            try:
                line = self._lines.get(timeout=process.DEADLINE)
            except queue.Empty:
                self._command.kill()
                line = None
            if line is None:
                raise Failed(f"no line like {pattern!r}; the login said {self.said!r}")
            self.said += line
            if found := re.search(pattern, line):
                return found.group(found.re.groups)

    def url(self):
        """Returns the URL that is shown."""
        return self.line(r"^ +(https://\S+)$")

    def code(self):
        """Returns the code that is shown."""
        self.line(r"enter the code")
        return self.line(r"^ +(\S+)$")

    def paste(self, text):
        """Types a line."""
        self._command.stdin.write(f"{text}\n")
        self._command.stdin.flush()

    def interrupt(self):
        """Presses Ctrl-C."""
        self._command.send_signal(signal.SIGINT)

    def end(self, expected=0):
        """Waits for the end; the exit status has to be as expected. Returns all that was said."""
        status = self._command.wait(2 * process.DEADLINE)
        while (line := self._lines.get(timeout=process.DEADLINE)) is not None:
            self.said += line
        self._command.stdin.close()
        equal(status, expected, f"the login said {self.said!r}; exit status")
        return self.said
