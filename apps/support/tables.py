"""Tables of the support app."""

from sqlalchemy import (
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

from core.alerting.tables import SEQUENCE, alert_tables
from core.database import Json, UtcDateTime
from core.web.tables import access_tables

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

articles = Table(
    "articles",
    metadata,
    Column("id", String(100), primary_key=True),
    Column("category", String(100), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)

article_texts = Table(
    "article_texts",
    metadata,
    Column("article_id", ForeignKey("articles.id", ondelete="CASCADE"), primary_key=True),
    Column("language", String(8), primary_key=True),
    Column("question", Text, nullable=False),
    Column("answer", Text, nullable=False),
)

variants = Table(
    "variants",
    metadata,
    Column("article_id", String(100), primary_key=True),
    Column("language", String(8), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("text", Text, nullable=False),
    ForeignKeyConstraint(
        ["article_id", "language"],
        ["article_texts.article_id", "article_texts.language"],
        ondelete="CASCADE",
    ),
)

# One row; its version grows with every change of what can be found.
knowledge = Table(
    "knowledge",
    metadata,
    Column("id", Integer, CheckConstraint("id = 1", name="one_row"), primary_key=True),
    Column("version", Integer, nullable=False),
)

# float32 unit vectors of wordings, so that a start or an edit encodes only what is new.
vectors = Table(
    "vectors",
    metadata,
    Column("encoder_version", String(64), primary_key=True),
    Column("text_sha256", String(64), primary_key=True),
    Column("vector", LargeBinary, nullable=False),
)

policies = Table(
    "policies",
    metadata,
    Column("name", String(100), primary_key=True),
    Column("type", String(16), nullable=False),
    Column("texts", Json, nullable=False),
)

orders = Table(
    "orders",
    metadata,
    Column("order_key", String(64), primary_key=True),
    Column("number", String(64), nullable=False),
    Column("status", String(16), nullable=False),
    Column("customer_fingerprint", String(64), nullable=False, index=True),
    Column("customer_sealed", Text, nullable=False),
    Column("items", Json, nullable=False),
    Column("slot_values", Json, nullable=False),
)

conversations = Table(
    "conversations",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("status", String(16), nullable=False),
    Column("customer_fingerprint", String(64), index=True),
    Column("customer_sealed", Text),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)

messages = Table(
    "messages",
    metadata,
    Column("sequence", SEQUENCE, primary_key=True),
    Column("id", String(64), nullable=False, unique=True),
    Column("conversation_id", ForeignKey("conversations.id", ondelete="CASCADE"), nullable=False),
    Column("author", String(16), nullable=False),
    Column("text_sealed", Text, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Index("ix_messages_conversation", "conversation_id", "sequence"),
)

predictions = Table(
    "predictions",
    metadata,
    Column("message_id", ForeignKey("messages.id", ondelete="CASCADE"), primary_key=True),
    Column("model_version", String(64), nullable=False),
    Column("language", String(8), nullable=False),
    Column("retriever", String(16), nullable=False),
    Column("action", String(16), nullable=False),
    Column("reason", String(40), nullable=False),
    Column("article_id", String(100)),
    Column("confidence", Float, nullable=False),
    Column("candidates", Json, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Index("ix_predictions_action", "action", "at"),
)

feedback = Table(
    "feedback",
    metadata,
    Column("sequence", SEQUENCE, primary_key=True),
    Column("message_id", ForeignKey("messages.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("kind", String(16), nullable=False),
    Column("article_id", String(100)),
    Column("note_sealed", Text, nullable=False),
    Column("actor", String(100), nullable=False),
    Column("at", UtcDateTime, nullable=False),
)

ALERTS = alert_tables(metadata)
ACCESS = access_tables(metadata)
