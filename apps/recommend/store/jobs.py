"""SQL of import jobs. Nothing here commits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, insert, or_, select, update

from apps.recommend.tables import JOBS

QUEUED, RUNNING, DONE, FAILED = "queued", "running", "done", "failed"
OPEN = (QUEUED, RUNNING)


@dataclass(frozen=True)
class Job:
    """An import; `problems` has (line, reason) of the first refused rows."""

    job_id: str
    kind: str
    state: str
    path: str
    position: int
    counts: Mapping[str, int]
    problems: Sequence[Mapping[str, object]]
    created_at: datetime
    finished_at: datetime | None = None


def add(connection: Connection, job: Job) -> None:
    """Queue a job."""
    row = vars(job) | {"counts": dict(job.counts), "problems": list(job.problems)}
    connection.execute(insert(JOBS).values(**row, leased_until=None))


def find(connection: Connection, *, job_id: str) -> Job | None:
    """A job by its id."""
    row = connection.execute(select(JOBS).where(JOBS.c.job_id == job_id)).first()
    if row is None:
        return None
    values = row._asdict()
    del values["leased_until"]
    return Job(**values)


def lease(connection: Connection, *, now: datetime, until: datetime) -> Job | None:
    """Take the oldest open job that nobody works on."""
    free = or_(JOBS.c.leased_until.is_(None), JOBS.c.leased_until < now)
    waiting = select(JOBS.c.job_id).where(JOBS.c.state.in_(OPEN), free)
    for job_id in connection.scalars(waiting.order_by(JOBS.c.created_at).limit(5)).all():
        statement = update(JOBS).where(JOBS.c.job_id == job_id, JOBS.c.state.in_(OPEN), free)
        if connection.execute(statement.values(state=RUNNING, leased_until=until)).rowcount == 1:
            return find(connection, job_id=job_id)
    return None


def advance(connection: Connection, job: Job, *, until: datetime) -> None:
    """Store how far a job is, in the transaction of the rows that it wrote."""
    values = {
        "position": job.position,
        "counts": dict(job.counts),
        "problems": list(job.problems),
        "leased_until": until,
    }
    connection.execute(update(JOBS).where(JOBS.c.job_id == job.job_id).values(**values))


def finish(
    connection: Connection, *, job_id: str, state: str, problem: str | None, now: datetime
) -> None:
    """Close a job."""
    values: dict[str, object] = {"state": state, "finished_at": now, "leased_until": None}
    if problem is not None:
        values["problems"] = [{"line": None, "reason": problem}]
    connection.execute(update(JOBS).where(JOBS.c.job_id == job_id).values(**values))


def waiting(connection: Connection) -> int:
    """How many jobs are open."""
    statement = select(func.count()).select_from(JOBS).where(JOBS.c.state.in_(OPEN))
    return int(connection.scalar(statement) or 0)
