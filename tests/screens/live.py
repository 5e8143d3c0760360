"""`tokend-cli top` on a terminal: keys, sizes, signals, and a daemon that goes and comes."""

import os
import re
import signal

from report import equal, require
from screen import Screen

# The bytes by which a terminal shows its other page, and the former one again (xterm's
# control sequences, private mode 1049).
TAKEN, GIVEN_BACK = b"\x1b[?1049h", b"\x1b[?1049l"

PROMPT = r"bash-[\d.]+[#$]"


def empty(report, near, env):
    """What is said of a tokend without credentials."""
    with report.check("top says of an empty store how to add a credential"):
        top = Screen(["tokend-cli", "top"], env, 80, 24)
        try:
            top.wait("no credentials yet; `tokend-cli add` stores one")
            top.type("q")
            equal(top.end(), 0, "the exit status")
        finally:
            top.close()


def run(report, near, env):
    """Presses keys, and does to the terminal and to tokend what happens to them."""
    with report.check("top shows all credentials, those first that need someone, and the keys"):
        top = Screen(["tokend-cli", "top"], env, 80, 24)
        try:
            top.wait("> deploy +✗ refused")
            text = top.text()
            order = [text.index(name) for name in ("deploy", "mail", "crm", "billing")]
            equal(sorted(order), order, "where they are")
            top.type("?")
            top.wait("Ctrl-Z +suspend")
            top.type("?")
            top.wait("> deploy")
            top.type("/short")
            top.wait('none has "short"')
            top.type("\x1b")
            top.wait("> deploy")
        finally:
            top.close()
    for name, keys, status in (("q", "q", 0), ("Esc", "\x1b", 0), ("Ctrl-C", "\x03", 0)):
        with report.check(f"{name} ends top and gives the terminal back"):
            ends(env, lambda top: top.type(keys), status)
    for name, status in (("SIGTERM", 0), ("SIGINT", 130)):
        with report.check(f"{name} ends top and gives the terminal back"):
            ends(env, lambda top: top.signal(getattr(signal, name)), status)
    with report.check("top fits a terminal that becomes smaller and larger"):
        top = Screen(["tokend-cli", "top"], env, 80, 24)
        try:
            top.wait("> deploy")
            top.size(40, 8)
            top.wait(r"\A.*\n +NAME +STATE")
            top.wait("q end")
            top.size(100, 30)
            top.wait("what to do: ")
        finally:
            top.close()
    with report.check("Ctrl-Z gives the terminal back, and fg goes on"):
        suspended(env)
    with report.check("top says that tokend is away, keeps its picture, and goes on by itself"):
        top = Screen(["tokend-cli", "top"], env, 80, 24)
        try:
            top.wait("> deploy")
            near.server.kill()
            top.wait("tokend is away: ")
            top.wait("> deploy")
            near.start()
            top.wait("tokend is away: ", absent=True)
            top.wait(r"healthy")
        finally:
            top.close()
    with report.check("top does nothing between two looks"):
        top = Screen(["tokend-cli", "top"], env, 80, 24)
        try:
            top.wait("> deploy")
            before = switches(top)
            for _ in range(3):
                [age] = re.findall("running for [^:]*", top.text())
                top.wait(re.escape(age), absent=True)
                top.wait("running for ")
            switched = switches(top) - before
            require(switched < 300, f"it has run {switched} times in three looks")
        finally:
            top.close()
    with report.check("without a terminal top says what to run instead"):
        ended = near.cli("top", expect=2)
        require("tokend-cli status" in ended.stderr, ended.stderr)
    with report.check("in a locale without UTF-8 there are no other characters"):
        for words in (["status"], ["status", "billing"]):
            screen = Screen(["tokend-cli", *words], {**env, "LC_ALL": "C"}, 80, 60)
            try:
                screen.end()
                require(screen.written.isascii(), screen.text())
            finally:
                screen.close()
    with report.check("status --check tells scripts that a person must act"):
        near.cli("status", "--check", expect=5)
        near.cli("status", "deploy", "--check", expect=5)
        near.cli("status", "billing", "--check", expect=0)
        near.cli("status", "nobody", expect=3)


def ends(env, how, status):
    """Looks whether the terminal is as it was before."""
    top = Screen(["tokend-cli", "top"], env, 80, 24)
    try:
        before = top.modes()
        top.wait("> deploy")
        require(TAKEN in top.written, "it draws over what was there")
        require(top.modes() != before, "keys aren't read one by one")
        how(top)
        equal(top.end(), status, "the exit status")
        require(top.written.rfind(GIVEN_BACK) > top.written.rfind(TAKEN), "it isn't given back")
        require(b"\x1b[?25h" in top.written, "the cursor stays hidden")
    finally:
        top.close()


def suspended(env):
    """Suspends it in a shell."""
    top = Screen(["bash", "--norc", "--noprofile", "-i"], env, 80, 24)
    try:
        top.wait(PROMPT)
        top.type("tokend-cli top\r")
        top.wait("> deploy")
        top.type("\x1a")
        top.wait("Stopped")
        require(GIVEN_BACK in top.written, "it isn't given back")
        top.type("fg\r")
        top.wait_for(TAKEN, 2)
        top.wait("> deploy")
        top.type("q")
        top.wait(f"{PROMPT}$")
        top.type("echo ended=$?\r")
        top.wait("ended=0")
    finally:
        top.close()


def switches(top):
    """Returns how often the program has run (proc_pid_status(5))."""
    total = 0
    for task in os.listdir(f"/proc/{top.pid}/task"):
        with open(f"/proc/{top.pid}/task/{task}/status", encoding="ascii") as status:
            total += sum(int(line.split()[1]) for line in status if "ctxt_switches" in line)
    return total
