import random
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select

from apps.monitor import evidence, history, store
from apps.monitor.documents import Document
from apps.monitor.pipeline import Outcome, Pipeline
from apps.monitor.runtime import MIGRATIONS
from apps.monitor.series import MICRO
from apps.monitor.tables import ALERTING, BUCKETS, DOCUMENTS, PREDICTIONS
from core.alerting.alert import State
from core.alerting.store import outbox
from core.alerting.store.alerts import list_alerts
from core.database import connect, reading, upgrade
from core.models.text_model import TextModel
from tests.apps.monitor.conftest import MakePipeline, pipeline_on
from tests.apps.monitor.news import NOW, START, document, headline, month


def take(pipeline: Pipeline, documents: list[Document], *, batch: int = 10) -> Outcome:
    total = Outcome()
    for start in range(0, len(documents), batch):
        total += pipeline.ingest(documents[start : start + batch], now=NOW)
    return total


def alerts_of(engine: Engine) -> list[tuple[Any, ...]]:
    with reading(engine) as connection:
        found = list_alerts(connection, ALERTING).alerts
        behind = evidence.behind(connection, [alert.id for alert in found])
    return [
        (
            alert.id,
            alert.rule_id,
            alert.started_at,
            alert.annotations,
            [each["document_id"] for each in behind[alert.id]],
        )
        for alert in found
    ]


def series_of(engine: Engine) -> list[tuple[Any, ...]]:
    with reading(engine) as connection:
        rows = connection.execute(
            select(BUCKETS).where(BUCKETS.c.volume != 0).order_by(*BUCKETS.primary_key)
        )
        return [tuple(row) for row in rows]


def test_a_shock_raises_one_alert_with_its_headlines(
    engine: Engine, make_pipeline: MakePipeline
) -> None:
    take(make_pipeline(), month())
    with reading(engine) as connection:
        found = [
            alert
            for alert in list_alerts(connection, ALERTING).alerts
            if alert.rule_id == "negative_news"
        ]
        behind = evidence.behind(connection, [alert.id for alert in found])
    assert [alert.key for alert in found] == ["acme"]
    shock = START + timedelta(days=10, hours=10)
    assert shock <= found[0].started_at <= shock + timedelta(hours=1)
    frozen = behind[found[0].id]
    assert len(frozen) >= 3
    assert all(each["score"] < 0 and "Acme Steel" in each["title"] for each in frozen)
    assert found[0].annotations["model_version"] == frozen[0]["model_version"]
    assert float(found[0].annotations["seen"]) > float(found[0].annotations["expected"])


def test_every_alert_waits_in_the_outbox_once(engine: Engine, make_pipeline: MakePipeline) -> None:
    """A burst of volume that a turn of sentiment explains is recorded, but not told."""
    fired = take(make_pipeline(), month()).fired
    with reading(engine) as connection:
        waiting = outbox.list_deliveries(connection, ALERTING)
        rules = {each.id: each.rule_id for each in list_alerts(connection, ALERTING).alerts}
    told = [alert.id for delivery in waiting for alert in delivery.alerts]
    assert len(told) == len(set(told))
    assert {rules[alert_id] for alert_id in told} == {"negative_news"}
    assert {rules[alert_id] for alert_id in set(fired) - set(told)} == {"volume_burst"}


def test_the_same_documents_again_change_nothing(
    engine: Engine, make_pipeline: MakePipeline
) -> None:
    documents = month()
    first = take(make_pipeline(), documents)
    before = (alerts_of(engine), series_of(engine))
    second = take(make_pipeline(), documents)
    assert (second.stored, second.copies, second.fired) == (0, 0, ())
    assert second.known == first.stored + first.copies == len(documents)
    assert (alerts_of(engine), series_of(engine)) == before


@pytest.mark.parametrize("batch", [1, 7, 1000])
def test_batches_do_not_matter(
    engine: Engine,
    make_pipeline: MakePipeline,
    batch: int,
    tmp_path: Any,
    tiny_text_model: TextModel,
) -> None:
    documents = month(days=12)
    other = connect(f"sqlite:///{tmp_path}/other.db")
    upgrade(other, MIGRATIONS)
    take(make_pipeline(), documents, batch=13)
    take(pipeline_on(other, tiny_text_model), documents, batch=batch)
    for ours, theirs in zip(series_of(engine), series_of(other), strict=True):
        assert ours[:4] == theirs[:4]
        assert ours[5:] == pytest.approx(theirs[5:], abs=0.02 * MICRO)
    assert [alert[:3] for alert in alerts_of(engine)] == [alert[:3] for alert in alerts_of(other)]
    other.dispose()


def test_a_writer_sees_what_another_wrote(engine: Engine, make_pipeline: MakePipeline) -> None:
    """Two pipelines that take turns give what one alone gives."""
    documents = month()
    one, two = make_pipeline(), make_pipeline()
    for number, start in enumerate(range(0, len(documents), 5)):
        (one, two)[number % 2].ingest(documents[start : start + 5], now=NOW)
    assert any(alert[1] == "negative_news" for alert in alerts_of(engine))
    with reading(engine) as connection:
        assert store.counts(connection).documents == len(documents)


@pytest.mark.parametrize("seed", range(6))
def test_any_order_of_arrival_gives_the_same_series(
    engine: Engine,
    make_pipeline: MakePipeline,
    tiny_text_model: TextModel,
    tmp_path: Any,
    seed: int,
) -> None:
    rng = random.Random(seed)
    documents = month(seed=seed, days=3, shock_day=2)[:40]
    copies = [
        document(
            f"UPDATE 1-{each.title}",
            at=each.published_at + timedelta(minutes=rng.randrange(-90, 90)),
        )
        for each in rng.sample(documents, 10)
    ]
    ordered = sorted([*documents, *copies], key=lambda each: (each.published_at, each.id))
    shuffled = list(ordered)
    rng.shuffle(shuffled)
    other = connect(f"sqlite:///{tmp_path}/other.db")
    upgrade(other, MIGRATIONS)
    # One by one: an int8 graph scores a text a little differently beside other texts.
    first = take(make_pipeline(), ordered, batch=1)
    second = take(pipeline_on(other, tiny_text_model), shuffled, batch=1)
    assert series_of(engine) == series_of(other)
    assert first.copies == second.copies == 10
    other.dispose()


def test_a_late_document_revises_its_hour(engine: Engine, make_pipeline: MakePipeline) -> None:
    rng = random.Random(0)
    pipeline = make_pipeline()
    take(
        pipeline, [document(headline("Acme Steel", "positive", rng), at=START + timedelta(hours=9))]
    )
    take(pipeline, [document(headline("Acme Steel", "negative", rng), at=START)])
    with reading(engine) as connection:
        found = history.buckets(connection, start=START, end=START + timedelta(hours=1))
    assert [(start, bucket.volume) for _, start, bucket in found] == [(START, 1)]


def test_copies_are_kept_but_do_not_count(engine: Engine, make_pipeline: MakePipeline) -> None:
    title = "Acme Steel cuts full-year guidance even as revenue hits a record"
    outcome = take(
        make_pipeline(),
        [
            document(title, name="one"),
            document(f"UPDATE 1-{title}", name="two", at=START + timedelta(minutes=5)),
            document(title.upper(), name="three", at=START - timedelta(minutes=5)),
        ],
    )
    assert (outcome.stored, outcome.copies) == (1, 2)
    with reading(engine) as connection:
        stories = dict(connection.execute(select(DOCUMENTS.c.id, DOCUMENTS.c.story_id)).all())
    assert stories == {"one": "three", "two": "three", "three": "three"}
    assert [row[2] for row in series_of(engine)] == [1]


def test_an_unknown_language_is_stored_without_a_score_and_counts(
    engine: Engine, make_pipeline: MakePipeline
) -> None:
    outcome = take(make_pipeline(), [document("极点钢铁业绩不及预期", language="zh")])
    assert outcome.unscored == 1
    with reading(engine) as connection:
        row = connection.execute(select(PREDICTIONS)).one()
        (_, _, bucket) = history.buckets(connection, start=START, end=START + timedelta(hours=1))[0]
    assert (row.sentiment, row.score, row.reason) == (None, None, "unsupported_language")
    assert (bucket.volume, bucket.scored) == (1, 0)


def test_an_id_twice_in_a_batch_is_stored_once(engine: Engine, make_pipeline: MakePipeline) -> None:
    one = document("Acme Steel profit falls", name="same")
    two = document("Borea Bank profit rises", name="same")
    outcome = make_pipeline().ingest([one, two], now=NOW)
    assert (outcome.stored, outcome.known) == (1, 1)
    with reading(engine) as connection:
        assert history.headlines(connection, ["same"])["same"].title == one.title


def test_time_that_passes_without_news_ends_an_alert(
    engine: Engine, make_pipeline: MakePipeline
) -> None:
    pipeline = make_pipeline()
    documents = month(days=11)
    take(pipeline, documents)
    with reading(engine) as connection:
        assert any(each.state is State.FIRING for each in list_alerts(connection, ALERTING).alerts)
    pipeline.rest(documents[-1].published_at + timedelta(days=3), now=NOW)
    with reading(engine) as connection:
        states = {each.state for each in list_alerts(connection, ALERTING).alerts}
    assert states == {State.RESOLVED}


def test_an_archive_of_another_time_is_judged_by_its_own_time(
    engine: Engine, make_pipeline: MakePipeline
) -> None:
    """A live feed must not hide what a backfill of an earlier month brings."""
    pipeline = make_pipeline()
    pipeline.ingest([document("Borea Bank profit rises", at=NOW - timedelta(days=1))], now=NOW)
    take(pipeline, month())
    assert any(alert[1] == "negative_news" for alert in alerts_of(engine))


def test_a_failed_batch_leaves_nothing(
    engine: Engine, make_pipeline: MakePipeline, tiny_text_model: TextModel
) -> None:
    documents = month()
    pipeline = make_pipeline()

    def broken(connection: Any) -> Any:
        raise RuntimeError("no routing")

    take(pipeline, documents[:10])
    pipeline._routing = broken
    with pytest.raises(RuntimeError):
        pipeline.ingest(documents[10:60], now=NOW)
    with reading(engine) as connection:
        assert store.counts(connection).documents == 10
    healthy = make_pipeline()
    pipeline._routing = healthy._routing
    take(pipeline, documents[10:])
    with reading(engine) as connection:
        assert store.counts(connection).documents == len(documents)
