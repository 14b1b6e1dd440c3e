"""Who is asking, and for which accounts."""

from dataclasses import dataclass

from ..records.numbers import MalformedNumber, Number, account_key, parse_number
from ..refusals import UnknownAccount, UnknownOrder


@dataclass(frozen=True, kw_only=True)
class Customer:
    """A customer, or somebody acting for one: the subject of a token and the accounts it names."""

    subject: str
    accounts: frozenset[str]

    def expect_account(self, account: str) -> None:
        """UnknownAccount unless it is one of theirs."""
        if account not in self.accounts:
            raise UnknownAccount(account)

    def number(self, text: str, secret: bytes) -> tuple[Number, str]:
        """A number of theirs and the account it belongs to; UnknownOrder for anybody else's."""
        try:
            number = parse_number(text)
        except MalformedNumber:
            raise UnknownOrder(text) from None
        for account in self.accounts:
            if account_key(account, secret) == number.account_key:
                return number, account
        raise UnknownOrder(text)
