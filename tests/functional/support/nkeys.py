"""NATS' decentralised logins without the nsc tool: keys, JWTs and a credentials file, signed by the openssl command.

https://docs.nats.io/running-a-nats-service/configuration/securing_nats/auth_intro/jwt has the format.
"""

import base64
import hashlib
import json
import pathlib
import subprocess
import time

PREFIXES = {"operator": 14 << 3, "account": 0, "user": 20 << 3}
SEED = 18 << 3
UNLIMITED = ("subs", "data", "payload", "imports", "exports", "conn", "leaf", "mem_storage", "disk_storage", "streams", "consumer")


def crc16(data):
    """CRC-16/XMODEM"""
    crc = 0
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ 0x1021 if crc & 0x8000 else crc << 1) & 0xFFFF
    return crc


def encoded(raw):
    return base64.b32encode(raw + crc16(raw).to_bytes(2, "little")).decode().rstrip("=")


def base64url(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def openssl(*arguments):
    return subprocess.run(["openssl", *arguments], check=True, capture_output=True, stdin=subprocess.DEVNULL).stdout


class Key:
    """An Ed25519 key of an operator, account or user."""

    def __init__(self, directory, kind):
        self.kind = kind
        self.file = pathlib.Path(directory) / f"{kind}.pem"
        openssl("genpkey", "-algorithm", "ed25519", "-out", str(self.file))
        prefix = PREFIXES[kind]
        self.public = encoded(bytes([prefix]) + openssl("pkey", "-in", str(self.file), "-pubout", "-outform", "DER")[-32:])
        secret = openssl("pkey", "-in", str(self.file), "-outform", "DER")[-32:]
        self.seed = encoded(bytes([SEED | prefix >> 5, (prefix & 31) << 3]) + secret)

    def sign(self, data):
        text = self.file.with_suffix(".signed")
        text.write_bytes(data)
        return openssl("pkeyutl", "-sign", "-inkey", str(self.file), "-rawin", "-in", str(text))

    def jwt(self, subject, claims):
        """What this key says of another."""
        head = base64url(json.dumps({"typ": "JWT", "alg": "ed25519-nkey"}).encode())
        body = {"iat": int(time.time()), "iss": self.public, "name": subject.kind, "sub": subject.public}
        body["nats"] = {"type": subject.kind, "version": 2, **claims}
        body["jti"] = base64.b32encode(hashlib.sha256(json.dumps(body).encode()).digest()).decode().rstrip("=")
        text = f"{head}.{base64url(json.dumps(body).encode())}"
        return f"{text}.{base64url(self.sign(text.encode()))}"


def credentials(user, jwt):
    return (
        f"-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n"
        f"-----BEGIN USER NKEY SEED-----\n{user.seed}\n------END USER NKEY SEED------\n"
    )


class Operator:
    """An operator with a system account and one that has JetStream."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.key, self.account = Key(self.directory, "operator"), Key(self.directory, "account")
        (self.directory / "system").mkdir()
        self.system = Key(self.directory / "system", "account")
        limits = {name: -1 for name in UNLIMITED} | {"wildcards": True}
        self.account_jwt = self.key.jwt(self.account, {"limits": limits})

    def config(self):
        """Of a server that trusts it."""
        accounts = {self.account.public: self.account_jwt, self.system.public: self.key.jwt(self.system, {})}
        listed = ", ".join(f"{name}: {jwt}" for name, jwt in accounts.items())
        return (
            f"operator: {self.key.jwt(self.key, {})}\nsystem_account: {self.system.public}\n"
            f"resolver: MEMORY\nresolver_preload: {{ {listed} }}\n"
        )

    def user(self, publish=None, subscribe=None):
        """(key, JWT) of a user who may do all, or just that."""
        directory = self.directory / f"user{len(list(self.directory.glob('user*')))}"
        directory.mkdir()
        key = Key(directory, "user")
        allow = {"pub": {"allow": publish} if publish else {}, "sub": {"allow": subscribe} if subscribe else {}}
        return key, self.account.jwt(key, {"subs": -1, "data": -1, "payload": -1, **allow})
