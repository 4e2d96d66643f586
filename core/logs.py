"""Logs as one line per event on standard error, with personal data masked.

A program calls `configure()` once; modules write

    log = structlog.get_logger(__name__)
    log.info("article imported", article_id=article_id)

Everything that reaches the output, through structlog or the standard library, passes `mask`.
"""

import logging
import re
import sys
from collections.abc import Mapping
from typing import Any, Literal

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

EMAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+")
KEY = re.compile(
    r"\btpd_[A-Za-z0-9_-]{8,}"
    r"|\b(?:sk|pk|ghp|gho|xox[abpr]|whsec)[-_][A-Za-z0-9_-]{12,}"
    r"|(?i:\bbearer\s+)[A-Za-z0-9._~+/=-]{8,}"
    r"|(?i:\b(?:password|passwd|secret|token|api[-_]?key)\b[\"']?\s*[=:]\s*)[\"']?[^\s\"',;&]{4,}"
)
# Digits with single separators. Dates, UUIDs and hex digests must survive: see _number.
NUMBER = re.compile(r"(?<![\w.])(?:\+|00)?\(?\d(?:[ ().-]{0,2}\d){6,18}(?![\w])")
# Dates, decimal fractions (also of seconds) and IPv4 addresses.
NOT_PERSONAL = re.compile(r"\d{4}-\d{2}-\d{2}.*|\d+\.\d+|\d{1,3}(?:\.\d{1,3}){3}")
OWN_LOGGERS = ("apps", "core")
PRIVATE = frozenset(
    {"password", "secret", "token", "api_key", "authorization", "cookie", "phone", "email"}
)


def mask(text: str) -> str:
    """`text` without e-mail addresses, telephone and card numbers, and keys.

    >>> mask("call 138 0013 8000 or write to li.lei@example.cn")
    'call [phone] or write to [email]'
    """
    text = KEY.sub("[key]", text)
    text = EMAIL.sub("[email]", text)
    return NUMBER.sub(_number, text)


def _number(match: re.Match[str]) -> str:
    found = match.group()
    digits = re.sub(r"\D", "", found)
    if NOT_PERSONAL.fullmatch(found):
        return found
    if 13 <= len(digits) <= 19 and _luhn(digits):
        return "[card]"
    return "[phone]" if _is_phone(found, digits) else found


def _is_phone(found: str, digits: str) -> bool:
    if len(digits) == 11 and re.match(r"1[3-9]", digits):
        return True
    if found.startswith(("+", "00", "(")):
        return 8 <= len(digits) <= 15
    return 8 <= len(digits) <= 13 and bool(re.search(r"\d[ .)-]", found))


def _luhn(digits: str) -> bool:
    doubled = (int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits)))
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


def masked(value: object) -> object:
    """`mask` for every text inside a mapping, list or tuple; other values as they are."""
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, Mapping):
        return {
            key: "[private]" if str(key).lower() in PRIVATE else masked(item)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [masked(item) for item in value]
    return value


def _mask_event(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    return {
        key: item
        if key.startswith("_")
        else ("[private]" if key.lower() in PRIVATE else masked(item))
        for key, item in event.items()
    }


def configure(
    *, level: str = "INFO", style: Literal["json", "text"] | None = None, stream: Any = None
) -> None:
    """Send all logs of this process to `stream` (standard error).

    `level` is that of Tripod's own loggers; libraries speak from WARNING on.

    `style` is by default text on a terminal and JSON elsewhere.
    """
    out = sys.stderr if stream is None else stream
    text = style == "text" if style else out.isatty()
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _mask_event,
    ]
    plain = structlog.dev.plain_traceback
    render: Processor = (
        structlog.dev.ConsoleRenderer(colors=out.isatty(), exception_formatter=plain)
        if text
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render],
        )
    )
    handler.addFilter(_worth_saying)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(max(logging.WARNING, logging.getLevelNamesMapping()[level]))
    for ours in OWN_LOGGERS:
        logging.getLogger(ours).setLevel(level)


def _worth_saying(record: logging.LogRecord) -> bool:
    """Libraries speak from warnings on, also those that set a level of their own."""
    return record.levelno >= logging.WARNING or record.name.split(".")[0] in OWN_LOGGERS
