"""An enterprise as a drawing: a column per utility, a line per stream, and a mark per table."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape

from chalicelib.enterprise import Enterprise, Holding, Side

from .topology import Described, describe

_SIDES: Mapping[Side, tuple[str, str]] = {
    Side.CUSTOMER: ("Customer side", "#2b6cb0"),
    Side.STREET: ("Street side", "#c05621"),
    Side.FIRM: ("Firm side", "#2f855a"),
    Side.NETWORK: ("Cities", "#6b46c1"),
}
# What there is tables of: what is in them, and whose colour its stream has.
_STREAMS: Mapping[Holding, tuple[str, Side]] = {
    Holding.CUSTOMER: ("orders, cancels, replacements", Side.CUSTOMER),
    Holding.STREET: ("reports: what became of orders", Side.STREET),
    Holding.FIRM: ("books, instruments", Side.FIRM),
    Holding.MARKET: ("prices, signs of life", Side.STREET),
    Holding.CONVERSATIONS: ("calls, turns, tickets", Side.STREET),
    Holding.LINKS: ("signs of life of cities", Side.NETWORK),
}
_MESSAGES = ("orders and requests", "messages between banks")
_REGISTERED = "who talks with whom, on what"
_LEGEND: Mapping[str, str] = {
    "own": "what the utility writes",
    "copies": "copies, by stream",
    "both": "both in one table",
    "sends": "sends messages",
    "inbox": "inbox",
    "alone": "nobody else has it",
}

# In pixels.
_LABELS, _COLUMN, _ROW, _TOP, _LETTER = 220, 62, 44, 76, 6.2
_INK, _GREY, _PAPER = "#1a202c", "#4a5568", "#ffffff"


def draw(enterprise: Enterprise) -> str:
    """An SVG of all utilities and tables, and of what goes between them; each mark says what it is."""
    everybody = [d for side in _SIDES for d in describe(enterprise) if d.utility.side is side]
    across = {d.utility.name: _LABELS + _COLUMN * (n + 0.5) for n, d in enumerate(everybody)}
    streams = [holding for holding in _STREAMS if any(holding in d.utility.holdings for d in everybody)]
    width, bottom = _LABELS + _COLUMN * len(everybody) + 10, _TOP + _ROW * (len(streams) + 3)
    lines = [*_columns(everybody, across, bottom)]
    for row, holding in enumerate(streams):
        lines += _stream(enterprise, everybody, holding, across, _down(row))
    lines += _inboxes(enterprise, everybody, across, _down(len(streams)))
    lines += _registrations(enterprise, everybody, across, _down(len(streams) + 2))
    size = f'viewBox="0 0 {width:g} {bottom + 40:g}"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif">',
            f"<title>Tables and streams of the enterprise {escape(enterprise.name)}</title>",
            f'<rect width="100%" height="100%" fill="{_PAPER}"/>',
            *lines,
            *_legend(bottom + 22),
            "</svg>\n",
        ]
    )


def _down(row: float) -> float:
    return _TOP + _ROW * (row + 0.5)


def _columns(everybody: Sequence[Described], across: Mapping[str, float], bottom: float) -> Iterator[str]:
    for side, (title, colour) in _SIDES.items():
        places = [across[d.utility.name] for d in everybody if d.utility.side is side]
        if places:
            left, right = places[0] - _COLUMN / 2 + 3, places[-1] + _COLUMN / 2 - 3
            yield (
                f'<rect x="{left:g}" y="8" width="{right - left:g}" height="{bottom - 8:g}" rx="6" '
                f'fill="{colour}" fill-opacity="0.07"/>'
            )
            words = title.split() if len(places) == 1 else [title]
            for line, word in enumerate(words):
                yield _text(
                    (left + right) / 2, 30 + 15 * (line - (len(words) - 1) / 2), word, colour, bold=True
                )
    for described in everybody:
        name = described.utility.name
        yield _text(across[name], 62, name, _INK, bold=True)


def _stream(
    enterprise: Enterprise,
    everybody: Sequence[Described],
    holding: Holding,
    across: Mapping[str, float],
    down: float,
) -> Iterator[str]:
    """One kind of table: the line of its stream, from who writes it to who has copies."""
    what, side = _STREAMS[holding]
    colour = _SIDES[side][1]
    there = [d.utility.name for d in everybody if holding in d.utility.holdings]
    copied_to = {name for d in everybody for w in d.writes if w.holding is holding for name in w.copied_to}
    yield from _label(holding.value, what, down)
    yield _line(across[there[0]], across[there[-1]], down, colour)
    for described in everybody:
        name = described.utility.name
        if name in there:
            kind = "both" if name in copied_to else "own"
            if holding not in described.utility.writes:
                kind = "copies"
            yield _mark(kind, across[name], down, colour, enterprise.table(name, holding))


def _inboxes(
    enterprise: Enterprise, everybody: Sequence[Described], across: Mapping[str, float], down: float
) -> Iterator[str]:
    """Messages, which are no copies: two lines, and the inboxes that both may lead to."""
    sent = (
        {d.utility.name: d.sends_orders_to for d in everybody if d.sends_orders_to},
        {d.utility.name: d.sends_messages_to for d in everybody if d.sends_messages_to},
    )
    lines = {what: down + _ROW * n for n, what in enumerate(_MESSAGES)}
    for (what, y), senders in zip(lines.items(), sent, strict=True):
        places = [across[name] for name in {*senders, *(to for takers in senders.values() for to in takers)}]
        yield from _label(Holding.INBOX.value, what, y)
        if places:
            yield _line(min(places), max(places), y, _GREY, dotted=True)
    for described in everybody:
        name = described.utility.name
        taken = [
            y
            for y, senders in zip(lines.values(), sent, strict=True)
            if any(name in takers for takers in senders.values())
        ]
        if Holding.INBOX in described.utility.holdings:
            table = enterprise.table(name, Holding.INBOX)
            yield _inbox(across[name], taken[0], taken[-1], _colour(described), table)
        for y, senders in zip(lines.values(), sent, strict=True):
            if name in senders:
                yield _mark("sends", across[name], y, _colour(described), f"{name} sends")


def _registrations(
    enterprise: Enterprise, everybody: Sequence[Described], across: Mapping[str, float], down: float
) -> Iterator[str]:
    holding = Holding.REGISTRATIONS
    yield from _label(holding.value, _REGISTERED, down)
    for described in everybody:
        if holding in described.utility.holdings:
            name = described.utility.name
            yield _mark("alone", across[name], down, _colour(described), enterprise.table(name, holding))


def _colour(described: Described) -> str:
    return _SIDES[described.utility.side][1]


def _legend(down: float) -> Iterator[str]:
    x = 20.0
    for kind, meaning in _LEGEND.items():
        if kind == "inbox":
            yield _inbox(x, down, down, _GREY, meaning)
        else:
            yield _mark(kind, x, down, _GREY, meaning)
        yield _text(x + 18, down + 4, meaning, _GREY, anchor="start", size=12)
        x += 56 + _LETTER * len(meaning)


def _label(name: str, what: str, down: float) -> Iterator[str]:
    yield _text(12, down - 3, name, _INK, anchor="start", bold=True)
    yield _text(12, down + 12, what, _GREY, anchor="start", size=12)


def _mark(kind: str, x: float, y: float, colour: str, title: str) -> str:
    shape = {
        "own": f'<circle cx="{x:g}" cy="{y:g}" r="8" fill="{colour}"/>',
        "copies": f'<circle cx="{x:g}" cy="{y:g}" r="7" fill="{_PAPER}" stroke="{colour}" stroke-width="2"/>',
        "both": (
            f'<circle cx="{x:g}" cy="{y:g}" r="10" fill="{_PAPER}" stroke="{colour}" stroke-width="2"/>'
            f'<circle cx="{x:g}" cy="{y:g}" r="6" fill="{colour}"/>'
        ),
        "sends": f'<path d="M{x - 5:g} {y - 6:g}l10 6l-10 6z" fill="{colour}"/>',
        "alone": f'<rect x="{x - 7:g}" y="{y - 7:g}" width="14" height="14" rx="2" fill="{colour}"/>',
    }[kind]
    return f"<g><title>{escape(title)}</title>{shape}</g>"


def _inbox(x: float, top: float, bottom: float, colour: str, title: str) -> str:
    """An inbox, as high as the lines that lead to it."""
    return (
        f'<g><title>{escape(title)}</title><rect x="{x - 12:g}" y="{top - 10:g}" width="24" '
        f'height="{bottom - top + 20:g}" rx="3" fill="{_PAPER}" stroke="{colour}" stroke-width="2"/></g>'
    )


def _line(left: float, right: float, y: float, colour: str, *, dotted: bool = False) -> str:
    dashes = ' stroke-dasharray="2 4"' if dotted else ""
    return f'<path d="M{left:g} {y:g}H{right:g}" stroke="{colour}" stroke-width="2"{dashes}/>'


def _text(
    x: float, y: float, text: str, colour: str, *, anchor: str = "middle", bold: bool = False, size: int = 13
) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return (
        f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" font-size="{size}" fill="{colour}"{weight}>'
        f"{escape(text)}</text>"
    )
