"""Certificates for the daemon's own listeners and for who comes to them, made by the openssl command; and sockets that speak TLS."""

import pathlib
import ssl
import subprocess

EXTENSIONS = """
[ca]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = DNS:localhost, IP:127.0.0.1
[client]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
"""
KINDS = {"ec": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"], "rsa": ["-newkey", "rsa:2048"]}


def openssl(directory, *arguments):
    done = subprocess.run(
        ["openssl", *arguments], cwd=directory, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False, timeout=60
    )
    if done.returncode != 0:
        raise RuntimeError(f"openssl {arguments[0]} failed: {done.stderr}")
    return done.stdout


class Certificate:
    def __init__(self, directory, name):
        self.file, self.key = directory / f"{name}.pem", directory / f"{name}.key"

    def settings(self, **more):
        """For a listener's section of a daemon's settings."""
        return {"tls_certificate_file": str(self.file), "tls_key_file": str(self.key), **more}


class Authority:
    """An authority with its certificate in `ca`, and all that it issues, in one directory."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        (self.directory / "extensions").write_text(EXTENSIONS, encoding="ascii")
        self._request("ca", "ec")
        sign = ["x509", "-req", "-in", "ca.csr", "-signkey", "ca.key", "-extfile", "extensions", "-extensions", "ca"]
        openssl(self.directory, *sign, "-days", "30", "-out", "ca.pem")
        self.ca = self.directory / "ca.pem"

    def _request(self, name, kind):
        openssl(self.directory, "req", "-new", *KINDS[kind], "-nodes", "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        (self.directory / f"{name}.key").chmod(0o600)

    def issue(self, name, use="server", days=30, kind="ec"):
        """`days` below 0 makes one that has expired."""
        self._request(name, kind)
        sign = ["x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"]
        openssl(self.directory, *sign, "-extfile", "extensions", "-extensions", use, "-days", str(days), "-out", f"{name}.pem")
        return Certificate(self.directory, name)

    def context(self, certificate=None, lowest=None, highest=None):
        """Of a client that believes this authority, and shows a certificate where it is given one."""
        made = ssl.create_default_context(cafile=self.ca)
        if certificate:
            made.load_cert_chain(certificate.file, certificate.key)
        if lowest:
            made.minimum_version = lowest
        if highest:
            made.maximum_version = highest
        return made
