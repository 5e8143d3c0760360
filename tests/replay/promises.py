"""What was promised, and when: what has to be there whenever the power goes after that."""

import hashlib
import threading
import time
from dataclasses import dataclass


def tag(secret):
    """Tells a secret from others as `open.rs` does."""
    return hashlib.sha256(secret.encode()).hexdigest()[:16]


@dataclass
class Version:
    """A value of something that is stored: when someone asked for it, and when it was promised."""

    value: object
    asked_at: float
    promised_at: float | None = None


class Promises:
    """The history of all that is stored, by the wall clock that the record goes by."""

    def __init__(self):
        self._lock = threading.Lock()
        self._versions = {}
        self._rows = 0  # of the ledger, to begin with
        self._asked = []  # of the provider: when, and with which refresh token
        self._kept = None  # what a backup holds
        self._restored_at = None

    def ask(self, what, value):
        """Notes that something may get a value from now on."""
        with self._lock:
            first = Version(None, 0, 0)
            versions = self._versions.setdefault(what, [first])
            versions.append(Version(value, time.time()))

    def promise(self, what, value):
        """Notes that a value is promised: it, or a later one, has to be there."""
        now = time.time()
        with self._lock:
            versions = [it for it in self._versions[what] if it.value == value]
            versions[-1].promised_at = versions[-1].promised_at or now

    def change(self, what, value, act):
        """Changes something, and notes when it is done."""
        self.ask(what, value)
        act()
        self.promise(what, value)

    def begin(self, found):
        """Notes what was there to begin with."""
        for what, value in flatten(found).items():
            self._versions[what] = [Version(value, 0, 0)]
        self._rows = found["rows"]

    def sent(self, refresh_token):
        """Notes that a request reached the provider."""
        with self._lock:
            self._asked.append((time.time(), refresh_token and tag(refresh_token)))

    def last(self, what):
        """Returns the value that was asked for last."""
        with self._lock:
            return self._versions[what][-1].value

    def back_up(self):
        """Notes what a backup holds that is made while nothing changes."""
        with self._lock:
            values = {what: versions[-1].value for what, versions in self._versions.items()}
            self._kept = values, len(self._asked)

    def restore(self, act):
        """Brings the backup back."""
        values, _ = self._kept
        values = {what: values.get(what) for what in self._versions if what != "backup"}
        for what, value in values.items():
            self.ask(what, value)
        self._restored_at = time.time()
        self.change("restored", True, act)
        for what, value in values.items():
            self.promise(what, value)

    def broken(self, found, at):
        """Returns what isn't there of what was promised before `at`."""
        if error := found.get("error"):
            # Without a promise there may be no store at all.
            last = [versions[self._last(versions, at)] for versions in self._versions.values()]
            if all(version.value is None for version in last):
                return []
            return [f"corrupt: {error}"]
        values = flatten(found)
        faults = [f"corrupt: {damage}" for damage in found["damaged"]]
        for what in values.keys() | self._versions.keys():
            versions = self._versions.get(what, [Version(None, 0, 0)])
            allowed = versions[self._last(versions, at) :]
            if values.get(what) not in [it.value for it in allowed if it.asked_at < at]:
                older = values.get(what) in [it.value for it in versions]
                faults.append(f"{'lost' if older else 'corrupt'}: {what}")
        asked = [refresh_token for when, refresh_token in self._asked if when < at]
        least = self._kept[1] if self._restored_at and self._restored_at < at else len(asked)
        least += self._rows
        if found["rows"] < least:
            faults.append(f"lost: {least - found['rows']} issuances that were sent")
        for name, credential in found["credentials"].items():
            next_one = refresh_token_of(credential)
            if next_one and next_one in asked and not credential["doubted"]:
                faults.append(f"lost: that the refresh token of {name} was sent")
        return faults

    @staticmethod
    def _last(versions, at):
        """Returns the place of the last version that was promised before."""
        promised = [bool(it.promised_at is not None and it.promised_at < at) for it in versions]
        return len(versions) - 1 - promised[::-1].index(True)


def refresh_token_of(credential):
    """Returns the refresh token that would be sent next."""
    return credential["refresh_token"] or credential["secrets"].get("refresh_token")


def flatten(found):
    """Returns what was found by the names that promises have."""
    values = {name: found.get(name) or None for name in ("before", "restored", "backup")}
    values["store"] = True
    for name, credential in found["credentials"].items():
        values[f"{name}: client secret"] = credential["secrets"].get("client_secret")
        pair = credential["token"], refresh_token_of(credential)
        values[f"{name}: token"] = pair if pair[0] else None
    return {what: value for what, value in values.items() if value is not None}
