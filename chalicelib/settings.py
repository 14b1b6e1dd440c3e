"""What a deployment is told, read from the environment in one place."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from .records.times import parse_time


class SettingsError(ValueError):
    """A setting is missing or cannot be read; the message names it."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """One utility's settings. Times are in seconds in the environment.

    `secret` keys the hashes in transaction numbers, one for the whole enterprise. `jwks` is the key
    set of the token issuer, inline or at an https address. `endpoint` is where AWS's services are, if
    not on AWS. `replay` names the file of prices that the simulated exchange shows from `epoch` on.
    `policy` is for calls that cross, `turn` how long each turn of a conversation may take, and `spread` is
    that of a bank's indicative rates, in basis points. `desk_limit` is the most that a dealing desk deals
    with a customer at its own rate, in the base currency.
    """

    utility: str
    enterprise_file: Path
    secret: bytes
    issuer: str
    jwks: str
    endpoint: str | None
    replay: Path | None
    epoch: datetime
    tick: timedelta
    sign_of_life: timedelta
    check_after: timedelta
    patience: timedelta
    policy: str = "earliest"
    turn: timedelta = timedelta(minutes=2)
    spread: Decimal = Decimal(2)
    desk_limit: Decimal = Decimal(250_000)


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Read the settings; SettingsError names the first that is wrong."""

    def text(name: str, default: str | None = None) -> str:
        value = environment.get(f"THREESIDE_{name}", default)
        if value is None:
            raise SettingsError(f"THREESIDE_{name} is not set")
        return value

    def number(name: str, default: str) -> Decimal:
        value = text(name, default)
        try:
            return Decimal(value)
        except ArithmeticError:
            raise SettingsError(f"THREESIDE_{name}: expected a number, found {value!r}") from None

    def seconds(name: str, default: str) -> timedelta:
        value = text(name, default)
        try:
            return timedelta(seconds=float(value))
        except ValueError:
            raise SettingsError(f"THREESIDE_{name}: expected seconds, found {value!r}") from None

    try:
        secret = bytes.fromhex(text("SECRET"))
        epoch = parse_time(text("EPOCH", "20260101-00:00:00.000000"))
    except ValueError as error:
        raise SettingsError(f"THREESIDE_SECRET or THREESIDE_EPOCH: {error}") from None
    replay = environment.get("THREESIDE_REPLAY")
    return Settings(
        utility=text("UTILITY"),
        enterprise_file=Path(text("ENTERPRISE")),
        secret=secret,
        issuer=text("ISSUER", "https://issuer.invalid"),
        jwks=text("JWKS", '{"keys": []}'),
        endpoint=environment.get("THREESIDE_ENDPOINT"),
        replay=Path(replay) if replay else None,
        epoch=epoch.astimezone(UTC),
        tick=seconds("TICK_SECONDS", "15"),
        sign_of_life=seconds("SIGN_OF_LIFE_SECONDS", "60"),
        check_after=seconds("CHECK_AFTER_SECONDS", "5"),
        patience=seconds("PATIENCE_SECONDS", "60"),
        policy=text("POLICY", "earliest"),
        turn=seconds("TURN_SECONDS", "120"),
        spread=number("SPREAD_BASIS_POINTS", "2"),
        desk_limit=number("DESK_LIMIT", "250000"),
    )
