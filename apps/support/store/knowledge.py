"""SQL of articles, their vectors, and the version of the knowledge. Nothing here commits."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from apps.support import tables
from apps.support.articles import Article, ArticleText
from core.database import insert_ignore

CHUNK = 500


def knowledge_version(connection: Connection) -> int:
    """0 before the first change."""
    return connection.execute(select(tables.knowledge.c.version)).scalar() or 0


def bump_knowledge(connection: Connection) -> None:
    """Tell every process that what can be found has changed."""
    insert_ignore(tables.knowledge, [{"id": 1, "version": 0}], connection, ["id"])
    connection.execute(update(tables.knowledge).values(version=tables.knowledge.c.version + 1))


def put_article(connection: Connection, article: Article, *, now: datetime) -> None:
    """Insert or replace an article with all its texts; the caller bumps the knowledge."""
    row = {"id": article.id, "category": article.category, "created_at": now, "updated_at": now}
    if not insert_ignore(tables.articles, [row], connection, ["id"]):
        connection.execute(
            update(tables.articles)
            .where(tables.articles.c.id == article.id)
            .values(category=article.category, updated_at=now)
        )
        _delete_texts(connection, article.id)
    for language, text in article.texts.items():
        connection.execute(
            insert(tables.article_texts).values(
                article_id=article.id,
                language=language,
                question=text.question,
                answer=text.answer,
            )
        )
        if text.variants:
            connection.execute(insert(tables.variants), _variant_rows(article.id, language, text))


def _variant_rows(article_id: str, language: str, text: ArticleText) -> list[dict[str, Any]]:
    return [
        {"article_id": article_id, "language": language, "number": number, "text": variant}
        for number, variant in enumerate(text.variants, start=1)
    ]


def _delete_texts(connection: Connection, article_id: str) -> None:
    for table in (tables.variants, tables.article_texts):
        connection.execute(delete(table).where(table.c.article_id == article_id))


def delete_article(connection: Connection, article_id: str) -> bool:
    _delete_texts(connection, article_id)
    statement = delete(tables.articles).where(tables.articles.c.id == article_id)
    return connection.execute(statement).rowcount == 1


def find_article(connection: Connection, article_id: str) -> Article | None:
    return load_articles(connection, ids=[article_id]).get(article_id)


def list_article_ids(
    connection: Connection, *, after: str | None, limit: int, category: str | None = None
) -> list[str]:
    query = select(tables.articles.c.id).order_by(tables.articles.c.id).limit(limit)
    if after is not None:
        query = query.where(tables.articles.c.id > after)
    if category is not None:
        query = query.where(tables.articles.c.category == category)
    return list(connection.execute(query).scalars())


def count_articles(connection: Connection) -> int:
    return connection.execute(select(func.count()).select_from(tables.articles)).scalar_one()


def load_articles(
    connection: Connection, *, ids: Sequence[str] | None = None
) -> dict[str, Article]:
    """Articles by id, ordered by it; all of them without `ids`."""
    texts: dict[str, dict[str, ArticleText]] = {}
    variants: dict[tuple[str, str], list[str]] = {}
    for row in _rows(connection, tables.variants, "article_id", ids, "number"):
        variants.setdefault((row.article_id, row.language), []).append(row.text)
    for row in _rows(connection, tables.article_texts, "article_id", ids, "language"):
        own = tuple(variants.get((row.article_id, row.language), ()))
        texts.setdefault(row.article_id, {})[row.language] = ArticleText(
            row.question, row.answer, own
        )
    return {
        row.id: Article(row.id, row.category, texts.get(row.id, {}), row.updated_at)
        for row in _rows(connection, tables.articles, "id", ids, "id")
    }


def _rows(
    connection: Connection, table: Any, key: str, ids: Sequence[str] | None, order: str
) -> Iterator[Row[Any]]:
    query = select(table).order_by(table.c[key], table.c[order])
    if ids is None:
        yield from connection.execute(query)
        return
    for chunk in _chunks(sorted(ids)):
        yield from connection.execute(query.where(table.c[key].in_(chunk)))


def find_vectors(
    connection: Connection, *, encoder_version: str, text_sha256: Iterable[str]
) -> dict[str, bytes]:
    """Stored vectors by the hash of their text; hashes without one are left out."""
    table = tables.vectors
    found: dict[str, bytes] = {}
    for chunk in _chunks(list(text_sha256)):
        query = select(table.c.text_sha256, table.c.vector).where(
            table.c.encoder_version == encoder_version, table.c.text_sha256.in_(chunk)
        )
        found.update({row.text_sha256: row.vector for row in connection.execute(query)})
    return found


def add_vectors(
    connection: Connection, *, encoder_version: str, vectors: Mapping[str, bytes]
) -> None:
    rows = [
        {"encoder_version": encoder_version, "text_sha256": digest, "vector": vector}
        for digest, vector in vectors.items()
    ]
    insert_ignore(tables.vectors, rows, connection, ["encoder_version", "text_sha256"])


def drop_vectors(connection: Connection, *, keep: Sequence[str]) -> int:
    """Forget the vectors of encoders that are not in `keep`."""
    statement = delete(tables.vectors).where(tables.vectors.c.encoder_version.not_in(list(keep)))
    return connection.execute(statement).rowcount


def _chunks(values: Sequence[str]) -> Iterator[Sequence[str]]:
    return (values[start : start + CHUNK] for start in range(0, len(values), CHUNK))
