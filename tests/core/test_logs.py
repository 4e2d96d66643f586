import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from core.logs import configure, mask


@pytest.fixture
def output() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    stream = io.StringIO()
    configure(style="json", stream=stream)
    yield stream
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("write to li.lei@example.cn now", "write to [email] now"),
        ("call 138 0013 8000", "call [phone]"),
        ("call 13800138000", "call [phone]"),
        ("电话:13800138000", "电话:[phone]"),
        ("ring 415.555.2671", "ring [phone]"),
        ("ring +44 20 7946 0958", "ring [phone]"),
        ("or (415) 555-2671", "or [phone]"),
        ("card 4111 1111 1111 1111", "card [card]"),
        ("Authorization: Bearer abcdefghijk123", "Authorization: [key]"),
        ("password=hunter22", "[key]"),
        ("key tpd_Zm9vYmFyYmF6cXV4", "key [key]"),
    ],
)
def test_personal_data_and_keys_are_masked(text: str, expected: str) -> None:
    assert mask(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-22 12:46:25",
        "2026-11-22T12:46:25.123456Z",
        "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        "123e4567-e89b-12d3-a456-426614174000",
        "price 1,299.00",
        "2026-11-22T13:41:01.684099+00:00",
        "score 3.14159265 at 192.168.100.200:8000",
        "version 1.2.3",
        "order 10293847",
    ],
)
def test_dates_hashes_and_order_numbers_stay(text: str) -> None:
    assert mask(text) == text


def test_every_way_into_the_log_is_masked(output: io.StringIO) -> None:
    structlog.get_logger("apps.shop").info(
        "mail sent", to="li.lei@example.cn", password="hunter22", nested={"phone": "x", "n": [1]}
    )
    logging.getLogger("other").warning("call %s", "138 0013 8000")
    try:
        raise ValueError("no mailbox li.lei@example.cn")
    except ValueError:
        structlog.get_logger("apps.shop").exception("failed")

    lines = [json.loads(line) for line in output.getvalue().splitlines()]
    assert lines[0]["to"] == "[email]"
    assert lines[0]["password"] == "[private]"
    assert lines[0]["nested"] == {"phone": "[private]", "n": [1]}
    assert lines[1]["event"] == "call [phone]"
    assert "ValueError" in lines[2]["exception"]
    assert "li.lei" not in output.getvalue()


def test_chinese_is_readable(output: io.StringIO) -> None:
    structlog.get_logger("apps.shop").info("退货")

    assert "退货" in output.getvalue()
