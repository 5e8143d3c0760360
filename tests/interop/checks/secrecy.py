"""No secret and no token is on disk in the clear, nor in the log."""

import base64
import urllib.parse

from report import require

# As much of a secret as is searched for. It is long enough to be no coincidence;
# secrets begin and tokens end with it, and no encoding alters it.
SOUGHT = 30


def forms(text):
    """Returns what a text may look like in a file."""
    raw = text.encode()
    yield raw
    yield raw.hex().encode()
    yield urllib.parse.quote(text, safe="").encode()
    # Base64 depends on what stands before: three ways, less the ends, where
    # neighbours show.
    for before in range(3):
        inside = slice(4 if before else 0, -4)
        yield base64.b64encode(b"x" * before + raw)[inside]
        yield base64.urlsafe_b64encode(b"x" * before + raw)[inside]


def found(secrets, paths):
    """Returns which secrets are in which files."""
    sought = {name: set(forms(secret)) for name, secret in secrets.items()}
    hits = []
    for path in paths:
        content = path.read_bytes()
        hits += [
            f"{name} is in {path.name}"
            for name, forms in sought.items()
            if any(form in content for form in forms)
        ]
    return hits


def run(report, near, *fars):
    """Searches what the daemon keeps while it runs; returns what is searched for."""
    secrets = {}
    with report.check("a search finds the secrets in the providers' own settings"):
        for far in fars:
            known = {id: client.secret for id, client in far.clients.items() if client.secret}
            known = {f"{far.name}: {id}'s secret": secret for id, secret in known.items()}
            known |= {f"{far.name}: {user}'s password": word for user, word in far.users.items()}
            known = {name: secret[:SOUGHT] for name, secret in known.items()}
            hits = found(known, [far.settings])
            require(len(hits) == len(known), f"only {hits}")
            secrets |= known

    for far in fars:
        for entry in far.log():
            for what in ("access_token", "refresh_token"):
                if entry.get(what):
                    name = f"{far.name}: {what} {entry['number']}, of {entry['client']}"
                    secrets[name] = entry[what][-SOUGHT:]
    check_state(report, near, secrets, "while tokend runs")
    return secrets


def run_after(report, near, secrets):
    """Searches what the daemon leaves."""
    check_state(report, near, secrets, "after it ended")
    with report.check("nor in the log, at its most talkative"):
        require(b" TRACE " in near.server.log.read_bytes(), "the log isn't talkative")
        hits = found(secrets, [near.server.log])
        require(not hits, "\n".join(hits))


def check_state(report, near, secrets, when):
    """Searches the state directory."""
    with report.check(f"the same search finds no secret or token in the state directory, {when}"):
        files = [path for path in near.state.rglob("*") if path.is_file()]
        require({"tokend.db", "key"} <= {path.name for path in files}, f"only {files}")
        hits = found(secrets, files)
        require(not hits, "\n".join(hits))
