"""What may be negotiated: pairs, metals and bonds, and in which amounts and prices."""

from decimal import Decimal
from itertools import permutations

import pytest

from chalicelib.records.instruments import (
    BONDS,
    CURRENCIES,
    PRICE_MAX,
    QUANTITY_MAX,
    SubjectKind,
    UnknownSubject,
    WrongPrice,
    WrongQuantity,
    accrued_of,
    check_price,
    check_quantity,
    find_subject,
    is_isin,
    money_of,
    parse_subject,
    subject_key,
)

BUND = "DE000BU2Z023"
TREASURY = "US91282CKU44"


@pytest.mark.requirement("R12")
@pytest.mark.parametrize(
    ("symbol", "kind", "base", "quote"),
    [
        ("EURUSD", SubjectKind.CURRENCIES, "EUR", "USD"),
        ("USDEUR", SubjectKind.CURRENCIES, "USD", "EUR"),
        ("XAUUSD", SubjectKind.METAL, "XAU", "USD"),
        ("USDXAG", SubjectKind.METAL, "USD", "XAG"),
        (BUND, SubjectKind.BOND, BUND, "EUR"),
        (TREASURY, SubjectKind.BOND, TREASURY, "USD"),
    ],
)
def test_a_subject_is_a_pair_or_a_bond(symbol: str, kind: SubjectKind, base: str, quote: str) -> None:
    subject = parse_subject(symbol)
    assert (subject.symbol, subject.kind, subject.base, subject.quote) == (symbol, kind, base, quote)
    assert (subject.bond is not None) is (kind is SubjectKind.BOND)


@pytest.mark.requirement("R10")
def test_a_subject_has_one_key_whichever_way_round_it_is_asked_for_and_no_other_has_it() -> None:
    keys: dict[str, frozenset[str]] = {}
    for pair in permutations(CURRENCIES, 2):
        assert keys.setdefault(subject_key("".join(pair)), frozenset(pair)) == frozenset(pair)
    assert len(keys) == len(CURRENCIES) * (len(CURRENCIES) - 1) // 2
    assert {subject_key(isin) for isin in BONDS} == set(BONDS)


@pytest.mark.requirement("R12")
@pytest.mark.parametrize(
    ("symbol", "says"),
    [
        ("", "expected two currencies such as EURUSD, or the ISIN of a bond, found ''"),
        ("IBM", "expected two currencies such as EURUSD"),
        ("EUR/USD", "expected two currencies such as EURUSD"),
        ("eurusd", "'eur' is no currency or metal that is dealt in here"),
        ("EURXYZ", "'XYZ' is no currency or metal that is dealt in here"),
        ("EURDEM", "'DEM' is no currency"),
        ("EUREUR", "expected two different currencies"),
        ("US91282CKU45", "'US91282CKU45' is no ISIN"),
        ("US91282CKU4X", "'US91282CKU4X' is no ISIN"),
        ("EURUSDEURUSD", "'EURUSDEURUSD' is no ISIN"),
        ("US0378331005", "bond US0378331005 is not dealt in here"),
    ],
)
def test_what_is_no_subject_is_told_why(symbol: str, says: str) -> None:
    with pytest.raises(UnknownSubject, match=says):
        parse_subject(symbol)
    assert find_subject(symbol) is None


def test_the_bonds_have_isins_that_hold() -> None:
    assert all(is_isin(isin) and bond.isin == isin for isin, bond in BONDS.items())


@pytest.mark.parametrize("digit", "01356789")
def test_an_isin_with_another_check_digit_is_none(digit: str) -> None:
    assert is_isin("US0378331005"), "as published"
    assert not is_isin(f"US91282CKU{digit}4")
    assert not is_isin(f"US91282CKU4{digit}")


def test_an_isin_with_two_digits_exchanged_is_none() -> None:
    assert not is_isin("US0378331050")
    assert not is_isin("US0738331005")


@pytest.mark.requirement("R12")
@pytest.mark.parametrize(
    ("symbol", "least"),
    [
        ("EURUSD", "0.01"),
        ("JPYUSD", "1"),
        ("HUFEUR", "1"),
        ("XAUUSD", "0.001"),
        (TREASURY, "100"),
        (BUND, "0.01"),
    ],
)
def test_amounts_are_multiples_of_what_can_be_delivered(symbol: str, least: str) -> None:
    subject = parse_subject(symbol)
    for times in (1, 7, 1_000_000):
        check_quantity(subject, Decimal(least) * times)
    with pytest.raises(WrongQuantity, match=f"expected a multiple of {least} of {subject.base}, found"):
        check_quantity(subject, Decimal(least) * Decimal("1.5"))


@pytest.mark.parametrize("quantity", ["0", "-1", "100000000000.01", "1E+60"])
def test_amounts_have_a_limit(quantity: str) -> None:
    with pytest.raises(WrongQuantity, match="expected more than 0 and at most 100000000000, found"):
        check_quantity(parse_subject("EURUSD"), Decimal(quantity))
    check_quantity(parse_subject("EURUSD"), QUANTITY_MAX)


@pytest.mark.parametrize("price", ["0", "-1.0843", "1000000000.1"])
def test_prices_have_a_limit(price: str) -> None:
    with pytest.raises(WrongPrice, match="EURUSD: expected more than 0 and at most 1000000000, found"):
        check_price(parse_subject("EURUSD"), Decimal(price))
    check_price(parse_subject("EURUSD"), PRICE_MAX)


def test_prices_have_ten_decimals_at_most() -> None:
    check_price(parse_subject("IDRUSD"), Decimal("0.0000600001"))
    with pytest.raises(WrongPrice, match=r"at most 10 decimals, found 0\.00006000012"):
        check_price(parse_subject("IDRUSD"), Decimal("0.00006000012"))


@pytest.mark.requirement("R12")
@pytest.mark.parametrize(
    ("symbol", "quantity", "price", "money"),
    [
        ("EURUSD", "1000000", "1.0843", "1084300.00"),
        ("EURUSD", "0.50", "1.01", "0.50"),  # 0.505: half to even
        ("EURUSD", "1.50", "1.01", "1.52"),  # 1.515
        ("USDJPY", "1000", "156.7895", "156790"),  # 156789.5
        ("XAUUSD", "32.151", "4455.10", "143235.92"),
        ("USDXAU", "1000000", "0.0002244619", "224.462"),
        (TREASURY, "100000", "104.3125", "104312.50"),
        (BUND, "0.01", "97.10", "0.01"),
        ("EURUSD", "99999999999.99", "999999999.9999999999", "99999999999989999990.00"),
    ],
)
def test_money_is_rounded_to_what_its_currency_has_half_to_even(
    symbol: str, quantity: str, price: str, money: str
) -> None:
    assert str(money_of(parse_subject(symbol), Decimal(quantity), Decimal(price))) == money


def test_accrued_interest_is_rounded_like_money() -> None:
    per_hundred = Decimal("1.283835616438356164383561644")
    assert str(accrued_of(parse_subject(BUND), Decimal(1_000_000), per_hundred)) == "12838.36"
