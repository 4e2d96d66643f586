"""The tables of alerting, made on the MetaData of each application."""

from dataclasses import dataclass

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

from core.database import Json, UtcDateTime

SEQUENCE = BigInteger().with_variant(Integer, "sqlite")


@dataclass(frozen=True)
class AlertTables:
    """Made once per application by `alert_tables(metadata)` in its `tables.py`."""

    alerts: Table
    transitions: Table
    deliveries: Table
    channels: Table
    silences: Table


def alert_tables(metadata: MetaData) -> AlertTables:
    """Define the five tables on `metadata`, so that they are in the application's migrations."""
    return AlertTables(
        alerts=_alerts(metadata),
        transitions=_transitions(metadata),
        deliveries=_deliveries(metadata),
        channels=_channels(metadata),
        silences=_silences(metadata),
    )


def _alerts(metadata: MetaData) -> Table:
    """`id` is fingerprint and episode, and an episode starts only after the one before it was
    closed: the primary key alone keeps two processes from opening one alert twice."""
    return Table(
        "alerts",
        metadata,
        Column("id", String(40), primary_key=True),
        Column("fingerprint", String(16), nullable=False),
        Column("episode", Integer, nullable=False),
        Column("rule_id", String(200), nullable=False),
        Column("key", String(500), nullable=False),
        Column("state", String(16), nullable=False),
        Column("severity", String(16), nullable=False),
        Column("labels", Json, nullable=False),
        Column("annotations", Json, nullable=False),
        Column("evidence", Json, nullable=False),
        Column("value", Float),
        Column("threshold", Float, nullable=False),
        Column("reason", String(32), nullable=False),
        Column("started_at", UtcDateTime, nullable=False),
        Column("read_at", UtcDateTime, nullable=False),
        Column("changed_at", UtcDateTime, nullable=False),
        Column("fired_at", UtcDateTime),
        Column("recovering_since", UtcDateTime),
        Column("closed_at", UtcDateTime),
        Column("notified_at", UtcDateTime),
        Column("acknowledged_at", UtcDateTime),
        Column("acknowledged_by", String(200), nullable=False),
        Column("note", Text, nullable=False),
        Column("muted_by", String(200), nullable=False),
        Column("transitions", Integer, nullable=False),
        Column("version", Integer, nullable=False),
        Index("ix_alerts_fingerprint", "fingerprint", "episode"),
        Index("ix_alerts_started", "started_at", "id"),
        Index("ix_alerts_state_started", "state", "started_at", "id"),
        Index("ix_alerts_key_started", "key", "started_at", "id"),
    )


def _transitions(metadata: MetaData) -> Table:
    return Table(
        "alert_transitions",
        metadata,
        Column("alert_id", ForeignKey("alerts.id"), primary_key=True),
        Column("number", Integer, primary_key=True, autoincrement=False),
        Column("before", String(16), nullable=False),
        Column("after", String(16), nullable=False),
        Column("reason", String(32), nullable=False),
        Column("at", UtcDateTime, nullable=False),
        Column("recorded_at", UtcDateTime, nullable=False),
        Column("value", Float),
        Column("notify", String(16)),
        Column("muted_by", String(200), nullable=False),
        Column("actor", String(200), nullable=False),
        Index("ix_alert_transitions_at", "at"),
    )


def _deliveries(metadata: MetaData) -> Table:
    """The outbox: one row is one message to one channel; `state` dead is the dead-letter list."""
    return Table(
        "alert_deliveries",
        metadata,
        Column("sequence", SEQUENCE, primary_key=True),
        Column("id", String(40), nullable=False, unique=True),
        Column("receiver", String(200), nullable=False),
        Column("channel", String(200), nullable=False),
        Column("group_key", Text, nullable=False),
        Column("group_hash", String(16), nullable=False),
        Column("group_labels", Json, nullable=False),
        Column("alerts", Json, nullable=False),
        Column("state", String(16), nullable=False),
        Column("created_at", UtcDateTime, nullable=False),
        Column("due_at", UtcDateTime, nullable=False),
        Column("attempts", Integer, nullable=False),
        Column("leased_until", UtcDateTime),
        Column("lease", String(32)),
        Column("attempted_at", UtcDateTime),
        Column("sent_at", UtcDateTime),
        Column("error", Text, nullable=False),
        Column("version", Integer, nullable=False),
        Index("ix_alert_deliveries_due", "state", "channel", "due_at"),
        Index("ix_alert_deliveries_group", "group_hash", "channel", "sequence"),
    )


def _channels(metadata: MetaData) -> Table:
    """`free_at` is the theoretical arrival time of the generic cell rate algorithm, `held_until`
    the end of what a receiver asked for by `Retry-After`."""
    return Table(
        "alert_channels",
        metadata,
        Column("name", String(200), primary_key=True),
        Column("free_at", UtcDateTime, nullable=False),
        Column("held_until", UtcDateTime),
    )


def _silences(metadata: MetaData) -> Table:
    return Table(
        "alert_silences",
        metadata,
        Column("id", String(36), primary_key=True),
        Column("matchers", Json, nullable=False),
        Column("starts_at", UtcDateTime, nullable=False),
        Column("ends_at", UtcDateTime, nullable=False),
        Column("created_at", UtcDateTime, nullable=False),
        Column("created_by", String(200), nullable=False),
        Column("comment", Text, nullable=False),
        Index("ix_alert_silences_ends", "ends_at"),
    )
