"""A test authority and a server certificate under it, made by the openssl command."""

import dataclasses
import pathlib
import subprocess

OPENSSL = """
[req]
distinguished_name = name
[name]
[ca]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth, clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = DNS:localhost, IP:127.0.0.1
"""


@dataclasses.dataclass(frozen=True)
class Tls:
    ca: pathlib.Path
    certificate: pathlib.Path
    key: pathlib.Path


def lasts(certificate):
    """Whether it is there and valid for another day."""
    command = ["openssl", "x509", "-checkend", "86400", "-noout", "-in", certificate]
    return certificate.exists() and subprocess.run(command, capture_output=True, check=False).returncode == 0


def certificates(directory, keep=False, names="DNS:localhost, IP:127.0.0.1"):
    """A test authority, ca.pem, and under it server.pem with server.key for 127.0.0.1 and localhost, or for other names. Made
    anew, unless those of before are to be kept and still last."""
    directory = pathlib.Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    made = Tls(directory / "ca.pem", directory / "server.pem", directory / "server.key")
    if keep and made.key.exists() and lasts(made.ca) and lasts(made.certificate):
        return made
    (directory / "openssl.cnf").write_text(OPENSSL.replace("DNS:localhost, IP:127.0.0.1", names), encoding="ascii")

    def make(name, extensions, subject, *more):
        command = ["openssl", "req", "-x509", "-config", "openssl.cnf", "-extensions", extensions, "-subj", f"/CN={subject}"]
        command += ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "365"]
        command += ["-out", f"{name}.pem", "-keyout", f"{name}.key", *more]
        done = subprocess.run(command, cwd=directory, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"openssl could not make {name}.pem: {done.stderr}")
        (directory / f"{name}.key").chmod(0o600)

    make("ca", "ca", "CallPage simulator's authority")
    make("server", "server", "localhost", "-CA", "ca.pem", "-CAkey", "ca.key")
    for name in ("ca.key", "openssl.cnf"):
        (directory / name).unlink()
    return made
