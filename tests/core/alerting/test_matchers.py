import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.alerting.matchers import Matcher, Operator, parse
from core.errors import BadInput


@pytest.mark.parametrize(
    ("text", "labels", "expected"),
    [
        ('service=~"mysql|cassandra"', {"service": "mysql"}, True),
        ('service=~"mysql|cassandra"', {"service": "mysql-2"}, False),
        ('service=~"my.*"', {"service": "mysql-2"}, True),
        ('team="frontend"', {"team": "frontend"}, True),
        ('team="frontend"', {}, False),
        ('team!="frontend"', {}, True),
        ('team=""', {}, True),
        ('team!~"a|b"', {"team": "c"}, True),
        ('team!~"a|b"', {"team": "a"}, False),
        ("{team=frontend,severity=critical}", {"team": "frontend", "severity": "x"}, False),
        ('{team="front, end" , severity = "critical"}', {"team": "front, end"}, False),
        (r'quote="say \"hi\""', {"quote": 'say "hi"'}, True),
        ("", {"anything": "x"}, True),
    ],
)
def test_matching(text: str, labels: dict[str, str], expected: bool) -> None:
    assert all(matcher.matches(labels) for matcher in parse(text)) is expected


@pytest.mark.parametrize("text", ["team", 'team=="x"', '="x"', 'a="x" b="y"', 'a="x'])
def test_what_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match=r"column|matcher"):
        parse(text)


def test_a_bad_expression_is_refused() -> None:
    with pytest.raises(BadInput, match="unterminated"):
        parse('a=~"("')


@given(
    st.from_regex(r"[a-z_][a-z0-9_]{0,8}", fullmatch=True),
    st.sampled_from([Operator.EQUAL, Operator.NOT_EQUAL]),
    st.text(max_size=40),
)
def test_written_and_read_again(name: str, operator: Operator, value: str) -> None:
    matcher = Matcher(name, operator, value)
    assert parse(f"{{{matcher}, {matcher}}}") == (matcher, matcher)
