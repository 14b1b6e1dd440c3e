"""Tokens of the local issuer, judged by the authorizer that every utility has."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import jwt
import pytest
from chalice.app import AuthRequest, AuthResponse
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

from chalicelib.bootstrap import Here, acting_for
from chalicelib.enterprise import load_enterprise
from chalicelib.entry.common import bearer
from chalicelib.settings import read_settings
from infrastructure.tokens import Issuer, key_set

ISSUER = "https://issuer.invalid"
AUDIENCE = "demo"
ENTERPRISE_FILE = Path(__file__).parents[2] / "enterprise.toml"

Judge = Callable[[str], AuthResponse]


class Kept(NamedTuple):
    """An issuer and its private key, which the tests use to sign what an issuer would not."""

    issuer: Issuer
    private_key: Any


@pytest.fixture(scope="module")
def kept() -> Kept:
    key = generate_private_key(SECP256R1())
    return Kept(Issuer(key), key)


@pytest.fixture
def issuer(kept: Kept) -> Issuer:
    return kept.issuer


@pytest.fixture
def judge(issuer: Issuer) -> Judge:
    """What the authorizer of a utility that trusts the issuer says to a header."""
    return _judge(issuer.jwks())


def _judge(jwks: str) -> Judge:
    settings = read_settings(
        {
            "THREESIDE_UTILITY": "c1",
            "THREESIDE_ENTERPRISE": str(ENTERPRISE_FILE),
            "THREESIDE_SECRET": "00" * 32,
            "THREESIDE_ISSUER": ISSUER,
            "THREESIDE_JWKS": jwks,
        }
    )
    here = Here(
        settings=settings,
        enterprise=load_enterprise(ENTERPRISE_FILE),
        open_table=_opens_nothing,
        open_queue=_opens_nothing,
        open_registry=_opens_nothing,
    )

    def judging(header: str) -> AuthResponse:
        with acting_for(here):
            request = AuthRequest("TOKEN", header, "arn:aws:execute-api:::api/dev/GET/orders")
            answer: AuthResponse = bearer.func(request)
            return answer

    return judging


def test_while_two_keys_are_in_the_set_tokens_of_both_hold_and_then_of_one(issuer: Issuer) -> None:
    new = Issuer.generated()
    tokens = [f"Bearer {_token(one)}" for one in (issuer, new)]
    during, after = _judge(key_set([issuer, new])), _judge(key_set([new]))
    assert [during(token).principal_id for token in tokens] == ["ada", "ada"]
    assert [after(token).principal_id for token in tokens] == ["nobody", "ada"]


def test_a_token_of_the_issuer_lets_its_subject_act_for_its_accounts(issuer: Issuer, judge: Judge) -> None:
    answer = judge(f"Bearer {_token(issuer, subject='ada', accounts=('A-1', 'A-2'))}")

    assert answer.routes == ["*"]
    assert answer.principal_id == "ada"
    assert json.loads(answer.context["accounts"]) == ["A-1", "A-2"]


def test_a_traders_token_names_the_principal_and_the_terminal(issuer: Issuer, judge: Judge) -> None:
    answer = judge(f"Bearer {_token(issuer, principal='BANKX', terminal='X1')}")

    assert (answer.context["principal"], answer.context["terminal"]) == ("BANKX", "X1")


def test_a_token_of_nobody_who_deals_names_no_principal(issuer: Issuer, judge: Judge) -> None:
    assert not {"principal", "terminal"} & set(judge(f"Bearer {_token(issuer)}").context)


def test_an_expired_token_is_refused(issuer: Issuer, judge: Judge) -> None:
    an_hour_ago = datetime.now(UTC) - timedelta(hours=1)

    assert _refusal(judge, _token(issuer, now=an_hour_ago)) == "Signature has expired"


def test_a_token_for_another_enterprise_is_refused(issuer: Issuer, judge: Judge) -> None:
    assert _refusal(judge, _token(issuer, audience="other")) == "Audience doesn't match"


def test_a_token_in_the_name_of_another_issuer_is_refused(issuer: Issuer, judge: Judge) -> None:
    assert _refusal(judge, _token(issuer, name="https://other.invalid")) == "Invalid issuer"


def test_a_token_signed_with_a_key_that_the_issuer_does_not_have_is_refused(judge: Judge) -> None:
    assert "a key that the issuer does not have" in _refusal(judge, _token(Issuer.generated()))


def test_a_token_that_borrows_the_issuers_key_name_is_refused(issuer: Issuer, judge: Judge) -> None:
    forged = jwt.encode(
        _claims(), _private_key_of_nobody(), algorithm="ES256", headers={"kid": _key_id(issuer)}
    )

    assert _refusal(judge, forged) == "Signature verification failed"


def test_a_token_whose_accounts_were_changed_is_refused(issuer: Issuer, judge: Judge) -> None:
    header, claims, signature = _token(issuer).split(".")
    content = json.loads(urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
    content["accounts"] = ["A-9"]
    changed = urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()

    assert _refusal(judge, f"{header}.{changed}.{signature}") == "Signature verification failed"


def test_a_token_without_a_signature_is_refused(issuer: Issuer, judge: Judge) -> None:
    unsigned = jwt.encode(_claims(), "", algorithm="none", headers={"kid": _key_id(issuer)})

    assert "alg" in _refusal(judge, unsigned)


@pytest.mark.parametrize(
    "algorithm",
    [
        "HS256",
        "ES384",
        "RS256",
    ],
)
def test_a_token_of_another_algorithm_than_the_keys_is_refused(
    issuer: Issuer, judge: Judge, algorithm: str
) -> None:
    _, claims, signature = _token(issuer).split(".")
    header = json.dumps({"alg": algorithm, "kid": _key_id(issuer)}).encode()
    relabelled = urlsafe_b64encode(header).rstrip(b"=").decode()

    assert _refusal(judge, f"{relabelled}.{claims}.{signature}")


@pytest.mark.parametrize("claim", ["exp", "sub", "aud", "iss"])
def test_a_token_without_a_claim_that_counts_is_refused(kept: Kept, judge: Judge, claim: str) -> None:
    claims = _claims()
    del claims[claim]
    token = jwt.encode(claims, kept.private_key, algorithm="ES256", headers={"kid": _key_id(kept.issuer)})

    assert _refusal(judge, token) == f'Token is missing the "{claim}" claim'


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer not.a.token", "Basic YTpi", "Bearer a b"])
def test_a_header_that_holds_no_token_is_refused(judge: Judge, header: str) -> None:
    answer = judge(header)

    assert answer.routes == []
    assert answer.context["problem"]


def test_the_key_set_shows_nothing_private(issuer: Issuer) -> None:
    [key] = json.loads(issuer.jwks())["keys"]

    assert set(key) == {"kty", "crv", "x", "y", "kid", "alg", "use"}


def _token(
    issuer: Issuer,
    *,
    subject: str = "ada",
    accounts: tuple[str, ...] = ("A-1",),
    audience: str = AUDIENCE,
    name: str = ISSUER,
    now: datetime | None = None,
    principal: str | None = None,
    terminal: str | None = None,
) -> str:
    return issuer.token(
        subject,
        accounts,
        audience=audience,
        issuer=name,
        now=now or datetime.now(UTC),
        lifetime=timedelta(minutes=10),
        principal=principal,
        terminal=terminal,
    )


def _claims() -> dict[str, Any]:
    now = datetime.now(UTC)
    return {
        "sub": "ada",
        "accounts": ["A-1"],
        "aud": AUDIENCE,
        "iss": ISSUER,
        "iat": now,
        "exp": now + timedelta(minutes=10),
    }


def _refusal(judge: Judge, token: str) -> str:
    answer = judge(f"Bearer {token}")
    assert answer.routes == []
    return answer.context["problem"]


def _key_id(issuer: Issuer) -> str:
    key_id: str = json.loads(issuer.jwks())["keys"][0]["kid"]
    return key_id


def _private_key_of_nobody() -> Any:
    return generate_private_key(SECP256R1())


def _opens_nothing(*names: str) -> Any:
    raise AssertionError(f"the authorizer opened {names}")
