"""The local issuer of bearer tokens: stands where an OpenID Connect issuer does in production.

Its one key is ES256 (RFC 7518). Utilities are given the public half, and check tokens without asking
the issuer; the private half never leaves the issuer's process.
"""

import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Self

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from jwt.algorithms import ECAlgorithm
from jwt.utils import base64url_encode

_ALGORITHM = "ES256"


class Issuer:
    """Signs tokens with one key."""

    def __init__(self, key: EllipticCurvePrivateKey) -> None:
        self._key = key
        self._public = ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
        self._key_id = _thumbprint(self._public)

    @classmethod
    def generated(cls) -> Self:
        """An issuer with a new key."""
        return cls(generate_private_key(SECP256R1()))

    def jwks(self) -> str:
        """The public key set (RFC 7517), as THREESIDE_JWKS takes it."""
        return key_set([self])

    def public_key(self) -> dict[str, str]:
        """The public half of the key, as a key set has it."""
        return {**self._public, "kid": self._key_id, "alg": _ALGORITHM, "use": "sig"}

    def token(
        self,
        subject: str,
        accounts: Iterable[str],
        *,
        audience: str,
        issuer: str,
        now: datetime,
        lifetime: timedelta,
        principal: str | None = None,
        terminal: str | None = None,
    ) -> str:
        """A token with which `subject` may act for the accounts at the enterprise `audience`.

        A trader's names the principal and the terminal, too.
        """
        deals = {"principal": principal, "terminal": terminal}
        claims = {
            "sub": subject,
            "accounts": list(accounts),
            "aud": audience,
            "iss": issuer,
            "iat": now,
            "exp": now + lifetime,
            **{name: value for name, value in deals.items() if value is not None},
        }
        return jwt.encode(claims, self._key, algorithm=_ALGORITHM, headers={"kid": self._key_id})


def key_set(issuers: Iterable[Issuer]) -> str:
    """The public keys of several: tokens of each of them hold."""
    return json.dumps({"keys": [issuer.public_key() for issuer in issuers]})


def _thumbprint(public: dict[str, str]) -> str:
    """The key's name, by what it is: RFC 7638."""
    members = {name: public[name] for name in ("crv", "kty", "x", "y")}
    text = json.dumps(members, sort_keys=True, separators=(",", ":"))
    return base64url_encode(sha256(text.encode()).digest()).decode()
