"""No refresh token is lost or sent twice, wherever tokend is killed.

INTEROP_REFRESHES     how many refreshes are killed, by default 200
INTEROP_SEED          what they are drawn from
"""

import os
import random
import time
from collections import Counter

import daemon
from checks import login, secrecy
from checks.rotation import add_password, add_refresh_token
from report import Failed, equal, require

PERSON_MUST_ACT = 5

# Where tokend is killed, and how often of a hundred times.
POINTS = {
    "anywhere": 30,  # at any time of the refresh
    "asked": 12,  # the provider has the request, and answers to nobody
    "ignored": 8,  # the provider has the request, and never does anything about it
    "answering": 12,  # the provider has used up the refresh token and is about to answer
    "answered": 32,  # the answer is on its way, or there, or being written
    "done": 6,  # the refresh has ended well
}


class Kind:
    """What a credential's tokens come of."""

    # Whether nothing but a person brings another token once an answer was lost.
    needs_person = True
    # Whether the refresh token may be sent once more then.
    sends_again = False

    def __init__(self, near, far):
        self.near = near
        self.far = far

    def add(self):
        """Adds the credential, with its first token."""
        raise NotImplementedError

    def log_in(self):
        """Mends what a lost answer has left, as a person does."""
        self.near.cli("remove", self.NAME, "--yes")
        self.add()


class Login(Kind):
    """A person's login, on the provider's pages."""

    NAME = "crash"

    def add(self):
        login.add_login(self.near, self.far, self.NAME)
        self.log_in()

    def log_in(self):
        login.log_in(self.near, self.far, self.NAME)


class RefreshToken(Kind):
    """A refresh token that was given to tokend."""

    NAME = "crash"

    def add(self):
        add_refresh_token(self.near, self.far, self.NAME)


class Password(Kind):
    """A password besides, which tokend can use when the refresh token is of no use."""

    NAME = "people"
    needs_person = False

    def add(self):
        add_password(self.near, self.far, self.NAME)


class Grace(Kind):
    """A provider that is known to take a refresh token once more for a while."""

    NAME = "grace"
    needs_person = False
    sends_again = True

    def add(self):
        add_refresh_token(self.near, self.far, self.NAME, definition="grace")


def run(report, programs, far, work, env, kind, share=1.0):
    """Kills tokend in many refreshes: a share of as many as are asked for."""
    rounds = max(1, round(share * int(os.environ.get("INTEROP_REFRESHES", "200"))))
    seed = os.environ.get("INTEROP_SEED", "1")
    near = daemon.Daemon(programs, work / f"crash-{far.name}-{kind.NAME}", env)
    first, failed = len(far.log()), report.failed
    story = f"{far.name}, {kind.__name__}"
    try:
        near.init()
        near.start()
        crashes = Crashes(near, far, kind(near, far), random.Random(seed))
        with report.check(f"{story}: {rounds} refreshes, kill -9 in each (seed {seed})"):
            crashes.prepare()
            for number, point in enumerate(crashes.points(rounds)):
                crashes.round(number, point)
            # Else it was no test, unless it was a short one.
            both = crashes.seen["kept"] and crashes.seen["lost"]
            require(both or rounds < 20, f"one-sided: {crashes.seen}")
        print(f"  {dict(crashes.seen)}", flush=True)
        most = 2 if kind.sends_again else 1
        what = f"sent more than {'twice' if kind.sends_again else 'once'}"
        with report.check(f"{story}: no refresh token was {what}, or taken for stolen"):
            entries = [entry for entry in far.log(kind.NAME, first) if entry["sent"]]
            times = Counter(entry["sent"] for entry in entries)
            often = sum(count > most for count in times.values())
            equal((often, sum(entry["reused"] for entry in entries)), (0, 0), f"{what}, reused")
        with report.check(f"{story}: no refresh token is on disk or in the log in the clear"):
            tokens = {f"refresh token {e['number']}": e["sent"] for e in entries}
            sought = {name: token[-secrecy.SOUGHT :] for name, token in tokens.items()}
            files = [path for path in near.state.rglob("*") if path.is_file()]
            hits = secrecy.found(sought, [*files, near.server.log])
            require(not hits, "\n".join(hits))
    finally:
        near.server.kill()
        if report.failed > failed:
            lines = near.server.log.read_text(errors="replace").splitlines()
            lines = [line for line in lines if " TRACE " not in line and " DEBUG " not in line]
            print("\n".join(f"  {line}" for line in lines[-40:]), flush=True)


class Crashes:
    """A credential whose refreshes end with tokend's death."""

    def __init__(self, near, far, kind, chance):
        self.near = near
        self.far = far
        self.kind = kind
        self.name = kind.NAME
        self.chance = chance
        self.seen = Counter()
        self.token = None  # what `get` printed last
        self.whole = self.rest = 0.0  # how long a refresh takes, and its end from the answer on

    def points(self, rounds):
        """Draws where each refresh is killed."""
        points = [point for point, times in POINTS.items() for _ in range(times)]
        points *= rounds // len(points) + 1
        self.chance.shuffle(points)
        return points[:rounds]

    def prepare(self):
        """Logs in, and sees how long refreshes take here."""
        self.kind.add()
        for _ in range(3):
            start = time.monotonic()
            self.far.hold(self.name, "answer")
            refresh = self.near.begin("refresh", self.name)
            self.far.held()
            held = time.monotonic()
            self.far.release()
            said = refresh.communicate()
            equal(refresh.returncode, 0, f"`refresh` said {said}; exit status")
            self.whole = max(self.whole, time.monotonic() - start)
            self.rest = max(self.rest, time.monotonic() - held)
        self.token = self.near.get(self.name)

    def round(self, number, point):
        """Kills one refresh and looks at what is left of it."""
        before = len(self.far.log())
        try:
            ended = self.kill(point)
            self.far.idle()
            self.near.start()
            if self.chance.random() < 0.2:
                # Once more, while it is still setting things right.
                time.sleep(self.chance.uniform(0, 0.05))
                self.near.server.kill()
                self.near.start()
            fate = self.judge(point, ended, before)
        except Failed as failed:
            sent = [entry["status"] for entry in self.far.log(self.name, before)]
            what = f"round {number}, killed {point}; the provider's answers: {sent}"
            raise Failed(f"{what}: {failed}") from failed
        self.seen[fate] += 1

    def kill(self, point):
        """Begins a refresh and kills tokend there; returns the command's exit status."""
        gate = {"asked": "request", "ignored": "request"}.get(point, "answer")
        if point in ("asked", "ignored", "answering", "answered"):
            refresh = self.hold(gate)
            if point == "answered":
                self.far.release()
                time.sleep(self.chance.uniform(0, self.rest))
            self.near.server.kill()
            if point != "answered":
                self.far.release(drop=point == "ignored")
            refresh.communicate()
            return refresh.returncode
        refresh = self.near.begin("refresh", self.name)
        if point == "anywhere":
            time.sleep(self.chance.uniform(0, self.whole))
        else:
            said = refresh.communicate()
            equal(refresh.returncode, 0, f"`refresh` said {said}; exit status")
        self.near.server.kill()
        refresh.communicate()
        return refresh.returncode

    def hold(self, gate):
        """Begins a refresh that gets as far as this."""
        self.far.hold(self.name, gate)
        refresh = self.near.begin("refresh", self.name)
        try:
            self.far.held()
        except Failed as failed:
            refresh.kill()
            said = refresh.communicate()
            raise Failed(f"no refresh was sent; `refresh` said {said}") from failed
        return refresh

    def lose_again(self):
        """Loses the answer to a refresh token that is sent once more."""
        refresh = self.hold("answer")
        self.near.server.kill()
        self.far.release()
        refresh.communicate()
        self.near.start()

    def judge(self, point, ended, before):
        """Holds what tokend does after its restart against what the provider knows."""
        sent = self.far.log(self.name, before)
        require(len(sent) <= 1, f"{len(sent)} requests for one refresh")
        brought = [entry["access_token"] for entry in sent if entry["access_token"]]
        printed = self.near.get(self.name)
        require(printed in (self.token, *brought), "get prints neither the old token nor the new")
        known = self.near.issuances(self.name)[0]["outcome"]
        if printed in brought:
            require(point in ("anywhere", "answered", "done"), "an answer that never was is there")
            equal(known, "ISSUED", "what the ledger says")
            self.token = printed
            return "kept"
        require(ended != 0, "`refresh` ended well, but what it brought isn't there")
        if sent:
            require(known != "ISSUED", "the ledger has the answer, but get prints the old token")
        twice = self.kind.sends_again and sent and self.chance.random() < 0.25
        if twice:
            self.lose_again()
        again = self.near.cli("refresh", self.name, expect=None)
        more = self.far.log(self.name, before)[len(sent) :]
        if not sent and any(entry["sent"] for entry in more):
            equal(again.returncode, 0, f"`refresh` said {again.stderr!r}; exit status")
            self.token = self.near.get(self.name)
            equal([self.token], [entry["access_token"] for entry in more], "the token")
            return "unsent"
        # What became of the refresh token can't be known: it must not be sent again, unless
        # that is known to do no harm.
        resent = [entry["grant"] for entry in more if entry["sent"]]
        equal(len(resent), int(self.kind.sends_again), "refreshes after the restart")
        needs_person = self.kind.needs_person or twice
        expected = PERSON_MUST_ACT if needs_person else 0
        equal(again.returncode, expected, f"`refresh` said {again.stderr!r}; exit status")
        if needs_person:
            require("login" in again.stderr, f"no word of a login: {again.stderr!r}")
            self.kind.log_in()
        self.token = self.near.get(self.name)
        if not needs_person:
            equal([self.token], [entry["access_token"] for entry in more], "the token")
        return "lost twice" if twice else "lost" if sent else "unsure"
