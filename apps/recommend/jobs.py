"""Import jobs: a body of JSON lines waits in a file and is brought in batch by batch.

A batch and the line that it ends at are stored in one transaction, so a job that is killed goes on
behind its last batch and nothing is taken twice.
"""

import secrets
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import structlog
from sqlalchemy import Engine

from apps.recommend.importing import BATCH, REQUIRED, Kind, Tally, batches, import_rows, numbered
from apps.recommend.store import jobs as store
from apps.recommend.store.jobs import Job
from core.database import transaction
from core.errors import BadInput
from core.models.text_model import TextModel
from core.rows import read_rows

LEASE = timedelta(minutes=2)
log = structlog.get_logger(__name__)


def new_job(kind: Kind, folder: Path, *, now: datetime) -> Job:
    """A job whose body is to be written to its `path`."""
    job_id = secrets.token_hex(16)
    folder.mkdir(parents=True, exist_ok=True)
    return Job(
        job_id=job_id,
        kind=kind,
        state=store.QUEUED,
        path=str(folder / f"{job_id}.jsonl"),
        position=0,
        counts=Tally().counts,
        problems=(),
        created_at=now,
    )


def run_next(engine: Engine, encoder: TextModel | None) -> bool:
    """Work on the oldest open job until it ends; False if there is none."""
    now = datetime.now(UTC)
    with transaction(engine) as connection:
        job = store.lease(connection, now=now, until=now + LEASE)
    if job is None:
        return False
    state, problem = store.DONE, None
    try:
        _run(engine, job, encoder)
    except BadInput as error:
        state, problem = store.FAILED, str(error)
        log.warning("import failed", job=job.job_id, reason=problem)
    with transaction(engine) as connection:
        store.finish(
            connection, job_id=job.job_id, state=state, problem=problem, now=datetime.now(UTC)
        )
    Path(job.path).unlink(missing_ok=True)
    return True


def _run(engine: Engine, job: Job, encoder: TextModel | None) -> None:
    kind = cast("Kind", job.kind)
    rows = numbered(read_rows(job.path, required=REQUIRED[kind]), after=job.position)
    for batch in batches(rows, size=BATCH[kind]):
        now = datetime.now(UTC)
        with transaction(engine) as connection:
            tally = import_rows(connection, kind, batch, encoder=encoder, now=now)
            job = _advanced(job, tally, position=batch[-1].line)
            store.advance(connection, job, until=now + LEASE)


def _advanced(job: Job, tally: Tally, *, position: int) -> Job:
    counts = {name: job.counts[name] + number for name, number in tally.counts.items()}
    refused = [{"line": line, "reason": reason} for line, reason in tally.problems]
    problems = [*job.problems, *refused][:100]
    return replace(job, position=position, counts=counts, problems=problems)
