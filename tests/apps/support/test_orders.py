"""Finding order numbers and addresses in messages."""

import pytest

from apps.support.orders import Order, check_order, identify, order_key, order_pattern, order_slots
from core.errors import BadInput

PATTERN = order_pattern(r"[A-Z]{2}[- ]?\d{6}")


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("where is LH-482913", ("LH482913",)),
        ("where is lh482913?", ("LH482913",)),
        ("我的订单LH-482913到哪里了", ("LH482913",)),
        ("LH-482913 and LH 471206", ("LH482913", "LH471206")),
        ("XLH-482913", ()),
        ("LH-4829134", ()),
        ("no number", ()),
    ],
)
def test_order_numbers_are_found(text: str, keys: tuple[str, ...]) -> None:
    assert identify(text, pattern=PATTERN).order_keys == keys


def test_the_question_is_left_without_number_and_address() -> None:
    found = identify("Where is LH-482913? I am Anna@Example.com", pattern=PATTERN)
    assert found.emails == ("anna@example.com",)
    assert found.rest.split() == ["Where", "is", "?", "I", "am"]


def test_an_address_that_holds_a_number_is_no_order() -> None:
    assert identify("lh482913@example.com", pattern=PATTERN).order_keys == ()


def test_slots_of_what_is_known_alone() -> None:
    order = Order("LH-1", "shipped", "A", "a@b.example", (), {"delivery_date": "2026-11-24"})
    assert order_slots(order, language="zh") == {
        "order_number": "LH-1",
        "delivery_date": "2026年11月24日",
    }


def test_keys_do_not_depend_on_spelling() -> None:
    assert order_key("lh-482 913") == order_key("LH482913")


@pytest.mark.parametrize(
    "order",
    [
        Order("-", "shipped", "A", "a@b.example"),
        Order("LH-1", "lost", "A", "a@b.example"),
        Order("LH-1", "shipped", "A", "nobody"),
        Order("LH-1", "shipped", "A", "a@b.example", (), {"delivery_date": "soon"}),
    ],
)
def test_orders_that_cannot_be_told_are_refused(order: Order) -> None:
    with pytest.raises(BadInput):
        check_order(order)


def test_a_broken_pattern_is_told() -> None:
    with pytest.raises(BadInput, match="no expression"):
        order_pattern("(")
