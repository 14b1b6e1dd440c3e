"""The pump does what Lambda's event sources do; the streams and queues here are in memory."""

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from infrastructure.event_sources import EventSource, QueueSource, ScheduleSource, StreamSource
from infrastructure.pump import Function, Pump, QueueReader, StreamReader

TABLE = "demo-c1-customer"
QUEUE = "demo-c1-parked-c2"
ARN = f"arn:aws:dynamodb:us-east-1:000000000000:table/{TABLE}/stream/1"
DONE: Mapping[str, Any] = {"batchItemFailures": []}

Event = Mapping[str, Any]


class Streams:
    """A table's stream with one shard, as two clients see it. Records are numbered from 0."""

    def __init__(self, names: Sequence[str]) -> None:
        self.records = [_record(place, name) for place, name in enumerate(names)]
        self.is_away = False
        self._given: set[str] = set()

    def come_back(self) -> None:
        """Be there again, with none of the iterators that were given out before."""
        self.is_away = False
        self._given.clear()

    def append(self, name: str) -> None:
        self.records.append(_record(len(self.records), name))

    def describe_table(self, **asked: str) -> Any:
        assert asked == {"TableName": TABLE}
        return {"Table": {"LatestStreamArn": ARN}}

    def describe_stream(self, **asked: str) -> Any:
        assert asked == {"StreamArn": ARN}
        return {"StreamDescription": {"Shards": [{"ShardId": "shard-1"}]}}

    def get_shard_iterator(self, **asked: str) -> Any:
        assert (asked.pop("StreamArn"), asked.pop("ShardId")) == (ARN, "shard-1")
        if asked == {"ShardIteratorType": "TRIM_HORIZON"}:
            return {"ShardIterator": self._iterator(0)}
        assert asked.pop("ShardIteratorType") == "AFTER_SEQUENCE_NUMBER"
        return {"ShardIterator": self._iterator(int(asked["SequenceNumber"]) + 1)}

    def get_records(self, *, ShardIterator: str, Limit: int) -> Any:  # noqa: N803
        if self.is_away:
            raise ConnectionError("the engine is away")
        if ShardIterator not in self._given:
            raise LookupError("ExpiredIteratorException")
        start = int(ShardIterator)
        records = self.records[start : start + Limit]
        return {"Records": records, "NextShardIterator": self._iterator(start + len(records))}

    def _iterator(self, place: int) -> str:
        self._given.add(str(place))
        return str(place)


class Impatient(threading.Event):
    """An end that nobody waits for: how long it would have been is noted."""

    def __init__(self, ends_after: int | None = None) -> None:
        super().__init__()
        self.waited: list[float] = []
        self._ends_after = ends_after

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self.waited.append(timeout)
        if len(self.waited) == self._ends_after:
            self.set()
        return self.is_set()


class Handler:
    """An event function: notes the batches it is given, and does as it is told with each."""

    def __init__(self, answer: Callable[[list[str]], Mapping[str, Any]] = lambda names: DONE) -> None:
        self._answer = answer
        self.batches: list[list[str]] = []
        self.handled: list[str] = []

    def __call__(self, event: Event, context: object) -> Mapping[str, Any]:
        names = [_name(record) for record in event["Records"]]
        self.batches.append(names)
        answer = self._answer(names)
        failed = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
        for record in event["Records"]:
            if record["dynamodb"]["SequenceNumber"] in failed:
                break
            self.handled.append(_name(record))
        return answer


def _record(place: int, name: str) -> Mapping[str, Any]:
    return {
        "eventID": str(place),
        "eventName": "REMOVE" if name.startswith("-") else "INSERT",
        "dynamodb": {"Keys": {"pk": {"S": name}}, "SequenceNumber": str(place)},
    }


def _name(record: Mapping[str, Any]) -> str:
    name: str = record["dynamodb"]["Keys"]["pk"]["S"]
    return name


def _source(**facts: Any) -> StreamSource:
    patterns = ({"eventName": ["INSERT"]},)
    return StreamSource(**{"function": "react", "table": TABLE, "patterns": patterns, **facts})


def _reader(
    streams: Streams, handler: Function, folder: Path, ended: threading.Event | None = None, **facts: Any
) -> StreamReader:
    return StreamReader(_source(**facts), handler, streams, streams, folder, ended or Impatient())


def _raises_on(poisoned: str) -> Callable[[list[str]], Mapping[str, Any]]:
    def answer(names: list[str]) -> Mapping[str, Any]:
        if poisoned in names:
            raise RuntimeError(f"cannot do {poisoned}")
        return DONE

    return answer


def _aside(folder: Path) -> list[str]:
    (path,) = folder.glob("*.aside.jsonl")
    return [_name(json.loads(line)) for line in path.read_text().splitlines()]


# Streams


@pytest.mark.requirement("T18")
def test_records_are_handed_over_in_order_and_at_most_so_many_at_once(tmp_path: Path) -> None:
    handler = Handler()
    reader = _reader(Streams("abcde"), handler, tmp_path, batch_max=2)
    assert [reader.turn() for _ in range(4)] == [True, True, True, False]
    assert handler.batches == [["a", "b"], ["c", "d"], ["e"]]


def test_a_record_says_which_stream_it_is_from(tmp_path: Path) -> None:
    seen: list[Event] = []

    def function(event: Event, context: object) -> Mapping[str, Any]:
        seen.append(event)
        return DONE

    _reader(Streams("a"), function, tmp_path).turn()
    assert seen[0]["Records"][0]["eventSourceARN"] == ARN
    assert seen[0]["Records"][0]["eventSource"] == "aws:dynamodb"


def test_what_no_pattern_wants_is_passed_over_for_good(tmp_path: Path) -> None:
    handler = Handler()
    streams = Streams(["-1", "a", "-2", "-3"])
    _reader(streams, handler, tmp_path).turn()
    assert handler.batches == [["a"]]
    again = Handler()
    assert not _reader(streams, again, tmp_path).turn()
    assert again.batches == []


@pytest.mark.requirement("T17")
def test_a_utility_that_was_away_goes_on_where_it_stopped(tmp_path: Path) -> None:
    streams = Streams("abc")
    _reader(streams, Handler(), tmp_path).turn()
    streams.append("d")
    handler = Handler()
    _reader(streams, handler, tmp_path).turn()
    assert handler.batches == [["d"]]


@pytest.mark.requirement("T17")
def test_a_stream_that_cannot_be_read_is_read_from_the_same_place_when_it_is_back(tmp_path: Path) -> None:
    handler, streams = Handler(), Streams("ab")
    reader = _reader(streams, handler, tmp_path)
    reader.turn()
    streams.is_away = True
    with pytest.raises(ConnectionError):
        reader.turn()
    streams.come_back()
    streams.append("c")
    reader.turn()
    assert handler.batches == [["a", "b"], ["c"]]


@pytest.mark.requirement("T15", "T17")
def test_a_batch_that_fails_in_part_is_tried_again_from_the_failure_on(tmp_path: Path) -> None:
    failures = [["2"], []]

    def answer(names: list[str]) -> Mapping[str, Any]:
        return {"batchItemFailures": [{"itemIdentifier": i} for i in (failures.pop(0) if failures else ())]}

    handler = Handler(answer)
    _reader(Streams("abcd"), handler, tmp_path).turn()
    assert handler.batches[0] == ["a", "b", "c", "d"]
    assert handler.batches[1][0] == "c"
    assert handler.handled == ["a", "b", "c", "d"]


def test_of_several_failures_the_first_counts(tmp_path: Path) -> None:
    failures = [["3", "1"]]

    def answer(names: list[str]) -> Mapping[str, Any]:
        return {"batchItemFailures": [{"itemIdentifier": i} for i in (failures.pop(0) if failures else ())]}

    handler = Handler(answer)
    _reader(Streams("abcd"), handler, tmp_path).turn()
    assert handler.handled == ["a", "b", "c", "d"]


@pytest.mark.requirement("T17")
@pytest.mark.parametrize("poisoned", "abcdefgh")
def test_a_poisoned_record_is_found_by_halving_and_set_aside_and_what_follows_goes_on(
    tmp_path: Path, poisoned: str
) -> None:
    handler = Handler(_raises_on(poisoned))
    streams = Streams("abcdefgh")
    assert _reader(streams, handler, tmp_path).turn()
    assert handler.handled == [name for name in "abcdefgh" if name != poisoned]
    assert _aside(tmp_path) == [poisoned]
    # It is behind them for good.
    assert not _reader(streams, Handler(), tmp_path).turn()


def test_a_batch_that_fails_is_halved_until_the_record_at_fault_is_alone(tmp_path: Path) -> None:
    handler = Handler(_raises_on("a"))
    _reader(Streams("abcdefgh"), handler, tmp_path).turn()
    assert [len(batch) for batch in handler.batches[:4]] == [8, 4, 2, 1]
    assert handler.batches[-1] == list("bcdefgh")


@pytest.mark.requirement("T17")
def test_a_record_at_fault_is_tried_as_often_as_the_source_says_and_waits_longer_each_time(
    tmp_path: Path,
) -> None:
    handler, ended = Handler(_raises_on("a")), Impatient()
    _reader(Streams("ab"), handler, tmp_path, ended, attempts_max=5, batch_max=1).turn()
    assert handler.batches == [["a"]] * 6
    assert ended.waited[:5] == sorted(ended.waited[:5])
    assert len(set(ended.waited[:4])) == 4
    assert max(ended.waited) <= 5


@pytest.mark.requirement("T17")
def test_a_function_that_fails_for_a_while_loses_and_repeats_nothing(tmp_path: Path) -> None:
    left = iter(range(3))

    def answer(names: list[str]) -> Mapping[str, Any]:
        if next(left, None) is not None:
            raise RuntimeError("not yet")
        return DONE

    handler = Handler(answer)
    _reader(Streams("abcd"), handler, tmp_path).turn()
    assert handler.handled == ["a", "b", "c", "d"]
    assert not list(tmp_path.glob("*.aside.jsonl"))


@pytest.mark.requirement("T17")
def test_a_utility_that_ends_while_a_record_fails_begins_with_that_record(tmp_path: Path) -> None:
    streams = Streams("abcd")
    first = Handler(_raises_on("c"))
    _reader(streams, first, tmp_path, Impatient(ends_after=3)).turn()
    assert first.handled == ["a", "b"]
    second = Handler()
    _reader(streams, second, tmp_path).turn()
    assert second.handled == ["c", "d"]


def test_two_sources_of_one_table_have_a_place_each(tmp_path: Path) -> None:
    streams, replicating, reacting = Streams("ab"), Handler(), Handler()
    _reader(streams, replicating, tmp_path, function="replicate").turn()
    _reader(streams, reacting, tmp_path, function="react").turn()
    assert replicating.handled == reacting.handled == ["a", "b"]


# Queues


class Sqs:
    """A queue as its client sees it: what was received is out of sight until it is deleted."""

    def __init__(self, bodies: Sequence[str]) -> None:
        self.messages = {f"id-{body}": body for body in bodies}
        self.out_of_sight: set[str] = set()

    def get_queue_url(self, **asked: str) -> Any:
        assert asked == {"QueueName": QUEUE}
        return {"QueueUrl": "http://queue"}

    def receive_message(self, **asked: Any) -> Any:
        assert asked["QueueUrl"] == "http://queue"
        seen = [i for i in self.messages if i not in self.out_of_sight][: asked["MaxNumberOfMessages"]]
        self.out_of_sight.update(seen)
        if not seen:
            return {}
        return {
            "Messages": [
                {
                    "MessageId": i,
                    "ReceiptHandle": f"receipt-{i}",
                    "Body": self.messages[i],
                    "Attributes": {"ApproximateReceiveCount": "1"},
                }
                for i in seen
            ]
        }

    def delete_message(self, **asked: str) -> None:
        assert asked["QueueUrl"] == "http://queue"
        del self.messages[asked["ReceiptHandle"].removeprefix("receipt-")]


def _queue_source(**facts: Any) -> QueueSource:
    return QueueSource(**{"function": "retry", "queue": QUEUE, "receives_max": 5, **facts})


@pytest.mark.requirement("T17")
def test_messages_that_were_handled_are_deleted_and_those_that_failed_are_kept() -> None:
    sqs = Sqs("abc")

    def function(event: Event, context: object) -> Mapping[str, Any]:
        return {"batchItemFailures": [{"itemIdentifier": "id-b"}]}

    assert QueueReader(_queue_source(), function, sqs).turn()
    assert list(sqs.messages.values()) == ["b"]


@pytest.mark.requirement("T17")
def test_messages_are_kept_when_their_function_raises() -> None:
    sqs = Sqs("ab")

    def function(event: Event, context: object) -> Mapping[str, Any]:
        raise RuntimeError("cannot")

    with pytest.raises(RuntimeError):
        QueueReader(_queue_source(), function, sqs).turn()
    assert list(sqs.messages.values()) == ["a", "b"]


def test_a_message_is_handed_over_as_lambda_does() -> None:
    seen: list[Event] = []

    def function(event: Event, context: object) -> Mapping[str, Any]:
        seen.extend(event["Records"])
        return DONE

    reader = QueueReader(_queue_source(batch_max=2), function, Sqs("abc"))
    assert [reader.turn() for _ in range(3)] == [True, True, False]
    assert [message["body"] for message in seen] == ["a", "b", "c"]
    assert seen[0] == {
        "messageId": "id-a",
        "receiptHandle": "receipt-id-a",
        "body": "a",
        "attributes": {"ApproximateReceiveCount": "1"},
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:local:000000000000:{QUEUE}",
    }


# All together


@pytest.mark.requirement("T17")
def test_a_source_that_fails_holds_up_no_other_and_is_asked_again(tmp_path: Path) -> None:
    streams, again, handled, ticked = Streams("a"), threading.Event(), threading.Event(), threading.Event()
    calls: list[str] = []

    def function(name: str, done: threading.Event) -> Function:
        def call(event: Event, context: object) -> Mapping[str, Any]:
            calls.append(name)
            if name == "sweep" and calls.count("sweep") == 1:
                raise RuntimeError("not now")
            done.set()
            return DONE

        return call

    sources: tuple[EventSource, ...] = (
        _source(),
        _queue_source(),
        ScheduleSource(function="sweep", every=timedelta(0)),
    )
    pump = Pump(
        sources,
        {
            "react": function("react", handled),
            "retry": function("retry", again),
            "sweep": function("sweep", ticked),
        },
        dynamodb=streams,
        streams=streams,
        sqs=Sqs("a"),
        folder=tmp_path / "made",
    )
    pump.start()
    try:
        for done in (handled, again, ticked):
            assert done.wait(5)
    finally:
        pump.stop()
    assert calls.count("react") == calls.count("retry") == 1
