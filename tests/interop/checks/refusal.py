"""What can't be trusted gets no secret, and what is refused isn't tried again."""

import re

from checks.issuance import add
from report import equal, require

UNAVAILABLE = 4
PERSON_MUST_ACT = 5


def run(report, near, far):
    """Adds credentials that can't work and looks at what is said and sent."""
    for name, variables, sentence in (
        ("untrusted", {"ca_file": None}, "a certificate of an unknown authority is refused"),
        (
            "misnamed",
            {"token_url": f"{far.url}/token".replace("localhost", "127.0.0.1")},
            "a certificate for another name is refused",
        ),
    ):
        with report.check(f"{sentence}: get exits with {UNAVAILABLE} and says why"):
            how = {"variables": variables, "secret": far.clients[name].secret}
            add(near, far, name, "--secret-stdin=client_secret", expect=UNAVAILABLE, **how)
            said = near.cli("get", name, expect=UNAVAILABLE).stderr
            require(re.search(r"certificate", said, re.IGNORECASE), said)
            equal(far.log(name), [], "what the provider was asked")

    with report.check(f"a wrong client secret is refused: get exits with {PERSON_MUST_ACT}"):
        wrong = {"secret": "not-the-secret", "expect": PERSON_MUST_ACT}
        add(near, far, "mistyped", "--secret-stdin=client_secret", **wrong)
        said = near.cli("get", "mistyped", expect=PERSON_MUST_ACT).stderr
        require("invalid_client" in said or "client authentication failed" in said, said)
        equal(near.show("mistyped")["state"], "REFUSED", "the state")

    with report.check("a refused credential isn't tried again by itself"):
        for _ in range(5):
            near.cli("get", "mistyped", expect=PERSON_MUST_ACT)
        sent = [(entry["status"], entry["error"]) for entry in far.log("mistyped")]
        require(1 <= len(sent) <= 2, f"{len(sent)} requests: {sent}")
        equal(set(sent), {(401, "invalid_client")}, "answers")
