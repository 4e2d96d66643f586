"""The tables of the monitor, with those of alerting and of access on the same MetaData."""

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)

from core.alerting.tables import alert_tables
from core.database import Json, UtcDateTime
from core.web.tables import access_tables

METADATA = MetaData(
    naming_convention={"fk": "fk_%(table_name)s_%(column_0_name)s", "pk": "pk_%(table_name)s"}
)

ALERTING = alert_tables(METADATA)
ACCESS = access_tables(METADATA)

# `story_id` is the id of the story's earliest document: a document with its own id counts, any
# other is a copy.
DOCUMENTS = Table(
    "documents",
    METADATA,
    Column("id", String(200), primary_key=True),
    Column("published_at", UtcDateTime, nullable=False),
    Column("received_at", UtcDateTime, nullable=False),
    Column("source", String(200), nullable=False),
    Column("title", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("language", String(8), nullable=False),
    Column("story_id", String(200), nullable=False),
    Index("ix_documents_published", "published_at"),
    Index("ix_documents_story", "story_id"),
)

# `sentiment` is null where the text was not scored; `reason` says why.
PREDICTIONS = Table(
    "predictions",
    METADATA,
    Column("document_id", ForeignKey("documents.id"), primary_key=True),
    Column("model_version", String(64), primary_key=True),
    Column("sentiment", String(16)),
    Column("score", Float),
    Column("probabilities", Json, nullable=False),
    Column("topic", String(32)),
    Column("unknown_share", Float, nullable=False),
    Column("reason", String(64), nullable=False),
    Column("predicted_at", UtcDateTime, nullable=False),
)

DOCUMENT_COMPANIES = Table(
    "document_companies",
    METADATA,
    Column("document_id", ForeignKey("documents.id"), primary_key=True),
    Column("company_id", String(200), primary_key=True),
    Column("relevance", Integer, nullable=False),
    Column("sentiment", String(16)),
    Column("score", Float),
    Column("published_at", UtcDateTime, nullable=False),
    Index("ix_document_companies_company", "company_id", "published_at"),
)

# One hour of event time of one company. Masses are sums in millionths, so that the order in which
# documents arrive cannot change them.
BUCKETS = Table(
    "series_buckets",
    METADATA,
    Column("company_id", String(200), primary_key=True),
    Column("start", UtcDateTime, primary_key=True),
    Column("volume", Integer, nullable=False),
    Column("scored", Integer, nullable=False),
    Column("weight", BigInteger, nullable=False),
    Column("total", BigInteger, nullable=False),
    Column("negative", BigInteger, nullable=False),
    Column("positive", BigInteger, nullable=False),
    Index("ix_series_buckets_start", "start"),
)

# The headlines behind an alert as they were when it fired.
EVIDENCE = Table(
    "alert_evidence",
    METADATA,
    Column("alert_id", ForeignKey(ALERTING.alerts.c.id), primary_key=True),
    Column("place", Integer, primary_key=True, autoincrement=False),
    Column("document_id", String(200), nullable=False),
    Column("title", Text, nullable=False),
    Column("source", String(200), nullable=False),
    Column("url", Text, nullable=False),
    Column("published_at", UtcDateTime, nullable=False),
    Column("relevance", Integer, nullable=False),
    Column("sentiment", String(16)),
    Column("score", Float),
    Column("topic", String(32)),
    Column("model_version", String(64), nullable=False),
)

# `watermark` is the newest event time that a feed has brought; `revision` grows with every batch
# of documents, and updating it lets one writer at a time through.
FEEDS = Table(
    "feeds",
    METADATA,
    Column("name", String(200), primary_key=True),
    Column("watermark", UtcDateTime),
    Column("revision", Integer, nullable=False),
    Column("documents", Integer, nullable=False),
    Column("received_at", UtcDateTime),
)

# `address` is sealed: an address of a webhook is often a secret.
CHANNELS = Table(
    "notification_channels",
    METADATA,
    Column("name", String(100), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("address_sealed", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)
