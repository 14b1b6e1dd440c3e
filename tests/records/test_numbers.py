import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.records.numbers import MalformedNumber, account_key, order_tag, parse_number
from tests.builders import SECRET, number

NAMES = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7D), min_size=1, max_size=36)


@pytest.mark.requirement("T10")
@settings(max_examples=50, deadline=None)
@given(account=NAMES, cl_ord_id=NAMES)
def test_a_number_has_39_characters_and_reads_back(account: str, cl_ord_id: str) -> None:
    made = number(account=account, cl_ord_id=cl_ord_id)
    assert len(str(made)) == 39
    assert parse_number(str(made)) == made


@pytest.mark.requirement("T10")
def test_a_number_shows_neither_account_nor_cl_ord_id() -> None:
    shown = str(number(account="smith", cl_ord_id="abc234")).lower()
    assert "smith" not in shown
    assert "abc234" not in shown


@pytest.mark.requirement("T10")
def test_two_utilities_give_one_cl_ord_id_two_numbers_in_one_place() -> None:
    one, other = number(code="C01"), number(code="C02")
    assert str(one) != str(other)
    assert (one.account_key, one.prefix) == (other.account_key, other.prefix)


def test_keys_depend_on_the_secret_and_on_where_the_account_ends() -> None:
    assert account_key("a", SECRET) != account_key("a", b"another secret")
    assert order_tag("ab", "c", SECRET) != order_tag("a", "bc", SECRET)
    assert order_tag("a", "b", SECRET) != order_tag("b", "a", SECRET)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "C0120260105",
        "c0120260105-mzq2kx7f3wd5a-h4o6ylpu2snbe",
        "C0120260105-mzq2kx7f3wd5a-h4o6ylpu2snb",
        "C0120260105-mzq2kx7f3wd5a-h4o6ylpu2snbe\n",
        "C0120260105-mzq2kx7f3wd51-h4o6ylpu2snbe",
    ],
)
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(MalformedNumber, match="expected a transaction number"):
        parse_number(text)
