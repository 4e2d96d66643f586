"""Templates: what is filled, what is left out, and that a value never becomes a slot."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.support.slots import SlotType, check, format_value, parse, render
from core.errors import BadInput

TEMPLATE = "[Order {order_number} comes on {delivery_date}.|It is on its way.] Within {days} days."


def test_the_first_wording_whose_slots_are_known_is_used() -> None:
    known = {"order_number": "LH-1", "delivery_date": "24 November 2026", "days": "30"}
    assert render(parse(TEMPLATE), known).text == (
        "Order LH-1 comes on 24 November 2026. Within 30 days."
    )
    assert render(parse(TEMPLATE), {"days": "30"}).text == "It is on its way. Within 30 days."


def test_a_choice_of_which_nothing_is_known_is_left_out() -> None:
    assert render(parse("Done. [Refunded {amount}.|]"), {}).text == "Done."
    assert render(parse("Done. [Refunded {amount}.|Paid {amount}.]"), {}).text == "Done."


def test_a_slot_outside_a_choice_without_a_value_is_told() -> None:
    assert render(parse(TEMPLATE), {}).missing == ("days",)


@pytest.mark.parametrize(
    "text", ["[a|b]", "an [open {bracket", "{Not a slot}", "a | b", "[]", "{}"]
)
def test_what_is_no_slot_stays_as_it_is(text: str) -> None:
    assert render(parse(text), {}).text == text


@given(value=st.text(), text=st.text(alphabet="ab[]|{} days", max_size=40))
def test_values_are_never_parsed(value: str, text: str) -> None:
    """Whatever a value holds, slots and choices too, it stands in the answer as it is."""
    rendered = render(parse("<{value}>" + text.replace("{", "")), {"value": value, "days": "30"})
    assert f"<{value}>" in rendered.text


@given(value=st.sampled_from(["{days}", "[{days}|x]", "}{", "{value}", "|", "]["]))
def test_a_value_that_looks_like_a_slot_is_not_filled(value: str) -> None:
    rendered = render(parse("{value} {days}"), {"value": value, "days": "30"})
    assert rendered.text == f"{value} 30"
    assert rendered.filled == ("value", "days")


def test_a_template_that_could_not_be_sent_is_refused() -> None:
    always, sometimes = {"days"}, {"carrier"}
    check("Within {days} days. [With {carrier}.|]", always=always, sometimes=sometimes)
    with pytest.raises(BadInput, match="there is no slot"):
        check("It costs {price}.", always=always, sometimes=sometimes)
    with pytest.raises(BadInput, match="wording without it"):
        check("With {carrier}.", always=always, sometimes=sometimes)


@pytest.mark.parametrize(
    ("value", "kind", "language", "expected"),
    [
        ("92.05 GBP", SlotType.MONEY, "en", "£92.05"),
        ("92.05 GBP", SlotType.MONEY, "zh", "92.05 英镑"),
        ("12 CHF", SlotType.MONEY, "en", "12.00 CHF"),
        ("2026-11-24", SlotType.DATE, "en", "24 November 2026"),
        ("2026-11-24", SlotType.DATE, "zh", "2026年11月24日"),
        ("30", SlotType.INTEGER, "en", "30"),
        ("https://larkholm.example/track", SlotType.LINK, "en", "https://larkholm.example/track"),
    ],
)
def test_values_are_written_for_their_reader(
    value: str, kind: SlotType, language: str, expected: str
) -> None:
    assert format_value(value, kind, language=language) == expected


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("much", SlotType.INTEGER),
        ("92", SlotType.MONEY),
        ("24.11.2026", SlotType.DATE),
        ("javascript:alert(1)", SlotType.LINK),
        (" ", SlotType.TEXT),
    ],
)
def test_a_value_of_another_type_is_refused(value: str, kind: SlotType) -> None:
    with pytest.raises(BadInput, match=kind.value):
        format_value(value, kind, language="en")
