"""The tables of the recommender, with those of alerting and of access on the same MetaData."""

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

from core.alerting.tables import alert_tables
from core.database import Json, UtcDateTime
from core.web.tables import access_tables

METADATA = MetaData()
ALERTING = alert_tables(METADATA)
ACCESS = access_tables(METADATA)

ROW_ID = BigInteger().with_variant(Integer, "sqlite")

# One row, "data". Whoever writes takes it first, so versions follow the order of commits.
VERSIONS = Table(
    "versions",
    METADATA,
    Column("name", String(32), primary_key=True),
    Column("value", BigInteger, nullable=False),
)

ITEMS = Table(
    "items",
    METADATA,
    Column("item_id", String(200), primary_key=True),
    Column("title", Text, nullable=False),
    Column("title_zh", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("description_zh", Text, nullable=False),
    Column("tags", Json, nullable=False),
    Column("categories", Json, nullable=False),
    Column("series", String(200)),
    Column("duration_seconds", Integer),
    Column("published_at", UtcDateTime, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("deleted_at", UtcDateTime),
    Index("ix_items_version", "version"),
)

ITEM_VECTORS = Table(
    "item_vectors",
    METADATA,
    Column("item_id", String(200), primary_key=True),
    Column("encoder_version", String(64), primary_key=True),
    Column("text_sha256", String(64), nullable=False),
    Column("vector", LargeBinary, nullable=False),
)

USERS = Table(
    "users",
    METADATA,
    Column("user_id", String(200), primary_key=True),
    Column("language", String(8), nullable=False),
    Column("attributes", Json, nullable=False),
    Column("version", BigInteger, nullable=False),
)

# Append-only: a correction is another event. `version` is the data version that brought it.
EVENTS = Table(
    "events",
    METADATA,
    Column("id", ROW_ID, primary_key=True, autoincrement=True),
    Column("event_id", String(200), nullable=False, unique=True),
    Column("user_id", String(200)),
    Column("session_id", String(200)),
    Column("item_id", String(200), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("value", Float),
    Column("timestamp", UtcDateTime, nullable=False),
    Column("received_at", UtcDateTime, nullable=False),
    Column("request_id", String(64)),
    Column("version", BigInteger, nullable=False),
    Index("ix_events_user", "user_id", "timestamp"),
    Index("ix_events_session", "session_id", "timestamp"),
    Index("ix_events_timestamp", "timestamp"),
    Index("ix_events_version", "version"),
)

# What was answered. `ranked` has more items than were shown: later pages are cut from it.
REQUESTS = Table(
    "requests",
    METADATA,
    Column("request_id", String(64), primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("user_id", String(200)),
    Column("session_id", String(200)),
    Column("scenario", String(64), nullable=False),
    Column("shown", Integer, nullable=False),
    Column("ranked", Json, nullable=False),
    Column("fallback", String(32)),
    Column("model_version", String(64), nullable=False),
    Column("data_version", BigInteger, nullable=False),
    Index("ix_requests_at", "at"),
    Index("ix_requests_user", "user_id"),
)

# An import of many rows; `position` is the line up to which it is done.
JOBS = Table(
    "jobs",
    METADATA,
    Column("job_id", String(64), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    Column("path", Text, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("counts", Json, nullable=False),
    Column("problems", Json, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("leased_until", UtcDateTime),
    Column("finished_at", UtcDateTime),
    Index("ix_jobs_state", "state", "created_at"),
)
