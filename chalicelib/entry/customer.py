"""The routes of a customer utility."""

from http import HTTPStatus
from typing import Any

from chalice.app import Blueprint, Response

from .. import bootstrap
from ..customer import entry, inquiry
from ..enterprise import Holding
from ..records.ledger import AssetKind
from .answers import (
    accepted_answer,
    holdings_answer,
    market_data_answer,
    order_answer,
    page_answer,
    record_answer,
)
from .common import bearer
from .problems import answers_problems
from .requests import (
    account_of,
    customer_of,
    limit_of,
    parse_cancel,
    parse_new_order,
    parse_replace,
    query,
)

blueprint = Blueprint(__name__)


@blueprint.route("/orders", methods=["POST"], authorizer=bearer)
@answers_problems
def post_order() -> Response:
    """Enter one order (FIX NewOrderSingle, 35=D); the same again is answered as the first time.

    One with PossResend that is here already is answered with where it stands.
    """
    here, request = bootstrap.here(), blueprint.current_request
    order = parse_new_order(request)
    placed, is_new = entry.enter_order(
        order,
        customer_of(request),
        here.desk(),
        records=here.own(),
        clock=here.clock,
    )
    if order.poss_resend and not is_new:
        return _order(placed.order_id)
    return _respond(accepted_answer(placed), HTTPStatus.CREATED if is_new else HTTPStatus.OK)


@blueprint.route("/orders", methods=["GET"], authorizer=bearer)
@answers_problems
def get_orders() -> Response:
    """An account's orders, newest first: ?Account, ?limit, ?cursor."""
    here, request = bootstrap.here(), blueprint.current_request
    customer = customer_of(request)
    page = inquiry.list_orders(
        account_of(request, customer),
        customer,
        here.settings.secret,
        held=here.held(),
        now=here.clock(),
        limit=limit_of(request, inquiry.PAGE_MAX),
        cursor=query(request).get("cursor"),
    )
    return _respond(page_answer(page))


@blueprint.route("/orders/{number}", methods=["GET"], authorizer=bearer)
@answers_problems
def get_order(number: str) -> Response:
    """The state of an order, or the best estimate of it."""
    return _order(number)


@blueprint.route("/orders/{number}/records", methods=["GET"], authorizer=bearer)
@answers_problems
def get_records(number: str) -> Response:
    """Every record of an order that has arrived here: its audit trail."""
    here, request = bootstrap.here(), blueprint.current_request
    records = inquiry.list_records(
        number,
        customer_of(request),
        here.settings.secret,
        code=here.utility.code,
        held=here.held(),
    )
    return _respond({"Records": [record_answer(record.to_item()) for record in records]})


@blueprint.route("/orders/{number}/cancel", methods=["POST"], authorizer=bearer)
@answers_problems
def post_cancel(number: str) -> Response:
    """Ask to cancel an order (FIX OrderCancelRequest, 35=F), whether or not it has arrived here."""
    here, request = bootstrap.here(), blueprint.current_request
    requested, is_new = entry.request_cancel(
        parse_cancel(request),
        number,
        customer_of(request),
        here.desk(),
        records=here.own(),
        clock=here.clock,
    )
    return _respond(accepted_answer(requested), HTTPStatus.ACCEPTED if is_new else HTTPStatus.OK)


@blueprint.route("/orders/{number}/replace", methods=["POST"], authorizer=bearer)
@answers_problems
def post_replace(number: str) -> Response:
    """Ask for other terms (FIX OrderCancelReplaceRequest, 35=G), wherever the order is."""
    here, request = bootstrap.here(), blueprint.current_request
    requested, is_new = entry.request_replace(
        parse_replace(request),
        number,
        customer_of(request),
        here.desk(),
        records=here.own(),
        clock=here.clock,
    )
    return _respond(accepted_answer(requested), HTTPStatus.ACCEPTED if is_new else HTTPStatus.OK)


@blueprint.route("/balances", methods=["GET"], authorizer=bearer)
@answers_problems
def get_balances() -> Response:
    """An account's money, by the firm's books as far as they have arrived."""
    return _holdings(AssetKind.BALANCE, "Balances")


@blueprint.route("/positions", methods=["GET"], authorizer=bearer)
@answers_problems
def get_positions() -> Response:
    """An account's securities, by the firm's books as far as they have arrived."""
    return _holdings(AssetKind.POSITION, "Positions")


@blueprint.route("/account", methods=["GET"], authorizer=bearer)
@answers_problems
def get_account() -> Response:
    """Who you are here, and what you may see."""
    here, request = bootstrap.here(), blueprint.current_request
    customer = customer_of(request)
    account = account_of(request, customer)
    customer.expect_account(account)
    return _respond(
        {
            "Account": account,
            "Accounts": sorted(customer.accounts),
            "Customer": customer.subject,
            "Firm": here.enterprise.name,
            "AnsweredBy": here.utility.name,
        }
    )


@blueprint.route("/market-data/{symbol}", methods=["GET"], authorizer=bearer)
@answers_problems
def get_market_data(symbol: str) -> Response:
    """The last price of a symbol that has arrived here."""
    market = bootstrap.here().table(Holding.MARKET)
    return _respond(market_data_answer(inquiry.inquire_market_data(symbol, market=market)))


def _order(number: str) -> Response:
    here = bootstrap.here()
    order = inquiry.inquire_order(
        number,
        customer_of(blueprint.current_request),
        here.settings.secret,
        code=here.utility.code,
        held=here.held(),
        now=here.clock(),
    )
    return _respond(order_answer(order))


def _holdings(kind: AssetKind, name: str) -> Response:
    here, request = bootstrap.here(), blueprint.current_request
    customer = customer_of(request)
    account = account_of(request, customer)
    holdings = inquiry.inquire_holdings(
        account, kind, customer, here.settings.secret, books=here.table(Holding.FIRM)
    )
    return _respond(holdings_answer(account, name, holdings))


def _respond(body: dict[str, Any], status: HTTPStatus = HTTPStatus.OK) -> Response:
    return Response(body=body, status_code=status.value)
