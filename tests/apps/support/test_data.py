"""The sample shop: complete, consistent, and held-out questions that are really held out."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from itertools import product

import pytest
from datasketch import MinHash

from apps.support.articles import LANGUAGES, check_article
from apps.support.importing import merged_rows
from apps.support.orders import order_key
from apps.support.samples import DATA, read_orders, read_policies, read_questions, sample_rows
from apps.support.slots import Slot, parse
from core.rows import read_rows

QUESTIONS = read_questions(DATA / "questions.jsonl")
ARTICLES = merged_rows(sample_rows())
POLICIES = {policy.name for policy in read_policies(DATA / "policies.json")}
NEAR = 0.5


def test_every_article_can_be_found_and_sent_in_both_languages() -> None:
    assert len(ARTICLES) == 50
    for article in ARTICLES.values():
        assert set(article.texts) == set(LANGUAGES)
        check_article(article, policies=POLICIES)


def test_both_languages_promise_the_same() -> None:
    """An answer names the same values of the shop, whatever the language."""
    for article in ARTICLES.values():
        english, chinese = (set(_always(article.texts[code].answer)) for code in LANGUAGES)
        assert english == chinese, article.id


def _always(answer: str) -> Iterator[str]:
    return (part.name for part in parse(answer) if isinstance(part, Slot))


def test_every_value_of_the_shop_is_used() -> None:
    text = (DATA / "articles.jsonl").read_text(encoding="utf-8")
    assert set(re.findall(r"\{([a-z_]+)\}", text)) >= POLICIES


def test_every_article_has_questions_on_both_sides() -> None:
    counts = Counter((q.article_id, q.language, q.split) for q in QUESTIONS if q.article_id)
    assert {article_id for article_id, _, _ in counts} == set(ARTICLES)
    for key in product(ARTICLES, LANGUAGES):
        assert counts[*key, "train"] >= 4
        assert counts[*key, "held_out"] >= 2
    outside = Counter((q.language, q.split) for q in QUESTIONS if not q.article_id)
    assert outside == {
        ("en", "train"): 100,
        ("en", "held_out"): 50,
        ("zh", "train"): 50,
        ("zh", "held_out"): 30,
    }


def test_no_question_stands_twice() -> None:
    assert max(Counter(q.text.lower() for q in QUESTIONS).values()) == 1


@pytest.mark.parametrize("language", LANGUAGES)
def test_held_out_questions_are_no_near_copies(language: str) -> None:
    own = [q for q in QUESTIONS if q.language == language]
    seen = [_minhash(q.text) for q in own if q.split == "train"]
    seen += [_minhash(article.texts[language].question) for article in ARTICLES.values()]
    for question in own:
        if question.split == "held_out":
            own_hash = _minhash(question.text)
            assert max(own_hash.jaccard(other) for other in seen) < NEAR, question.text


def _minhash(text: str) -> MinHash:
    """Over character trigrams, bigrams for Chinese."""
    plain = re.sub(r"\W+", " ", text.lower()).strip()
    size = 2 if re.search("[一-鿿]", plain) else 3
    found = MinHash(num_perm=128, seed=7)
    found.update_batch(
        [plain[at : at + size].encode() for at in range(max(1, len(plain) - size + 1))]
    )
    return found


def test_orders_can_be_told() -> None:
    orders = read_orders(DATA / "orders.jsonl")
    assert len({order_key(order.number) for order in orders}) == len(orders) == 20
    rows = read_rows(DATA / "orders.jsonl", required=["placed_on", "total"])
    assert all(row.text("placed_on") < "2026-11-23" for row in rows)


def test_the_readme_tells_the_number_of_rows() -> None:
    readme = (DATA / "README.md").read_text(encoding="utf-8")
    rows = {
        "articles.jsonl": len(ARTICLES),
        "questions.jsonl": len(QUESTIONS),
        "orders.jsonl": len(read_orders(DATA / "orders.jsonl")),
        "policies.json": len(json.loads((DATA / "policies.json").read_text(encoding="utf-8"))),
    }
    for name, number in rows.items():
        assert f"| `{name}` | {number:,} |" in readme
