"""Takes captures of commands on a terminal, and holds a page of the documentation to them."""

import re
from pathlib import Path

from report import Failed, equal, require
from screen import Screen

PAGE = Path(__file__).parents[2] / "docs/status.md"

# What is captured, and what shows that it is there if the program goes on.
CAPTURES = {
    "tokend-cli status": None,
    "tokend-cli status billing": None,
    "tokend-cli top": "next: ",
}

SPAN = re.compile(r"\d+(ms|[smhd]|\.\d+s)( \d+[mhs])?")
CLOCK = re.compile(r"\d\d:\d\d(:\d\d)?|\d{4}-\d\d-\d\d")
BARS = re.compile("[█▏▎▍▌▋▊▉░▒▕│]+")
LINES = re.compile("[━─┃○●✗┤·]{3,}")
# Where a line is cut depends on the spans in it.
CUT = re.compile("[^,:]*…")


def shape(capture):
    """Returns what stays the same from one capture to the next."""
    shapes = []
    for line in capture.splitlines():
        for pattern, word in ((SPAN, "T"), (CLOCK, "C"), (BARS, "B"), (LINES, "L")):
            line = pattern.sub(word, line)
        line = CUT.sub(" …", re.sub(r"\d+", "N", line))
        shapes.append(re.sub(r"\s+", " ", line).strip())
    # How sentences are wrapped depends on the spans in them.
    return " ".join(filter(None, shapes))


def take(command, sign, env):
    """Returns what a terminal of 80 columns shows of a command."""
    screen = Screen(command.split(), env, 80, 24 if sign else 60)
    try:
        if sign is None:
            screen.end()
        else:
            # What is chosen stays so when the others are shown again.
            screen.wait("> deploy")
            screen.type("/billing\r")
            screen.wait("> billing")
            screen.type("\x1b")
            screen.wait("deploy")
            screen.wait(sign)
            screen.wait("● issued")
        # Where a test has its store is nobody's business.
        return re.sub(r"state in\s+\S+", "state in /var/lib/tokend", screen.text())
    finally:
        screen.close()


def run(report, env, writes):
    """Takes all captures; `writes` puts them into the page."""
    page = PAGE.read_text()
    for command, sign in CAPTURES.items():
        with report.check(f"docs/status.md shows what `{command}` shows"):
            capture = take(command, sign, env)
            wide = [line for line in capture.splitlines() if len(line) > 80]
            require(not wide, f"lines are too long: {wide}")
            block = re.compile(
                rf"(<!-- capture: {re.escape(command)} -->\n```text\n)(.*?)(```\n)", re.DOTALL
            )
            found = block.search(page)
            if not found:
                raise Failed(f"{PAGE} has no place for it")
            if writes:
                page = page[: found.start(2)] + capture + page[found.end(2) :]
            else:
                equal(shape(capture), shape(found.group(2)), "the shape of the capture")
    if writes:
        PAGE.write_text(page)
