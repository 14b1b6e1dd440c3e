"""An enterprise as a table, as a diagram and as JSON: who keeps what, and who gets copies of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from chalicelib.enterprise import Enterprise, Holding, Side, Utility

# Between the side that takes orders and the one that executes them stands the firm (FIG. 2); what
# joins the banks is beyond them.
_LEFT_TO_RIGHT = {
    Side.CUSTOMER: "Customer side",
    Side.FIRM: "Firm side",
    Side.STREET: "Street side",
    Side.NETWORK: "Network",
}


@dataclass(frozen=True, kw_only=True)
class Written:
    """A table that a utility writes, and the utilities that hold copies of what is in it."""

    holding: Holding
    table: str
    copied_to: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Described:
    """A utility: its tables, those of them that it writes, and the inboxes that it writes to."""

    utility: Utility
    tables: tuple[str, ...]
    writes: tuple[Written, ...]
    sends_orders_to: tuple[str, ...]
    sends_messages_to: tuple[str, ...]


def describe(enterprise: Enterprise) -> tuple[Described, ...]:
    """Every utility of an enterprise, in the file's order."""
    return tuple(_described(enterprise, utility) for utility in enterprise.utilities)


def topology_table(enterprise: Enterprise) -> Table:
    """One row per utility, for a terminal."""
    table = Table(
        title=f"Enterprise {enterprise.name}, version {enterprise.version}",
        caption=f"A table is named {enterprise.name}-UTILITY-HOLDING.",
        show_lines=True,
    )
    for heading in ("Utility", "Side", "Code", "Region", "Holds", "Writes, and copies go to", "Sends"):
        table.add_column(heading, no_wrap=heading == "Holds", overflow="fold")
    for described in describe(enterprise):
        table.add_row(*_cells(described))
    return table


def principals_table(enterprise: Enterprise) -> Table:
    """One row per principal that deals, for a terminal."""
    table = Table("Principal", "Node", "City", "Terminals", title="Who deals")
    for principal in enterprise.principals:
        node = enterprise.utility(principal.node)
        table.add_row(principal.name, node.name, node.city, ", ".join(principal.terminals))
    return table


def topology_mermaid(enterprise: Enterprise) -> str:
    """A Mermaid flowchart: who there is on which side, and what goes between them.

    Solid arrows are copies, dotted ones orders; dotted in both directions, messages between banks.
    """
    lines = ["flowchart LR"]
    for side, title in _LEFT_TO_RIGHT.items():
        utilities = enterprise.on(side)
        if utilities:
            lines.append(f'    subgraph side_{side}["{title}"]')
            lines += [f"        {_node(utility)}" for utility in utilities]
            lines.append("    end")
    for described in describe(enterprise):
        lines += [f"    {edge}" for edge in _edges(described)]
    lines += [f"    {edge}" for edge in _message_edges(enterprise)]
    return "\n".join(lines) + "\n"


def topology_json(enterprise: Enterprise) -> dict[str, Any]:
    """What `describe` says, in JSON's types."""
    return {
        "enterprise": enterprise.name,
        "version": enterprise.version,
        "utilities": [_utility_json(described) for described in describe(enterprise)],
        "principals": [
            {"name": principal.name, "node": principal.node, "terminals": list(principal.terminals)}
            for principal in enterprise.principals
        ],
    }


def _described(enterprise: Enterprise, utility: Utility) -> Described:
    writes = tuple(
        Written(
            holding=holding,
            table=enterprise.table(utility.name, holding),
            copied_to=enterprise.holders(utility, holding),
        )
        for holding in utility.writes
    )
    return Described(
        utility=utility,
        tables=enterprise.tables(utility),
        writes=writes,
        sends_orders_to=_order_takers(enterprise) if utility.side is Side.CUSTOMER else (),
        sends_messages_to=_message_takers(enterprise, utility),
    )


def _order_takers(enterprise: Enterprise) -> tuple[str, ...]:
    return tuple(street.name for street in enterprise.on(Side.STREET) if street.orders)


def _message_takers(enterprise: Enterprise, utility: Utility) -> tuple[str, ...]:
    """A bank's city, or the banks at a city and the cities it is linked to."""
    if utility.side is Side.NETWORK:
        return enterprise.peers(utility)
    return (utility.city,) if utility.city is not None else ()


def _cells(described: Described) -> tuple[str, ...]:
    utility = described.utility
    return (
        utility.name,
        utility.side.value,
        utility.code,
        utility.region,
        "\n".join(utility.holdings),
        "\n".join(
            f"{written.holding}: {', '.join(written.copied_to) or 'nobody'}" for written in described.writes
        ),
        "\n".join(
            f"{what}: {', '.join(to)}"
            for what, to in (("orders", described.sends_orders_to), ("messages", described.sends_messages_to))
            if to
        ),
    )


def _node(utility: Utility) -> str:
    """A utility's node. Identifiers are prefixed: `firm` is also a side's, and `end` Mermaid's own."""
    return f'utility_{utility.name}["{utility.name} ({utility.code})<br/>{utility.region}"]'


def _edges(described: Described) -> Iterator[str]:
    origin = f"utility_{described.utility.name}"
    for name, holdings in _copies(described).items():
        yield f'{origin} -->|"{", ".join(holdings)}"| utility_{name}'
    for name in described.sends_orders_to:
        yield f'{origin} -.->|"orders"| utility_{name}'


def _message_edges(enterprise: Enterprise) -> Iterator[str]:
    """One arrow for each two that write to each other's inboxes."""
    drawn: set[frozenset[str]] = set()
    for described in describe(enterprise):
        for name in described.sends_messages_to:
            both = frozenset({described.utility.name, name})
            if both not in drawn:
                drawn.add(both)
                yield f'utility_{described.utility.name} <-.->|"messages"| utility_{name}'


def _copies(described: Described) -> dict[str, list[Holding]]:
    """What each other utility gets copies of: one arrow, however much there is.

    Signs of life of cities go where messages go, and are not drawn.
    """
    copies: dict[str, list[Holding]] = {}
    for written in described.writes:
        if written.holding is Holding.LINKS:
            continue
        for name in written.copied_to:
            copies.setdefault(name, []).append(written.holding)
    return copies


def _utility_json(described: Described) -> dict[str, Any]:
    utility = described.utility
    return {
        "name": utility.name,
        "side": utility.side.value,
        "code": utility.code,
        "region": utility.region,
        "tables": list(described.tables),
        "writes": [
            {
                "table": written.table,
                "holding": written.holding.value,
                "copied_to": list(written.copied_to),
            }
            for written in described.writes
        ],
        "sends_orders_to": list(described.sends_orders_to),
        "sends_messages_to": list(described.sends_messages_to),
    }
