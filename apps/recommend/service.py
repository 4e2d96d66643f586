"""The use cases of the recommender; each is one transaction, or a reading and then one."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from apps.recommend import answering, recording
from apps.recommend.answering import Answer, Query, Shown
from apps.recommend.importing import (
    BATCH,
    REQUIRED,
    Kind,
    Tally,
    batches,
    import_rows,
)
from apps.recommend.items import Item, ItemChange, User
from apps.recommend.jobs import new_job
from apps.recommend.recording import Outcome
from apps.recommend.runtime import Runtime
from apps.recommend.store import events as event_store
from apps.recommend.store import items as item_store
from apps.recommend.store import jobs as job_store
from apps.recommend.store.events import Logged
from apps.recommend.store.jobs import Job
from core.database import reading, transaction
from core.errors import NotFound
from core.progress import track
from core.rows import Row, read_rows
from core.web import store as access_store


def recommend(runtime: Runtime, query: Query, *, now: datetime) -> Answer:
    """Rank for a user or session from the log as it stands, and keep what was answered."""
    models = runtime.current.models
    with reading(runtime.engine) as connection:
        snapshot = runtime.live.snapshot(connection, models)
        answer = answering.recommend(
            connection, snapshot, query, history_events=runtime.settings.history_events, now=now
        )
    with transaction(runtime.engine) as connection:
        answer.save(connection)
    return answer


def similar(runtime: Runtime, item_id: str, *, n: int, now: datetime) -> list[Shown]:
    """Items like one item. Raises NotFound."""
    with reading(runtime.engine) as connection:
        snapshot = runtime.live.snapshot(connection, runtime.current.models)
    return answering.similar(snapshot, item_id, n=n, now=now)


def post_events(
    runtime: Runtime, values: Sequence[Mapping[str, object]], *, now: datetime
) -> Outcome:
    """Append events; the next request sees them."""
    with transaction(runtime.engine) as connection:
        return recording.record_events(connection, values, now=now)


def put_item(runtime: Runtime, item: Item) -> int:
    """Insert or replace an item; it can be recommended at once."""
    with transaction(runtime.engine) as connection:
        return recording.save_items(connection, [item], encoder=runtime.current.models.encoder)


def patch_item(runtime: Runtime, item_id: str, change: ItemChange) -> Item:
    """Change some fields of an item. Raises NotFound."""
    encoder = runtime.current.models.encoder
    with transaction(runtime.engine) as connection:
        return recording.change_item(connection, item_id, change, encoder=encoder)


def delete_item(runtime: Runtime, item_id: str, *, now: datetime) -> None:
    """Take an item out. Raises NotFound."""
    with transaction(runtime.engine) as connection:
        recording.remove_item(connection, item_id, now=now)


def find_item(runtime: Runtime, item_id: str) -> Item:
    """One item. Raises NotFound."""
    with reading(runtime.engine) as connection:
        found = item_store.find_items(connection, item_ids=[item_id]).get(item_id)
    if found is None:
        raise NotFound(f"there is no item {item_id}")
    return found


def list_items(runtime: Runtime, *, after: str, limit: int) -> list[Item]:
    """Items in the order of their ids."""
    with reading(runtime.engine) as connection:
        return item_store.list_items(connection, after=after, limit=limit)


def find_items(runtime: Runtime, item_ids: Sequence[str]) -> dict[str, Item]:
    """The items of these ids that exist."""
    with reading(runtime.engine) as connection:
        return item_store.find_items(connection, item_ids=set(item_ids))


def search_items(runtime: Runtime, text: str, *, limit: int) -> list[Item]:
    """Items whose title or tags have all the words; the newest first."""
    with reading(runtime.engine) as connection:
        snapshot = runtime.live.snapshot(connection, runtime.current.models)
    words = text.lower().split()
    found = [
        item
        for item in snapshot.items
        if all(word in f"{item.title} {item.title_zh} {item.tags}".lower() for word in words)
    ]
    return sorted(found, key=lambda item: item.published_at, reverse=True)[:limit]


def search_users(runtime: Runtime, text: str) -> list[tuple[str, int]]:
    """Users whose id begins with the text, or those with the most events, with their counts."""
    with reading(runtime.engine) as connection:
        return event_store.users(connection, beginning=text, limit=40)


def put_user(runtime: Runtime, user: User) -> int:
    """Insert or replace a user."""
    with transaction(runtime.engine) as connection:
        return recording.save_users(connection, [user])


def patch_user(runtime: Runtime, user_id: str, fields: Mapping[str, object]) -> User:
    """Change some fields of a user. Raises NotFound."""
    with transaction(runtime.engine) as connection:
        found = item_store.find_users(connection, user_ids=[user_id]).get(user_id)
        if found is None:
            raise NotFound(f"there is no user {user_id}")
        changed = User.model_validate(found.model_dump() | dict(fields))
        recording.save_users(connection, [changed])
        return changed


def find_user(runtime: Runtime, user_id: str) -> User:
    """One user. Raises NotFound."""
    with reading(runtime.engine) as connection:
        found = item_store.find_users(connection, user_ids=[user_id]).get(user_id)
    if found is None:
        raise NotFound(f"there is no user {user_id}")
    return found


def delete_user(runtime: Runtime, user_id: str, *, actor: str, now: datetime) -> None:
    """Forget a person: row, events and answers, here and in what was read into memory."""
    with transaction(runtime.engine) as connection:
        gone = recording.forget_user(connection, user_id)
        access_store.record(
            connection,
            runtime.directory.tables,
            actor=actor,
            action="user.deleted",
            subject="user",
            now=now,
            detail={"events": gone},
        )
    runtime.live.reset()


def history(runtime: Runtime, user_id: str, *, limit: int) -> list[Logged]:
    """A user's latest events, newest first."""
    with reading(runtime.engine) as connection:
        found = event_store.of_actor(connection, user_id=user_id, session_id=None, limit=limit)
    return found[::-1]


class Upload:
    """The body of an import on its way in."""

    def __init__(self, runtime: Runtime, job: Job) -> None:
        self._engine = runtime.engine
        self._job = job
        self._stream = Path(job.path).open("wb")  # noqa: SIM115

    def write(self, part: bytes) -> None:
        """Append a part of the body."""
        self._stream.write(part)

    def queue(self) -> Job:
        """Let the worker have it."""
        self._stream.close()
        with transaction(self._engine) as connection:
            job_store.add(connection, self._job)
        return self._job


def open_upload(runtime: Runtime, kind: Kind, *, now: datetime) -> Upload:
    """A file for a body of JSON lines, to be queued when it is whole."""
    return Upload(runtime, new_job(kind, runtime.imports, now=now))


def find_job(runtime: Runtime, job_id: str) -> Job:
    """One import job. Raises NotFound."""
    with reading(runtime.engine) as connection:
        found = job_store.find(connection, job_id=job_id)
    if found is None:
        raise NotFound(f"there is no job {job_id}")
    return found


def import_file(
    runtime: Runtime,
    kind: Kind,
    path: Path,
    *,
    columns: Mapping[str, str] | None = None,
    refused: Callable[[int, str], None] | None = None,
) -> Tally:
    """Bring a file in, batch by batch; `refused` is told line and reason of every bad row."""
    lines: Iterable[Row] = read_rows(path, required=REQUIRED[kind], columns=columns)
    tally = Tally()
    for batch in batches(track(lines, description=f"Importing {kind}"), size=BATCH[kind]):
        with transaction(runtime.engine) as connection:
            found = import_rows(
                connection,
                kind,
                batch,
                encoder=runtime.current.models.encoder,
                now=datetime.now(UTC),
            )
        for line, reason in found.problems if refused else ():
            if refused is not None:
                refused(line, reason)
        tally += found
    return tally


def load_samples(runtime: Runtime) -> dict[str, Tally]:
    """Bring in the sample videos, viewers and events; again, it changes nothing."""
    folder = runtime.settings.samples
    return {
        "items": import_file(runtime, "items", folder / "items.jsonl"),
        "users": import_file(runtime, "users", folder / "users.csv"),
        "events": import_file(runtime, "events", folder / "events.csv.gz"),
    }
