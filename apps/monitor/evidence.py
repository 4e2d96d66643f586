"""SQL of the headlines behind alerts, frozen when an alert fires. Nothing here commits."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, select

from apps.monitor.history import Headline
from apps.monitor.tables import EVIDENCE

MOST = 20


def freeze(
    connection: Connection,
    *,
    alert_id: str,
    headlines: Sequence[tuple[Headline, int]],
) -> None:
    """Keep (headline, relevance) pairs as they are now; the first ones weighed most."""
    rows = [
        {
            "alert_id": alert_id,
            "place": place,
            "document_id": headline.document_id,
            "title": headline.title,
            "source": headline.source,
            "url": headline.url,
            "published_at": headline.published_at,
            "relevance": relevance,
            "sentiment": headline.sentiment,
            "score": headline.score,
            "topic": headline.topic,
            "model_version": headline.model_version,
        }
        for place, (headline, relevance) in enumerate(headlines[:MOST])
    ]
    if rows:
        connection.execute(EVIDENCE.insert(), rows)


def behind(
    connection: Connection, alert_ids: Collection[str]
) -> Mapping[str, list[dict[str, Any]]]:
    """The frozen headlines of each alert, the weightiest first."""
    found: dict[str, list[dict[str, Any]]] = {alert_id: [] for alert_id in alert_ids}
    query = (
        select(EVIDENCE)
        .where(EVIDENCE.c.alert_id.in_(sorted(alert_ids)))
        .order_by(EVIDENCE.c.alert_id, EVIDENCE.c.place)
    )
    for row in connection.execute(query).mappings():
        fields = {str(name): value for name, value in row.items()}
        fields["published_at"] = row["published_at"].isoformat().replace("+00:00", "Z")
        del fields["place"]
        found[fields.pop("alert_id")].append(fields)
    return found
