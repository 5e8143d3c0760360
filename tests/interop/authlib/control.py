"""What the suite knows and decides of token requests, as oidc/control.mjs has it."""

import base64
import time
import urllib.parse
from threading import Condition


class Control:
    """A log of token requests, and a gate at which one is held."""

    def __init__(self):
        self._changed = Condition()
        self._entries = []
        self._gate = None  # whose request is to be held where
        self._held = None  # where the request that is held waits
        self._goes_on = {}
        self._open = 0

    def begin(self, request):
        """Notes a request, and returns its entry."""
        entry = {"time": time.time(), **asked(request), "status": None, "access_token": None}
        with self._changed:
            entry |= {"number": len(self._entries), "reused": False}
            self._entries.append(entry)
            self._open += 1
        return entry

    def end(self):
        """Notes that a request is dealt with."""
        with self._changed:
            self._open -= 1
            self._changed.notify_all()

    def passes(self, point, entry):
        """Waits if the request is to be held here; false if its connection is to be dropped."""
        with self._changed:
            if self._gate != (point, entry["client"]):
                return True
            self._gate, self._held = None, object()
            held = self._held
            self._changed.notify_all()
            self._changed.wait_for(lambda: held in self._goes_on)
            return self._goes_on.pop(held)

    def answer(self, what, query):
        """Answers what the suite wants to know or have done."""
        with self._changed:
            if what == "log":
                return self._entries[int(query.get("since", "0")) :]
            if what == "hold":
                self._gate = query["point"], query["client"]
            elif what == "held":
                self._changed.wait_for(lambda: self._held)
            elif what == "idle":
                self._changed.wait_for(lambda: self._open == 0)
            elif what == "release":
                self._gate = None
                if self._held:
                    self._goes_on[self._held] = query.get("drop") != "true"
                    self._held = None
                self._changed.notify_all()
            return {}


def asked(request):
    """Returns what a token request asks for."""
    basic = request.headers.get("Authorization", "").partition("Basic ")[2]
    named = base64.b64decode(basic).decode().split(":")[0] if basic else ""
    posted = "client_secret_post" if "client_secret" in request.form else "none"
    return {
        "client": urllib.parse.unquote_plus(named) or request.form.get("client_id"),
        "auth": "client_secret_basic" if basic else posted,
        "grant": request.form.get("grant_type"),
        "scope": request.form.get("scope"),
        "sent": request.form.get("refresh_token"),
    }
