from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.monitor.documents import COLUMNS, Document, parse
from core.errors import BadInput
from tests.apps.monitor.news import NOW, START

VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.text())
)


def test_a_document_without_an_id_gets_the_same_one_each_time() -> None:
    values = {"published_at": START.isoformat(), "title": "Profit rises"}
    assert parse(values, now=NOW).id == parse(dict(values), now=NOW).id
    assert parse(values | {"title": "Profit falls"}, now=NOW).id != parse(values, now=NOW).id


def test_unix_seconds_and_rfc_3339_are_the_same_time() -> None:
    values = {"title": "Profit rises"}
    by_seconds = parse(values | {"published_at": START.timestamp()}, now=NOW)
    assert (
        by_seconds.published_at
        == parse(values | {"published_at": "2025-03-03T01:00:00+01:00"}, now=NOW).published_at
    )


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"title": "x"}, "published_at"),
        ({"title": "x", "published_at": "yesterday"}, "published_at"),
        ({"title": "x", "published_at": "2025-03-03T00:00:00"}, "published_at"),
        ({"title": "x", "published_at": NOW + timedelta(days=2)}, "published_at"),
        ({"title": " ", "published_at": START.isoformat()}, "title"),
        ({"title": ["x"], "published_at": START.isoformat()}, "title"),
        ({"title": "x" * 3000, "published_at": START.isoformat()}, "title"),
    ],
)
def test_a_bad_field_is_named(values: dict[str, Any], field: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse(values, now=NOW)
    assert caught.value.field == field


def test_the_language_is_detected_where_none_is_given() -> None:
    values = {"published_at": START.isoformat()}
    assert parse(values | {"title": "北风银行业绩大幅下滑"}, now=NOW).language == "zh"
    assert parse(values | {"title": "Profit of the bank falls sharply"}, now=NOW).language == "en"
    assert parse(values | {"title": "x", "language": "zh-Hans"}, now=NOW).language == "zh"


@given(st.dictionaries(st.sampled_from(COLUMNS), VALUES))
def test_whatever_comes_is_a_document_or_bad_input(values: dict[str, Any]) -> None:
    try:
        found = parse(values, now=NOW)
    except BadInput:
        return
    assert isinstance(found, Document)
    assert found.title or found.body
