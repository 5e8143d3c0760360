"""One far side: oidc-provider, which is npm's."""

import os
import shutil
from pathlib import Path

import keys
import process
from provider import SCOPE, Provider, client

SOURCE = Path(__file__).parent / "oidc"

CODE = ("authorization_code", "refresh_token")
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"


def install(work):
    """Installs oidc-provider as the lock file has it."""
    directory = work / "oidc"
    directory.mkdir()
    for source in SOURCE.iterdir():
        shutil.copy(source, directory)
    process.run(["npm", "ci"], cwd=directory)


def signers(work):
    """Makes a client that signs for each algorithm."""
    clients = {}
    for algorithm in keys.KEYS:
        name = f"signed-{algorithm.lower()}"
        keys.key(work, name, algorithm)
        metadata = {"token_endpoint_auth_signing_alg": algorithm}
        how = {"metadata": metadata, "public_key": f"{work}/{name}.pub"}
        clients[name] = client(3600, "private_key_jwt", **how)
    return clients


def certified(work):
    """Makes the clients that have a certificate: the authority's, or their own."""
    name = "subjectAltName=DNS:client.example"
    keys.certificate(work, "tls", name, by="ca")
    keys.certificate(work, "tls-self-signed", name)
    bound = {"tls_client_certificate_bound_access_tokens": True}
    named = {"tls_client_auth_san_dns": "client.example", **bound}
    pinned = {"metadata": bound, "certificate": f"{work}/tls-self-signed.pem"}
    return {
        "tls": client(3600, "tls_client_auth", metadata=named),
        "tls-self-signed": client(3600, "self_signed_tls_client_auth", **pinned),
    }


def login(grants, **how):
    """Returns how a client is registered that people log in with (RFC 8252)."""
    metadata = {"application_type": "native", "scope": f"openid offline_access {SCOPE}"}
    if "authorization_code" in grants:
        metadata |= {"response_types": ["code"], "redirect_uris": ["http://127.0.0.1/callback"]}
    return {"grants": grants, "metadata": metadata, **how}


def provider(work, env):
    """Returns a provider with all clients that the checks need."""
    # A refresh ahead of expiry is to be seen while the suite runs.
    short = int(os.environ.get("INTEROP_TOKEN_LIFE", "10"))
    code = login(CODE)
    public = login(CODE, auth="none")
    page = "https://app.example/callback"
    web = {"application_type": "web", "redirect_uris": [page]}
    web = {**code, "metadata": {**code["metadata"], **web}}
    device = login(("refresh_token", DEVICE), auth="none")
    clients = {
        "short": client(short),
        "long": client(3600),
        "example": client(3600),
        "form": client(3600, auth="client_secret_post"),
        "orders": client(3600),
        "untrusted": client(3600),
        "misnamed": client(3600),
        "mistyped": client(3600),
        "secret-jwt": client(3600, "client_secret_jwt"),
        "resources": client(3600),
        "revoked": client(3600),
        "rotating": client(3600, **code),
        "restored": client(3600, **code),
        "brief": client(8, **code),
        "crash": client(3600, **code),
        "login": client(3600, **code),
        "public": client(3600, **public),
        "outage": client(3600, **code),
        "unrecognised": client(3600, **code),
        "web": client(3600, **web),
        "resourceful": client(3600, **code),
        "no-pkce": client(3600, **code),
        "device": client(3600, **device),
        "device-brief": client(3600, **device, code_life=3),
        "inspector": client(3600),
        **signers(work),
        **certified(work),
    }
    return Provider("oidc-provider", ["node", str(work / "oidc/server.mjs")], clients, work, env)
