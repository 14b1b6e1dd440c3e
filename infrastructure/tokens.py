"""The local issuer of bearer tokens: stands where an OpenID Connect issuer does in production.

Its one key is ES256 (RFC 7518). Utilities are given the public half, and check tokens without asking
the issuer; the private half never leaves its folder.
"""

import json
import os
import tempfile
from collections.abc import Iterable
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Self

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from jwt.algorithms import ECAlgorithm
from jwt.utils import base64url_encode

_ALGORITHM = "ES256"
_FILE_NAME = "issuer.pem"


class Issuer:
    """Signs tokens with one key."""

    def __init__(self, key: EllipticCurvePrivateKey) -> None:
        self._key = key
        self._public = ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
        self._key_id = _thumbprint(self._public)

    @classmethod
    def generated(cls) -> Self:
        """An issuer with a new key, kept nowhere."""
        return cls(generate_private_key(SECP256R1()))

    @classmethod
    def kept_in(cls, folder: Path) -> Self:
        """The issuer of a folder: its key is in `issuer.pem`, made (mode 0600) if there is none."""
        path = folder / _FILE_NAME
        if not path.exists():
            _write_new_key(path)
        return cls(_read_key(path))

    def jwks(self) -> str:
        """The public key set (RFC 7517), as THREESIDE_JWKS takes it."""
        return json.dumps({"keys": [{**self._public, "kid": self._key_id, "alg": _ALGORITHM, "use": "sig"}]})

    def token(
        self,
        subject: str,
        accounts: Iterable[str],
        *,
        audience: str,
        issuer: str,
        now: datetime,
        lifetime: timedelta,
    ) -> str:
        """A token with which `subject` may act for the accounts at the enterprise `audience`."""
        claims = {
            "sub": subject,
            "accounts": list(accounts),
            "aud": audience,
            "iss": issuer,
            "iat": now,
            "exp": now + lifetime,
        }
        return jwt.encode(claims, self._key, algorithm=_ALGORITHM, headers={"kid": self._key_id})


def _thumbprint(public: dict[str, str]) -> str:
    """The key's name, by what it is: RFC 7638."""
    members = {name: public[name] for name in ("crv", "kty", "x", "y")}
    text = json.dumps(members, sort_keys=True, separators=(",", ":"))
    return base64url_encode(sha256(text.encode()).digest()).decode()


def _write_new_key(path: Path) -> None:
    """Write a whole key under its name, or leave the one that another process put there first.

    The name is a link to a finished file: a reader never sees half a key, and of two processes that
    start at once one wins and both use its key.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # The file is made with mode 0600.
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    draft = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(_pem(generate_private_key(SECP256R1())))
        path.hardlink_to(draft)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def _read_key(path: Path) -> EllipticCurvePrivateKey:
    key = load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, EllipticCurvePrivateKey) or not isinstance(key.curve, SECP256R1):
        raise ValueError(f"{path}: expected a private key on the curve P-256 for {_ALGORITHM}")
    return key


def _pem(key: EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
