"""Another far side: a server of authlib's, which is PyPI's."""

import secrets
from pathlib import Path

import process
from provider import Provider, client

SOURCE = Path(__file__).parent / "authlib"
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"


def install(work):
    """Installs authlib as the requirements have it, beside what else Python needs."""
    pip = [str(work / "venv/bin/pip"), "install", "--disable-pip-version-check"]
    process.run([*pip, "--require-hashes", "--requirement", str(SOURCE / "requirements.txt")])


def device(**answer):
    """Returns how a client is registered whose codes are entered elsewhere."""
    grants = ("refresh_token", DEVICE)
    return {"auth": "none", "grants": grants, "metadata": {"device": answer}}


def provider(work, env):
    """Returns a provider with all clients that the checks need."""
    both = ("password", "refresh_token")
    clients = {
        "people": client(3600, grants=both),
        "rotating": client(3600, grants=("refresh_token",)),
        "crash": client(3600, grants=both),
        "grace": client(3600, grants=("refresh_token",), metadata={"grace": 60}),
        "brief": client(8, grants=("refresh_token",)),
        "device": client(3600, **device(interval=1)),
        "device-brief": client(3600, **device(interval=1, expires_in=3)),
        "device-hasty": client(3600, **device(interval=1, hasty=True)),
        "inspector": client(3600, "client_secret_post"),
    }
    users = {"ann": secrets.token_urlsafe(24) + "&=+%é"}
    command = [str(work / "venv/bin/python"), "-B", str(SOURCE / "server.py")]
    return Provider("authlib", command, clients, work, env, users, patience=2)
