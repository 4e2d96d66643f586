"""Events to judge alerts by: known ones, or sharp moves of prices, defined from prices alone."""

import json
import math
import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

from apps.monitor.backtest import Event
from apps.monitor.companies import Company
from core.errors import BadInput
from core.rows import parse_time, read_rows

DAY = timedelta(days=1)
TRAILING_DAYS = 20
SHARP = 3.0


def read_shocks(path: Path) -> list[Event]:
    """Events of a JSON list with `company`, `start`, `end`, `kind`. Raises `BadInput`."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return [
            Event(
                each["company"],
                parse_time(each["start"]),
                parse_time(each["end"]),
                each.get("kind", ""),
            )
            for each in content
        ]
    except FileNotFoundError as error:
        raise BadInput(f"there is no file {path}", file=str(path)) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadInput(
            f"not a list of events: {error}",
            file=str(path),
            remedy="write a list of objects with company, start, end",
        ) from error


def read_price_events(path: Path, *, companies: Sequence[Company]) -> list[Event]:
    """Days on which a company's price moved sharply against the market.

    Columns: timestamp, company (id, ticker or name), close. The move of a day is the log return
    minus the median of all companies' that day; it is sharp from 3 standard deviations of the 20
    moves before it on. The event is the day. Raises `BadInput`.
    """
    ids = _ids(companies)
    closes: dict[str, dict[datetime, float]] = defaultdict(dict)
    for row in read_rows(path, required=("timestamp", "company", "close")):
        try:
            at = parse_time(row.values["timestamp"])
            close = float(row.text("close"))
        except ValueError as error:
            raise BadInput(str(error), file=str(path), line=row.line) from error
        name = row.text("company")
        company = ids.get(name.lower(), name)
        if close > 0 and math.isfinite(close):
            day = at.replace(hour=0, minute=0, second=0, microsecond=0)
            closes[company][day] = close
    moves = _against_market({company: _returns(days) for company, days in closes.items()})
    return sorted(
        (
            Event(company, day, day + DAY, "price_move")
            for company, days in moves.items()
            for day in _sharp(days)
        ),
        key=lambda event: (event.start, event.company),
    )


def _ids(companies: Sequence[Company]) -> dict[str, str]:
    return {
        name.lower(): company.id for company in companies for name in (company.id, *company.names())
    }


def _returns(closes: Mapping[datetime, float]) -> dict[datetime, float]:
    days = sorted(closes)
    return {day: math.log(closes[day] / closes[before]) for before, day in pairwise(days)}


def _against_market(
    returns: Mapping[str, Mapping[datetime, float]],
) -> dict[str, dict[datetime, float]]:
    by_day: dict[datetime, list[float]] = defaultdict(list)
    for days in returns.values():
        for day, move in days.items():
            by_day[day].append(move)
    # One or two companies are no market.
    market = {
        day: statistics.median(moves) if len(moves) > 2 else 0.0 for day, moves in by_day.items()
    }
    return {
        company: {day: move - market[day] for day, move in days.items()}
        for company, days in returns.items()
    }


def _sharp(moves: Mapping[datetime, float]) -> list[datetime]:
    days = sorted(moves)
    found = []
    for place in range(TRAILING_DAYS, len(days)):
        past = [moves[day] for day in days[place - TRAILING_DAYS : place]]
        usual = statistics.pstdev(past)
        if usual > 0 and abs(moves[days[place]]) >= SHARP * usual:
            found.append(days[place])
    return found
