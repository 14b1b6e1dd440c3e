"""A deployed enterprise as the stories need it: how a utility is killed there, and dies at a moment."""

import json
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from chalicelib.enterprise import Holding, Side
from chalicelib.records.record import Item
from chalicelib.tables.attributes import encode

from ..client import Client
from ..demo.stage import Stage
from ..event_sources import Pattern
from ..local import GATEWAY
from .cloud import Cloud
from .packaging import functions_of
from .template import function_name


@dataclass(frozen=True)
class Doom:
    """Where a utility gets to before it dies: it writes these records, and acts on none of them."""

    holding: Holding
    attribute: str
    value: str


# A process dies at a write. A utility of functions is not told of what it would have written next for: it
# gets as far, and is then disabled.
DOOMS = {
    "before:c2-customer:": Doom(Holding.CUSTOMER, "RecordType", "Placed"),
    "after:s1-inbox:#claim": Doom(Holding.INBOX, "RecordType", "Claim"),
    "before:zurich-inbox:turn#0003": Doom(Holding.CONVERSATIONS, "sk", "turn#0003"),
    "before:tokyo-inbox:asked#0002": Doom(Holding.CONVERSATIONS, "sk", "asked#0002"),
}


@dataclass(frozen=True)
class Overlooking:
    """A utility that is doomed: what there was before, and its event sources' filters as they were."""

    doom: Doom
    before: frozenset[str]
    filters: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Deployed(Stage):
    """An enterprise that is deployed; its gateway is whoever of the customer utilities answers.

    Killed is a utility whose event sources and routes are disabled. `parameters` are its stacks'.
    """

    cloud: Cloud
    parameters: Mapping[str, str]
    stopped: set[str] = field(default_factory=set)
    doomed: dict[str, Overlooking] = field(default_factory=dict)

    def client(self, *names: str, who: str = "broker") -> Client:
        customers = ("c1", "c2") if GATEWAY in names else names
        return super().client(*customers, who=who)

    def signal(self, name: str, signum: signal.Signals) -> None:
        self.stopped.add(name)
        self._enable_routes(name, False)
        self._enable_events(name, False)

    def start(self, name: str, fault: str | None = None) -> None:
        overlooked = self._see_everything(name)
        if fault is not None:
            self._overlook(name, DOOMS[fault])
        self._enable_routes(name, True)
        self._enable_events(name, True)
        self.stopped.discard(name)
        for function, table, item in overlooked:
            self._tell(name, function, table, item)
        self.give_sign_of_life(name)

    def is_running(self, name: str) -> bool:
        """One that is doomed dies once it has come to where it is to die."""
        if name in self.doomed and name not in self.stopped:
            overlooking = self.doomed[name]
            if self._written(name, overlooking.doom).keys() - overlooking.before:
                self.kill(name)
        return name not in self.stopped

    def give_sign_of_life(self, name: str) -> None:
        """Have a utility's clock strike."""
        utility = self.enterprise.utility(name)
        if utility.side in (Side.STREET, Side.NETWORK) and name not in self.stopped:
            self.functions(name).invoke(FunctionName=self.function(name, "publish"), Payload=b"{}")

    def functions(self, name: str) -> Any:
        """What a utility's functions are called and changed with."""
        return self.cloud.client("lambda", self.enterprise.utility(name).region)

    def function(self, name: str, function: str) -> str:
        """What a function of a utility is called there."""
        return function_name(self.enterprise, self.enterprise.utility(name), function)

    def _enable_routes(self, name: str, on: bool) -> None:
        function = self.function(name, "api_handler")
        if on:
            self.functions(name).delete_function_concurrency(FunctionName=function)
        else:
            self.functions(name).put_function_concurrency(
                FunctionName=function, ReservedConcurrentExecutions=0
            )

    def _enable_events(self, name: str, on: bool) -> None:
        for mapping in self._mappings(name):
            self.functions(name).update_event_source_mapping(UUID=mapping["UUID"], Enabled=on)

    def _overlook(self, name: str, doom: Doom) -> None:
        """Have a utility not be told of what it is to die at."""
        stream = f"/{self.enterprise.table(name, doom.holding)}/stream/"
        mappings = [m for m in self._mappings(name) if stream in m["EventSourceArn"]]
        self.doomed[name] = Overlooking(
            doom,
            before=frozenset(self._written(name, doom)),
            filters={mapping["UUID"]: mapping["FilterCriteria"] for mapping in mappings},
        )
        for mapping in mappings:
            patterns = [json.loads(entry["Pattern"]) for entry in mapping["FilterCriteria"]["Filters"]]
            narrowed = [{"Pattern": json.dumps(without(pattern, doom))} for pattern in patterns]
            self._filter(name, mapping["UUID"], {"Filters": narrowed})

    def _see_everything(self, name: str) -> list[tuple[str, str, Item]]:
        """Filters as they were: what a utility was not told of, by function and table."""
        overlooking = self.doomed.pop(name, None)
        if overlooking is None:
            return []
        told: list[tuple[str, str, Item]] = []
        written = self._written(name, overlooking.doom)
        for mapping in self._mappings(name):
            if mapping["UUID"] in overlooking.filters:
                self._filter(name, mapping["UUID"], overlooking.filters[mapping["UUID"]])
                function = mapping["FunctionArn"].rsplit(":", 1)[1]
                new = [item for key, item in written.items() if key not in overlooking.before]
                told.extend((function, mapping["EventSourceArn"], item) for item in new)
        return told

    def _filter(self, name: str, mapping: str, criteria: Any) -> None:
        self.functions(name).update_event_source_mapping(UUID=mapping, FilterCriteria=criteria)

    def _tell(self, name: str, function: str, stream: str, item: Item) -> None:
        """Hand a record to a function again, as after any failure."""
        image = {"SequenceNumber": "1", "NewImage": encode(item)}
        record = {"eventName": "INSERT", "eventSourceARN": stream, "dynamodb": image}
        self.functions(name).invoke(FunctionName=function, Payload=json.dumps({"Records": [record]}))

    def _mappings(self, name: str) -> list[Any]:
        found = []
        for function in functions_of(self.enterprise.utility(name)):
            listed = self.functions(name).list_event_source_mappings(
                FunctionName=self.function(name, function)
            )
            found.extend(listed["EventSourceMappings"])
        return found

    def _written(self, name: str, doom: Doom) -> Mapping[str, Item]:
        """The records, of a utility's own, that it dies at."""
        return {
            f"{item['pk']}/{item['sk']}": item
            for item in self.everything(name, doom.holding)
            if item.get(doom.attribute) == doom.value and item["Origin"] == name
        }


def without(pattern: Pattern, doom: Doom) -> Pattern:
    """A stream's pattern that leaves out what a utility is to die at."""
    if pattern["eventName"] != ["INSERT"]:
        return pattern
    image = dict(pattern["dynamodb"]["NewImage"])
    listed = image.get(doom.attribute, {}).get("S")
    left = [v for v in listed if v != doom.value] if listed else [{"anything-but": [doom.value]}]
    image[doom.attribute] = {"S": left}
    return {**pattern, "dynamodb": {"NewImage": image}}
