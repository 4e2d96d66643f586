import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.language import detect


@pytest.mark.parametrize(
    "text",
    [
        "hello",
        "refund?",
        "Where is my order?",
        "I want to send back the jacket I bought last week",
        "size XL in stock?",
        "Can I cancel a transfer",
        "Nvidia beats estimates, shares jump 5%",
        "Fed holds rates",
    ],
)
def test_english_even_when_short(text: str) -> None:
    assert detect(text) == "en"


@pytest.mark.parametrize(
    "text",
    [
        "退",
        "怎么退货",
        "iPhone 的屏幕坏了",
        "我想 return 这个 jacket",
        "Alibaba 阿里巴巴",
        "發票在哪裡",
    ],
)
def test_chinese_also_with_foreign_words(text: str) -> None:
    assert detect(text) == "zh"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "12345",
        "?!",
        "返品したいです",
        "환불해 주세요",
        "Где мой заказ",
        "Où est ma commande ?",
        "Je voudrais retourner la veste que j'ai achetée la semaine dernière",
        "¿Dónde está mi pedido?",
        "ich möchte die Jacke zurückschicken",
        "ik wil mijn bestelling annuleren",
    ],
)
def test_undetermined_for_other_languages_and_none(text: str) -> None:
    assert detect(text) == "und"


def test_only_configured_languages_are_given() -> None:
    assert detect("怎么退货", languages=("en",)) == "und"
    assert detect("Where is my order?", languages=("zh",)) == "und"
    assert detect("ich möchte die Jacke zurückschicken", languages=("en", "de")) == "de"


@given(text=st.text(max_size=300))
@settings(deadline=None)
def test_any_text_has_one_stable_answer(text: str) -> None:
    assert detect(text) in ("en", "zh", "und")
    assert detect(text) == detect(text)
