"""The suite's own authority, and the keys and certificates that it vouches for."""

import process

EC = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]

# How openssl makes a key for each of the algorithms of RFC 7518 and RFC 8037.
KEYS = {
    "RS256": ["rsa", "-pkeyopt", "rsa_keygen_bits:2048"],
    "PS256": ["rsa", "-pkeyopt", "rsa_keygen_bits:2048"],
    "ES256": ["ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"],
    "EdDSA": ["ed25519"],
}


def certify(work):
    """Makes the authority and the server's certificate, for the name localhost only."""
    certificate(work, "ca", "keyUsage=critical,keyCertSign", subject="interop authority")
    certificate(work, "server", "subjectAltName=DNS:localhost", subject="localhost", by="ca")


def certificate(work, name, *extensions, subject=None, by=None):
    """Makes NAME.key and NAME.pem, signed by itself or by another."""
    flags = ["-noenc", "-days", "2", "-subj", f"/CN={subject or name}"]
    flags += ["-keyout", work / f"{name}.key", "-out", work / f"{name}.pem"]
    if by:
        flags += ["-CA", work / f"{by}.pem", "-CAkey", work / f"{by}.key"]
        extensions = ("basicConstraints=critical,CA:FALSE", *extensions)
    for extension in extensions:
        flags += ["-addext", extension]
    process.run(["openssl", "req", "-x509", *EC, *flags])


def key(work, name, algorithm):
    """Makes NAME.key, and NAME.pub for the other side."""
    private, public = work / f"{name}.key", work / f"{name}.pub"
    command = ["openssl", "genpkey", "-algorithm", *KEYS[algorithm], "-out", private]
    process.run(command)
    process.run(["openssl", "pkey", "-in", private, "-pubout", "-out", public])
