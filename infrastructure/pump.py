"""A pump that behaves as Lambda's event sources do.

Streams: batches in order, a checkpoint that survives the utility, retries from the first failure,
halving down to the record at fault, which is set aside. Queues: what is not handled comes again.
Each source has a thread, so none waits for another.
"""

import json
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from .event_sources import EventSource, QueueSource, ScheduleSource, StreamSource, matches

_log = logging.getLogger(__name__)

Function = Callable[[Mapping[str, Any], object], Any]

# How long a stream that was empty is left alone: when it is quiet as long as Lambda does, which asks four
# times a second.
_IDLE_SECONDS = (0.02, 0.25)
_RETRY_SECONDS = (0.2, 5.0)
_LONG_POLL_SECONDS = 10


class Pump:
    """Everything that calls one utility's functions."""

    def __init__(
        self,
        sources: Sequence[EventSource],
        functions: Mapping[str, Function],
        *,
        dynamodb: Any,
        streams: Any,
        sqs: Any,
        folder: Path,
    ) -> None:
        self._sources = sources
        self._functions = functions
        self._dynamodb = dynamodb
        self._streams = streams
        self._sqs = sqs
        self._folder = folder
        self._ended = threading.Event()

    def start(self) -> None:
        """Begin to call."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for source in self._sources:
            threading.Thread(target=self._run, args=(source,), name=source.name, daemon=True).start()

    def stop(self) -> None:
        """Call no more; what is being handled is finished or comes again."""
        self._ended.set()

    def _run(self, source: EventSource) -> None:
        function = self._functions[source.function]
        turn: Callable[[], bool]
        match source:
            case StreamSource():
                turn = StreamReader(
                    source, function, self._dynamodb, self._streams, self._folder, self._ended
                ).turn
            case QueueSource():
                turn = QueueReader(source, function, self._sqs).turn
            case ScheduleSource():
                turn = _Clock(source, function).turn
        idle = _IDLE_SECONDS[0]
        while not self._ended.is_set():
            try:
                busy = turn()
            except Exception:
                # The engine may be away; whatever it is, the source goes on as Lambda's would.
                _log.exception("source %s", source.name)
                busy, idle = False, _IDLE_SECONDS[1]
            idle = _IDLE_SECONDS[0] if busy else min(idle * 1.5, _IDLE_SECONDS[1])
            if not busy:
                self._ended.wait(idle)


class StreamReader:
    """One stream, read from where it was left."""

    def __init__(
        self,
        source: StreamSource,
        function: Function,
        dynamodb: Any,
        streams: Any,
        folder: Path,
        ended: threading.Event,
    ) -> None:
        self._source = source
        self._function = function
        self._dynamodb = dynamodb
        self._streams = streams
        self._checkpoint = folder / f"{source.name}.checkpoint"
        self._aside = folder / f"{source.name}.aside.jsonl"
        self._ended = ended
        self._arn = ""
        self._iterator: str | None = None

    def turn(self) -> bool:
        """Read and handle one batch: whether there was any."""
        if self._iterator is None:
            self._iterator = self._open()
        try:
            answer = self._streams.get_records(ShardIterator=self._iterator, Limit=self._source.batch_max)
        except Exception:
            self._iterator = None
            raise
        records = answer["Records"]
        if records:
            self._handle([_as_event(record, self._arn) for record in records])
        self._iterator = answer.get("NextShardIterator")
        return bool(records)

    def _open(self) -> str:
        described = self._dynamodb.describe_table(TableName=self._source.table)
        self._arn = described["Table"]["LatestStreamArn"]
        shards = self._streams.describe_stream(StreamArn=self._arn)["StreamDescription"]["Shards"]
        where = {"StreamArn": self._arn, "ShardId": shards[0]["ShardId"]}
        if self._checkpoint.exists():
            where["SequenceNumber"] = self._checkpoint.read_text()
            where["ShardIteratorType"] = "AFTER_SEQUENCE_NUMBER"
        else:
            where["ShardIteratorType"] = "TRIM_HORIZON"
        iterator: str = self._streams.get_shard_iterator(**where)["ShardIterator"]
        return iterator

    def _handle(self, records: Sequence[Mapping[str, Any]]) -> None:
        wanted = [r for r in records if any(matches(p, r) for p in self._source.patterns)]
        size, attempts = len(wanted), 0
        while wanted and not self._ended.is_set():
            batch = wanted[:size]
            done = self._call(batch)
            if done:
                self._reached(batch[done - 1])
                wanted, attempts = wanted[done:], 0
            if done == len(batch):
                size = len(wanted)
                continue
            attempts += 1
            if size > 1:
                size //= 2
            elif attempts > self._source.attempts_max:
                self._set_aside(wanted[0])
                wanted, attempts = wanted[1:], 0
                size = len(wanted)
            self._ended.wait(min(_RETRY_SECONDS[0] * 2**attempts, _RETRY_SECONDS[1]))
        if not wanted:
            self._reached(records[-1])

    def _call(self, batch: Sequence[Mapping[str, Any]]) -> int:
        """Call the function: how many records of the batch it handled before its first failure."""
        try:
            answer = self._function({"Records": batch}, None)
        except Exception:
            _log.exception("%s failed", self._source.name)
            return 0
        failures = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
        for place, record in enumerate(batch):
            if record["dynamodb"]["SequenceNumber"] in failures:
                return place
        return len(batch)

    def _reached(self, record: Mapping[str, Any]) -> None:
        # Written aside and moved: a utility that is killed finds the old checkpoint or the new.
        written = self._checkpoint.with_suffix(".new")
        written.write_text(record["dynamodb"]["SequenceNumber"])
        written.replace(self._checkpoint)

    def _set_aside(self, record: Mapping[str, Any]) -> None:
        _log.error("%s sets aside %s", self._source.name, record["dynamodb"]["Keys"])
        with self._aside.open("a") as file:
            file.write(json.dumps(record, default=str) + "\n")
        self._reached(record)


class QueueReader:
    """One queue; what its function does not handle is left to come again."""

    def __init__(self, source: QueueSource, function: Function, sqs: Any) -> None:
        self._source = source
        self._function = function
        self._sqs = sqs
        self._url = ""

    def turn(self) -> bool:
        """Receive and handle one batch: whether there was any."""
        if not self._url:
            self._url = self._sqs.get_queue_url(QueueName=self._source.queue)["QueueUrl"]
        received = self._sqs.receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=self._source.batch_max,
            WaitTimeSeconds=_LONG_POLL_SECONDS,
            AttributeNames=["All"],
        )
        messages = received.get("Messages", ())
        if not messages:
            return False
        event = {"Records": [_as_message(message, self._source.queue) for message in messages]}
        answer = self._function(event, None)
        failed = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
        for message in messages:
            if message["MessageId"] not in failed:
                self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
        return True


class _Clock:
    def __init__(self, source: ScheduleSource, function: Function) -> None:
        self._source = source
        self._function = function
        self._due = time.monotonic()

    def turn(self) -> bool:
        if time.monotonic() < self._due:
            return False
        self._due = time.monotonic() + self._source.every.total_seconds()
        self._function({}, None)
        return True


def _as_event(record: Mapping[str, Any], arn: str) -> Mapping[str, Any]:
    """A stream's record as Lambda hands it over."""
    return {**record, "eventSourceARN": arn, "eventSource": "aws:dynamodb"}


def _as_message(message: Mapping[str, Any], queue: str) -> Mapping[str, Any]:
    """A queue's message as Lambda hands it over."""
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message.get("Attributes", {}),
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:local:000000000000:{queue}",
    }
