"""The routes of a bank's node: what its terminals do (R2 to R4)."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from chalice.app import Blueprint, Response

from .. import bootstrap
from ..records.conversations import Step
from ..refusals import DuplicateCall, TurnRefused
from ..rfq.calls import request_quote
from ..rfq.node import read_own_file
from ..rfq.terminal import look
from ..rfq.turns import act, clear
from .common import bearer
from .conversations import conversation_answer, conversation_record_answer, look_answer
from .problems import answers_problems
from .requests import query
from .terminals import conversation_of, parse_clear, parse_quote_request, parse_turn, trader_of

blueprint = Blueprint(__name__)


@blueprint.route("/rfqs", methods=["POST"], authorizer=bearer)
@answers_problems
def post_rfq() -> Response:
    """Call a bank for a quote (FIX QuoteRequest, 35=R); what is denied has a panel as well, to be cleared."""
    here, request = bootstrap.here(), blueprint.current_request
    requested, is_new = request_quote(parse_quote_request(request), trader_of(request, here), here.node())
    answer = conversation_record_answer(requested)
    if requested.step is Step.DENIED:
        denied = DuplicateCall(requested.text or "")
        denied.state = answer
        raise denied
    return _respond(answer, HTTPStatus.CREATED if is_new else HTTPStatus.OK)


@blueprint.route("/rfqs/{number}", methods=["GET"], authorizer=bearer)
@answers_problems
def get_rfq(number: str) -> Response:
    """Where a conversation of your principal stands."""
    here, request = bootstrap.here(), blueprint.current_request
    file = read_own_file(here.node(), trader_of(request, here).principal, conversation_of(number))
    return _respond(conversation_answer(file, here.clock()))


@blueprint.route("/terminal", methods=["GET"], authorizer=bearer)
@answers_problems
def get_terminal() -> Response:
    """Rates, queue and panels; with ?cursor, what is new since that answer."""
    here, request = bootstrap.here(), blueprint.current_request
    seen = look(trader_of(request, here), here.node(), query(request).get("cursor"))
    return _respond(look_answer(seen, here.clock()))


@blueprint.route("/rfqs/{number}/answer", methods=["POST"], authorizer=bearer)
@answers_problems
def post_answer(number: str) -> Response:
    """Take a call from the queue into a panel."""
    return _act(Step.ANSWERED, number)


@blueprint.route("/rfqs/{number}/quote", methods=["POST"], authorizer=bearer)
@answers_problems
def post_quote(number: str) -> Response:
    """Quote a price (FIX Quote, 35=S), or another one."""
    return _act(Step.QUOTED, number)


@blueprint.route("/rfqs/{number}/counter", methods=["POST"], authorizer=bearer)
@answers_problems
def post_counter(number: str) -> Response:
    """Make a counter-offer (FIX QuoteResponse, 35=AJ, QuoteRespType 2)."""
    return _act(Step.COUNTERED, number)


@blueprint.route("/rfqs/{number}/message", methods=["POST"], authorizer=bearer)
@answers_problems
def post_message(number: str) -> Response:
    """Write to the other trader."""
    return _act(Step.MESSAGE, number)


@blueprint.route("/rfqs/{number}/accept", methods=["POST"], authorizer=bearer)
@answers_problems
def post_accept(number: str) -> Response:
    """Deal at the price that stands (FIX QuoteResponse, 35=AJ, QuoteRespType 1)."""
    return _act(Step.DEALT, number)


@blueprint.route("/rfqs/{number}/pass", methods=["POST"], authorizer=bearer)
@answers_problems
def post_pass(number: str) -> Response:
    """Refuse, or hang up (FIX QuoteResponse, 35=AJ, QuoteRespType 6)."""
    return _act(Step.PASSED, number)


@blueprint.route("/rfqs/{number}/clear", methods=["POST"], authorizer=bearer)
@answers_problems
def post_clear(number: str) -> Response:
    """Free the panel of a conversation that is over."""
    here, request = bootstrap.here(), blueprint.current_request
    parse_clear(request)
    clear(conversation_of(number), trader_of(request, here), here.node())
    return _respond({"Conversation": number})


def _act(step: Step, number: str) -> Response:
    here, request = bootstrap.here(), blueprint.current_request
    wish, by, node = parse_turn(step, request), trader_of(request, here), here.node()
    try:
        file = act(wish, conversation_of(number), by, node)
    except TurnRefused as refused:
        # Whoever is refused has seen something else than there is.
        file = read_own_file(node, by.principal, number)
        refused.state = {"Now": conversation_answer(file, here.clock())}
        raise
    status = HTTPStatus.ACCEPTED if file.pending is not None else HTTPStatus.OK
    return _respond(conversation_answer(file, here.clock()), status)


def _respond(body: Mapping[str, Any], status: HTTPStatus = HTTPStatus.OK) -> Response:
    return Response(body=dict(body), status_code=status.value)
