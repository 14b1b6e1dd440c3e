"""An enterprise as a table, as a diagram and as JSON: who keeps what, and who gets copies of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from chalicelib.enterprise import Enterprise, Holding, Side, Utility

# Between the side that takes orders and the one that executes them stands the firm (FIG. 2).
_LEFT_TO_RIGHT = (Side.CUSTOMER, Side.FIRM, Side.STREET)


@dataclass(frozen=True, kw_only=True)
class Written:
    """A table that a utility writes, and the utilities that hold copies of what is in it."""

    holding: Holding
    table: str
    copied_to: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Described:
    """A utility: its tables, those of them that it writes, and the inboxes its orders go to."""

    utility: Utility
    tables: tuple[str, ...]
    writes: tuple[Written, ...]
    sends_orders_to: tuple[str, ...]


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
    for heading in ("Utility", "Side", "Code", "Region", "Holds", "Writes, and copies go to", "Orders to"):
        table.add_column(heading)
    for described in describe(enterprise):
        table.add_row(*_cells(described))
    return table


def topology_mermaid(enterprise: Enterprise) -> str:
    """A Mermaid flowchart: the three sides; solid arrows are copies, dotted ones orders."""
    lines = ["flowchart LR"]
    for side in _LEFT_TO_RIGHT:
        lines.append(f'    subgraph side_{side}["{side.capitalize()} side"]')
        lines += [f"        {_node(utility)}" for utility in enterprise.on(side)]
        lines.append("    end")
    for described in describe(enterprise):
        lines += [f"    {edge}" for edge in _edges(described)]
    return "\n".join(lines) + "\n"


def topology_json(enterprise: Enterprise) -> dict[str, Any]:
    """What `describe` says, in JSON's types."""
    return {
        "enterprise": enterprise.name,
        "version": enterprise.version,
        "utilities": [_utility_json(described) for described in describe(enterprise)],
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
    )


def _order_takers(enterprise: Enterprise) -> tuple[str, ...]:
    return tuple(other.name for other in enterprise.utilities if Holding.INBOX in other.holdings)


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
        ", ".join(described.sends_orders_to),
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


def _copies(described: Described) -> dict[str, list[Holding]]:
    """What each other utility gets copies of: one arrow, however much there is."""
    copies: dict[str, list[Holding]] = {}
    for written in described.writes:
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
    }
