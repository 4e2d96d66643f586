import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.models.normal_form import normal_form


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("請問我的訂單什麼時候發貨", "请问我的订单什么时候发货"),
        ("乾隆年間的頭髮", "乾隆年间的头发"),
        ("ＶＩＰ会员１２３元", "VIP会员123元"),
        ("（含税）：￥９９", "(含税):¥99"),
        ("【退货】", "[退货]"),
        ("good 👍🏽👍🏽👍🏽 job", "good 👍 job"),
        ("❤️ it", "❤ it"),
        ("我的iPhone壞了😡", "我的iPhone坏了😡"),
        ("size 8\u200b.5", "size 8.5"),
        ("plain ASCII [text] 1/2", "plain ASCII [text] 1/2"),
        ("half \ud800 a pair", "half ? a pair"),
    ],
)
def test_what_looks_different_and_means_the_same(text: str, plain: str) -> None:
    assert normal_form(text) == plain


def test_simplified_text_stays() -> None:
    text = "后来皇后把干燥的头发剪了,里面很干净"
    assert normal_form(text) == text


@given(st.text())
def test_the_form_is_stable(text: str) -> None:
    once = normal_form(text)
    assert normal_form(once) == once
