import math
from datetime import timedelta
from pathlib import Path

import pytest

from apps.monitor.backtest import Event, Raised, intervals, lead_minutes, match, quantiles
from apps.monitor.events import read_price_events, read_shocks
from core.errors import BadInput
from tests.apps.monitor.news import COMPANIES, START

HOUR = timedelta(hours=1)
NONE = timedelta(0)


def event(hour: float, company: str = "acme") -> Event:
    return Event(company, START + hour * HOUR, START + (hour + 2) * HOUR)


def raised(hour: float, company: str = "acme") -> Raised:
    return Raised(company, START + hour * HOUR)


def test_matches_are_one_to_one_and_the_nearest_wins() -> None:
    found = match(
        [event(0), event(10)], [raised(1), raised(0.5), raised(30)], before=NONE, after=NONE
    )
    assert found.hits == ((event(0), raised(0.5)),)
    assert found.missed == (event(10),)
    assert found.false == (raised(30),)
    assert (found.precision, found.recall) == (0.5, 0.5)


def test_another_company_is_no_hit() -> None:
    assert match([event(0)], [raised(1, "borea")], before=NONE, after=NONE).recall == 0


def test_lead_time_is_signed() -> None:
    found = match([event(5), event(50)], [raised(4), raised(51)], before=2 * HOUR, after=NONE)
    assert sorted(lead_minutes(found)) == [-60, 60]
    assert quantiles(lead_minutes(found)) == pytest.approx(
        {"p10": -48.0, "p25": -30.0, "p50": 0.0, "p75": 30.0, "p90": 48.0}
    )


def test_without_alerts_there_is_no_precision() -> None:
    found = match([event(0)], [], before=NONE, after=NONE)
    assert (found.precision, found.recall) == (None, 0.0)
    assert quantiles([]) is None
    assert intervals(found, ["acme"])["precision"] is None


def test_price_events_are_moves_against_the_market(tmp_path: Path) -> None:
    lines = ["timestamp,company,close"]
    for day in range(40):
        market = 1 + 0.2 * (day >= 30)
        for name in ("ACMS", "borea", "apex", "other"):
            wobble = 1 + 0.01 * math.sin(day * (len(name) + 1))
            jump = 0.8 if name == "ACMS" and day >= 35 else 1.0
            close = 100 * market * wobble * jump
            lines.append(f"{(START + timedelta(days=day)).isoformat()},{name},{close:.4f}")
    file = tmp_path / "prices.csv"
    file.write_text("\n".join(lines), encoding="utf-8")
    found = read_price_events(file, companies=COMPANIES)
    assert [(each.company, each.start) for each in found] == [("acme", START + timedelta(days=35))]


def test_a_bad_price_is_named(tmp_path: Path) -> None:
    file = tmp_path / "prices.csv"
    file.write_text("timestamp,company,close\n2025-01-01T00:00:00Z,acme,much\n", encoding="utf-8")
    with pytest.raises(BadInput, match="line 2"):
        read_price_events(file, companies=COMPANIES)


def test_bad_events_are_named(tmp_path: Path) -> None:
    file = tmp_path / "shocks.json"
    file.write_text('[{"company": "acme"}]', encoding="utf-8")
    with pytest.raises(BadInput, match=r"shocks\.json"):
        read_shocks(file)
