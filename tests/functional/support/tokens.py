"""API tokens for daemons of tests."""

import hashlib
import secrets

from support.personal import private

SCOPES = ("feed:read", "calls:read", "metrics:read", "admin")


def new_token():
    made = "chk_" + secrets.token_hex(32)
    private.token(made)
    return made


def hash_of(token):
    return "sha256:" + hashlib.sha256(token.encode()).hexdigest()


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


class Tokens:
    """One token for each scope, under the name that the scope begins with."""

    def __init__(self, *scopes):
        self.of = {scope: new_token() for scope in scopes or SCOPES}

    def settings(self):
        return {
            f"tokens.{scope.partition(':')[0]}": {"hash": hash_of(token), "scopes": [scope]} for scope, token in self.of.items()
        }

    def without(self, scope):
        """A token that is somebody's, and not enough for this scope."""
        return next(token for other, token in self.of.items() if other not in (scope, "admin"))
