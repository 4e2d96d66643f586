"""From documents to series and alerts, one transaction for each batch.

Documents are taken in the order of arrival. The watermark is the newest event time seen; every
document moves it, is placed in its story, revises the series and has its companies measured, so a
backfill reads what a live stream would have read, however it is cut into batches.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, Engine

from apps.monitor import history, store
from apps.monitor import memory as memories
from apps.monitor.alarms import raise_alerts
from apps.monitor.companies import Dictionary
from apps.monitor.detect import LONGEST, Measurement
from apps.monitor.documents import Document
from apps.monitor.duplicates import WINDOW
from apps.monitor.memory import Memory
from apps.monitor.prepared import Prepared, prepare
from apps.monitor.series import EMPTY, Bucket, Contribution, bucket_of, bucket_start
from apps.monitor.tables import ALERTING
from core.alerting.routing import Routing
from core.alerting.store.alerts import active_labels
from core.database import reading, transaction
from core.models.text_model import TextModel

# Documents that begin longer than this before the watermark are another time: a backfill.
LATENESS = WINDOW


@dataclass(frozen=True)
class Outcome:
    """What became of documents: `stored` opened a story, `copies` repeat one (they are kept, but
    do not count), `known` had been stored before. `unscored` are among the first two."""

    stored: int = 0
    copies: int = 0
    known: int = 0
    unscored: int = 0
    fired: tuple[str, ...] = ()

    def __add__(self, other: "Outcome") -> "Outcome":
        return Outcome(
            self.stored + other.stored,
            self.copies + other.copies,
            self.known + other.known,
            self.unscored + other.unscored,
            self.fired + other.fired,
        )


@dataclass
class _Batch:
    """What one transaction is going to write."""

    documents: list[tuple[Prepared, str]] = field(default_factory=list)
    moves: list[tuple[str, str]] = field(default_factory=list)
    deltas: dict[tuple[str, datetime], Bucket] = field(default_factory=dict)
    measured: list[Measurement] = field(default_factory=list)

    def add(self, contribution: Contribution, *, withdrawn: bool = False) -> None:
        change = bucket_of(contribution)
        if change != EMPTY:
            key = (contribution.company_id, bucket_start(contribution.at))
            self.deltas[key] = self.deltas.get(key, EMPTY) + (-change if withdrawn else change)

    def outcome(self, *, of: int, fired: tuple[str, ...]) -> Outcome:
        """A story that is joined to another takes back that its first document was counted."""
        own = {each.document.id for each, _ in self.documents}
        opened = sum(1 for each, story_id in self.documents if story_id == each.document.id)
        stored = opened - sum(1 for old, _ in self.moves if old not in own)
        return Outcome(
            stored=stored,
            copies=len(self.documents) - stored,
            known=of - len(self.documents),
            unscored=sum(1 for each, _ in self.documents if each.score.score is None),
            fired=fired,
        )


class Pipeline:
    """One feed's way into the database. Safe beside other writers, but not for two threads.

    `model` gives the text model in use, `routing` where alerts go, read in the transaction.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        dictionary: Dictionary,
        model: Callable[[], TextModel],
        routing: Callable[[Connection], Routing],
        feed: str,
    ) -> None:
        self.watermark: datetime | None = None
        self._engine = engine
        self._dictionary = dictionary
        self._model = model
        self._routing = routing
        self._feed = feed
        self._memory: Memory | None = None
        self._turn = 0
        self._rested: datetime | None = None

    def ingest(self, documents: Sequence[Document], *, now: datetime) -> Outcome:
        """Store a batch and everything that follows from it; nothing of it if this raises."""
        if not documents:
            return Outcome()
        with reading(self._engine) as connection:
            known = store.known_ids(connection, {document.id for document in documents})
        fresh = {each.id: each for each in reversed(documents) if each.id not in known}
        prepared = prepare(
            list(fresh.values()),
            model=self._model(),
            dictionary=self._dictionary,
        )
        try:
            with transaction(self._engine) as connection:
                return self._write(connection, documents, prepared, now)
        except BaseException:
            # What is remembered is ahead of the database: the next batch loads it again.
            self._memory = None
            raise

    def rest(self, to: datetime, *, now: datetime) -> Outcome:
        """Event time passes without documents: alerts that nothing feeds any more come to an end.

        The watermark stays where the documents brought it.
        """
        try:
            with transaction(self._engine) as connection:
                newest = store.newest(connection)
                if newest is None or not active_labels(connection, ALERTING):
                    return Outcome()
                start = newest if self._rested is None else max(newest, self._rested)
                memory = self._take_turn(connection, start)
                measured = memory.tick(start, to)
                self._rested = to
                return Outcome(fired=self._evaluate(connection, memory, measured, now))
        except BaseException:
            self._memory = None
            raise

    def _write(
        self,
        connection: Connection,
        documents: Sequence[Document],
        prepared: Sequence[Prepared],
        now: datetime,
    ) -> Outcome:
        first = documents[0].published_at
        if self.watermark is None or first < self.watermark - LATENESS:
            self.watermark = first
        memory = self._take_turn(connection, self.watermark)
        waiting = {each.document.id: each for each in prepared}
        # Another writer may have stored some of them since they were looked up.
        for document_id in store.known_ids(connection, waiting):
            del waiting[document_id]
        batch = _Batch()
        for document in documents:
            if document.published_at > self.watermark:
                batch.measured += memory.tick(self.watermark, document.published_at)
                self.watermark = document.published_at
            each = waiting.pop(document.id, None)
            if each is not None:
                self._take(connection, memory, batch, each, self.watermark)
        if batch.documents:
            _save(connection, batch, now)
            store.record_feed(
                connection,
                name=self._feed,
                watermark=self.watermark,
                documents=len(batch.documents),
                now=now,
            )
        fired = self._evaluate(connection, memory, batch.measured, now)
        memory.forget(at=self.watermark)
        return batch.outcome(of=len(documents), fired=fired)

    def _take_turn(self, connection: Connection, at: datetime) -> Memory:
        turn = store.take_turn(connection)
        memory = self._memory
        if (
            memory is None
            or turn != self._turn + 1
            or not memory.loaded_from <= at <= memory.loaded_until
        ):
            memory = memories.load(connection, at=at)
        self._turn, self._memory = turn, memory
        return memory

    def _take(
        self,
        connection: Connection,
        memory: Memory,
        batch: _Batch,
        each: Prepared,
        watermark: datetime,
    ) -> None:
        placement = memory.stories.place(each.printed)
        batch.documents.append((each, placement.story_id))
        memory.headlines[each.document.id] = each.headline()
        for story_id in placement.absorbed:
            _absorb(connection, memory, batch, story_id, placement.story_id)
        if placement.story_id != each.document.id:
            return
        for contribution in each.contributions():
            memory.watch.apply(contribution)
            batch.add(contribution)
            if contribution.counts and contribution.at > watermark - LONGEST:
                batch.measured += memory.measure(contribution.company_id, at=watermark)

    def _evaluate(
        self,
        connection: Connection,
        memory: Memory,
        measured: Sequence[Measurement],
        now: datetime,
    ) -> tuple[str, ...]:
        return raise_alerts(
            connection,
            measured,
            companies=self._dictionary.companies,
            headlines=memory.headlines,
            routing=self._routing(connection),
            now=now,
        )


def _absorb(connection: Connection, memory: Memory, batch: _Batch, old: str, new: str) -> None:
    """The document that opened a story turns out to be a copy itself."""
    own = [each for each, _ in batch.documents if each.document.id == old]
    counted = (
        own[0].contributions() if own else history.contributions(connection, document_ids=[old])
    )
    for contribution in counted:
        memory.watch.withdraw(contribution)
        batch.add(contribution, withdrawn=True)
    batch.documents = [
        (each, new if story_id == old else story_id) for each, story_id in batch.documents
    ]
    batch.moves.append((old, new))


def _save(connection: Connection, batch: _Batch, now: datetime) -> None:
    store.add_documents(
        connection, [(each.document, story_id) for each, story_id in batch.documents], now=now
    )
    for old, new in batch.moves:
        store.move_story(connection, old=old, new=new)
    store.add_predictions(
        connection, [(each.document.id, each.score) for each, _ in batch.documents], now=now
    )
    mentions = [
        (each.document, mention, each.score)
        for each, _ in batch.documents
        for mention in each.mentions
    ]
    store.add_mentions(connection, mentions)
    store.add_to_buckets(connection, batch.deltas)
