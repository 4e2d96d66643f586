"""The catalogue as a request sees it: arrays that follow the database, change by change."""

import hashlib
import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Self

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from apps.recommend.events import WORTH
from apps.recommend.item_texts import item_text
from apps.recommend.items import Item
from apps.recommend.models.interactions import Floats, Ints, Matrix
from apps.recommend.models.popularity import DAY
from apps.recommend.models.text import adopted
from apps.recommend.ranker_model import RankerModel
from apps.recommend.store import events as event_store
from apps.recommend.store import items as item_store
from apps.recommend.store import versions
from apps.recommend.store.items import StoredVector
from core.models.text_model import TextModel

MOST_HALF_LIVES = 900.0
# So many recent events are trusted half; below, popularity over a `SLOWER` time counts more.
FEW_EVENTS = 50.0
SLOWER = 10.0
TREND_START = datetime(2020, 1, 1, tzinfo=UTC).timestamp()
Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class Models:
    """The models of one moment; None where nothing was trained."""

    encoder: TextModel | None
    ranker: RankerModel | None

    @property
    def encoder_version(self) -> str:
        """Names the index as well, since vectors belong to one encoder."""
        return self.encoder.version if self.encoder else ""

    @property
    def ranker_version(self) -> str:
        """Empty without a ranker."""
        return self.ranker.version if self.ranker else ""


@dataclass(frozen=True, eq=False)
class Snapshot:
    """n items in the order of their ids, with everything that scoring needs.

    `columns` (n,) are the items' columns in the ranker, -1 for items it does not know; those
    stand in the order of `new_rows` as mixtures of known ones in `mixtures` (new, known). `heat`
    (n,) has shares of what was taken of late.
    """

    models: Models
    data_version: int
    items: tuple[Item, ...]
    rows: Mapping[str, int]
    published: Floats
    vectors: Vectors
    heat: Floats
    columns: Ints
    new_rows: Ints
    mixtures: Matrix
    ranker_columns: Mapping[str, int]


class Heat:
    """Sums of events that fade by half every `half_life` seconds.

    Sums grow with time instead of fading with it, which leaves their ratios the same.
    """

    def __init__(self, *, half_life: float) -> None:
        self._half_life = half_life
        self._sums: dict[str, float] = {}
        self._newest = 0.0

    def empty(self) -> Self:
        """The same without events."""
        return type(self)(half_life=self._half_life)

    def add(self, event: event_store.Count) -> None:
        """Count an event by its worth."""
        age = min((event.timestamp.timestamp() - TREND_START) / self._half_life, MOST_HALF_LIVES)
        self._newest = max(self._newest, age)
        added = WORTH[event.kind] * 2.0**age
        self._sums[event.item_id] = self._sums.get(event.item_id, 0.0) + added

    @property
    def events(self) -> float:
        """How many events the sums are worth at the time of the newest."""
        return float(sum(self._sums.values()) / 2.0**self._newest)

    def shares(self, names: Sequence[str]) -> Floats:
        """Each item's share of the sums over `names`; all zero without events."""
        sums = np.array([self._sums.get(name, 0.0) for name in names], dtype=np.float64)
        scaled: Floats = sums / float(2.0**self._newest)
        total = scaled.sum()
        return scaled / total if total > 0 else scaled


class Live:
    """Keeps the latest snapshot; a request asks for it with the connection that it reads by."""

    def __init__(self, *, half_life_days: float) -> None:
        self._fast = Heat(half_life=half_life_days * DAY)
        self._slow = Heat(half_life=half_life_days * DAY * SLOWER)
        self._lock = threading.Lock()
        self._items: dict[str, Item] = {}
        self._vectors: dict[str, StoredVector] = {}
        self._encoder_version = ""
        self._version = -1
        self._snapshot: Snapshot | None = None

    def snapshot(self, connection: Connection, models: Models) -> Snapshot:
        """The catalogue at the version that this connection sees, or at a newer one."""
        version = versions.current(connection)
        found = self._snapshot
        if found is not None and found.data_version >= version and found.models == models:
            return found
        with self._lock:
            found = self._snapshot
            if found is None or found.data_version < version or found.models != models:
                self._snapshot = found = self._follow(connection, models, version)
            return found

    def reset(self) -> None:
        """Forget everything that was read, as after a deletion request."""
        with self._lock:
            self._items, self._vectors = {}, {}
            self._fast, self._slow = self._fast.empty(), self._slow.empty()
            self._encoder_version, self._version, self._snapshot = "", -1, None

    def _follow(self, connection: Connection, models: Models, version: int) -> Snapshot:
        changes = list(item_store.changes(connection, since=self._version))
        for change in changes:
            if change.item is None:
                self._items.pop(change.item_id, None)
            else:
                self._items[change.item_id] = change.item
        for event in event_store.counted_since(connection, version=self._version):
            self._fast.add(event)
            self._slow.add(event)
        # Another thread may have read on already with a newer connection.
        self._version = version = max(version, self._version)
        previous = self._snapshot
        if previous is not None and not changes and previous.models == models:
            return replace(previous, data_version=version, heat=self._heat_of(previous.items))
        self._load_vectors(connection, models, {change.item_id for change in changes})
        return self._build(models, version)

    def _load_vectors(
        self, connection: Connection, models: Models, changed: Collection[str]
    ) -> None:
        if models.encoder is None:
            return
        fresh = models.encoder.version != self._encoder_version
        if fresh:
            self._vectors, self._encoder_version = {}, models.encoder.version
        wanted = None if fresh else changed
        self._vectors |= item_store.vectors(
            connection, encoder_version=models.encoder.version, item_ids=wanted
        )
        items = [item for item in self._items.values() if fresh or item.item_id in changed]
        self._vectors |= encode_missing(items, models.encoder, self._vectors)

    def _matrix(self, items: Sequence[Item], models: Models) -> Vectors:
        if models.encoder is None:
            return np.zeros((len(items), 1), dtype=np.float32)
        lines = [self._vectors[item.item_id].vector for item in items]
        return np.array(lines, dtype=np.float32).reshape(len(items), models.encoder.dimension)

    def _heat_of(self, items: Sequence[Item]) -> Floats:
        """Recent popularity; where recent events are few, mostly that of a longer time."""
        names = [item.item_id for item in items]
        trust = self._fast.events / (self._fast.events + FEW_EVENTS)
        return trust * self._fast.shares(names) + (1.0 - trust) * self._slow.shares(names)

    def _build(self, models: Models, version: int) -> Snapshot:
        items = tuple(self._items[item_id] for item_id in sorted(self._items))
        vectors = self._matrix(items, models)
        known = {} if models.ranker is None else numbered(models.ranker.item_ids)
        columns = np.array([known.get(item.item_id, -1) for item in items], dtype=np.int64)
        new_rows = np.flatnonzero(columns < 0)
        known_vectors = np.zeros((len(known), vectors.shape[1]), dtype=np.float32)
        known_vectors[columns[columns >= 0]] = vectors[columns >= 0]
        return Snapshot(
            models=models,
            data_version=version,
            items=items,
            rows={item.item_id: row for row, item in enumerate(items)},
            published=np.array([item.published_at.timestamp() for item in items], dtype=np.float64),
            vectors=vectors,
            heat=self._heat_of(items),
            columns=columns,
            new_rows=new_rows,
            mixtures=adopted(vectors[new_rows], known_vectors),
            ranker_columns=known,
        )


def numbered(names: Sequence[str]) -> dict[str, int]:
    return {name: number for number, name in enumerate(names)}


def encode_missing(
    items: Sequence[Item], encoder: TextModel, stored: Mapping[str, StoredVector]
) -> dict[str, StoredVector]:
    """Vectors of the items whose text changed or was never encoded."""
    texts = {item.item_id: text_of(item) for item in items}
    digests = {item_id: sha256(text) for item_id, text in texts.items()}
    missing = [
        item_id
        for item_id, digest in digests.items()
        if item_id not in stored or stored[item_id].text_sha256 != digest
    ]
    if not missing:
        return {}
    vectors = encoder.encode([texts[item_id] for item_id in missing])
    return {
        item_id: StoredVector(digests[item_id], vector)
        for item_id, vector in zip(missing, vectors, strict=True)
    }


def text_of(item: Item) -> str:
    """What the encoder reads of an item."""
    return item_text(title=item.title, description=item.description, tags=item.tags)


def sha256(text: str) -> str:
    """Hexadecimal digest of a text."""
    return hashlib.sha256(text.encode()).hexdigest()
