"""A program on a terminal of its own, and what the terminal shows of it."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time

import process
import pyte
from report import Failed


class Screen:
    """A terminal that is read as it changes."""

    def __init__(self, command, env, columns, lines):
        self.pid, self._terminal = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
            os.execvpe(command[0], command, env)
        self._screen = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self._screen)
        self.written = b""
        self._ended = None

    def size(self, columns, lines):
        """Makes it so large."""
        fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self._screen.resize(lines, columns)

    def type(self, text):
        """Types a text."""
        os.write(self._terminal, text.encode())

    def text(self):
        """Returns what is shown, without the empty lines at the end."""
        lines = [line.rstrip() for line in self._screen.display]
        while lines and not lines[-1]:
            lines.pop()
        return "".join(f"{line}\n" for line in lines)

    def wait(self, pattern, absent=False):
        """Waits until something is shown, or isn't any more."""
        word = "always" if absent else "never"
        what = f"{pattern!r} is {word} shown"
        self._until(what, lambda: bool(re.search(pattern, self.text())) != absent)

    def wait_for(self, sequence, times):
        """Waits until a control sequence has been written so many times."""
        what = f"{sequence!r} isn't written {times} times"
        self._until(what, lambda: self.written.count(sequence) >= times)

    def _until(self, what, look):
        end = time.monotonic() + process.DEADLINE
        while not look():
            left = end - time.monotonic()
            if left <= 0 or not self._read(left):
                raise Failed(f"{what}, but:\n{self.text()}")

    def end(self):
        """Waits for the end, and returns the exit status."""
        while self._read(process.DEADLINE):
            pass
        return self._wait()

    def signal(self, number):
        """Sends the program a signal."""
        os.kill(self.pid, number)

    def modes(self):
        """Returns how the terminal treats what is typed."""
        return termios.tcgetattr(self._terminal)[:4]

    def close(self):
        """Hangs up, if that is still to be done."""
        if self._ended is None:
            os.kill(self.pid, signal.SIGKILL)
            self._wait()
        os.close(self._terminal)

    def _wait(self):
        if self._ended is None:
            self._ended = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self._ended

    def _read(self, seconds):
        if not select.select([self._terminal], [], [], seconds)[0]:
            return False
        try:
            read = os.read(self._terminal, 65536)
        except OSError:
            # Linux says so when nobody has the terminal open any more.
            return False
        self.written += read
        self._stream.feed(read)
        return bool(read)
