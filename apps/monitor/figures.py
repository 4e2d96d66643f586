"""Figures and dates of simulated headlines: amounts of one currency, percentages, quarters."""

import random

_ORDINALS = ("first", "second", "third", "fourth")
_ORDINALS_ZH = ("一", "二", "三", "四")
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Oct. 14", "March 3", "20 May")
_MONTHS = ("January", "March", "April", "June", "September", "October", "November", "December")
_CURRENCIES = (
    "EUR {} mn",
    "EUR {}m",
    "EUR{} million",
    "{} million euros",
    "${} million",
    "${}m",
    "${} billion",
    "USD {} mn",
    "{} million pounds",
)


def year_before(year: str, rng: random.Random) -> str:
    """Words for the period that a figure of `year` is compared with."""
    return rng.choice(
        (
            "in the same period a year earlier",
            "in the corresponding period of the year before",
            f"in the same quarter of {int(year) - 1}",
            "a year earlier",
            "a year ago",
            "in the comparable period",
            f"in {int(year) - 1}",
        )
    )


def figures(language: str, rng: random.Random) -> dict[str, str]:
    """All slots that are figures or dates, drawn so that they agree with each other."""
    low, high = sorted((rng.uniform(2, 35), rng.uniform(2, 35)))
    quarter, year = rng.randrange(4), rng.choice((2024, 2025, 2026))
    share = rng.uniform(3, 180)
    shared = {
        "n": str(rng.randrange(30, 900)),
        "n10": str(rng.randrange(3, 30)),
        "bp": str(rng.choice((10, 25, 50, 75, 120))),
        "qn": str(quarter + 1),
        "Q": f"Q{quarter + 1}",
        "ordinal": _ORDINALS[quarter],
        "hour": f"{rng.randrange(7, 19)}:{rng.choice(('00', '15', '30', '45'))}",
    }
    if language == "zh":
        unit = rng.choice(("亿元", "亿元", "万元", "亿美元"))
        scale = 100 if unit == "万元" else 1
        top = rng.uniform(2, 90) * scale
        amount = [top / rng.uniform(1.05, 2.6), top]
        shown = [f"{value:,.0f}" if scale > 1 else f"{value:.2f}" for value in amount]
        return shared | {
            "amt": shown[rng.randrange(2)] + unit,
            "amt2": shown[0] + unit,
            "hi": shown[1] + unit,
            "lo": shown[0] + unit,
            "pc": f"{rng.uniform(3, 60):.1f}%",
            "pch": f"{high:.1f}%",
            "pcl": f"{low:.1f}%",
            "q": rng.choice((f"第{_ORDINALS_ZH[quarter]}季度", f"{year}年{quarter + 1}季度")),
            "half": rng.choice(("上半年", "下半年")),
            "yr": str(year),
            "ny": str(year + 1),
            "month": f"{rng.randrange(1, 13)}月",
            "day": f"{rng.randrange(1, 13)}月{rng.randrange(1, 29)}日",
            "N": f"{rng.randrange(1100, 60000)}",
            "ehi": f"{0.4 + rng.random():.2f}元",
            "elo": f"{rng.uniform(0.05, 0.4):.2f}元",
            "shi": f"{share * 1.2:.2f}元",
            "slo": f"{share:.2f}元",
        }
    money = rng.choice(_CURRENCIES)
    top = 9 if "billion" in money else 400
    larger = rng.uniform(3, top)
    amount = [larger / rng.uniform(1.08, 2.6), larger]
    digits = rng.choice((0, 1)) if top > 9 and amount[1] - amount[0] > 2 else 1
    shown = [money.format(f"{value:.{digits}f}") for value in amount]
    percent = rng.choice(("{} percent", "{}%", "{} %", "{} pct", "{} per cent"))
    places = rng.choice((0, 1)) if high - low > 1.5 else 1
    coin = rng.choice(("${}", "EUR {}", "EUR{}"))
    return shared | {
        "amt": shown[rng.randrange(2)],
        "amt2": shown[0],
        "hi": shown[1],
        "lo": shown[0],
        "pc": percent.format(f"{rng.uniform(2, 40):.{rng.choice((0, 1))}f}"),
        "pch": percent.format(f"{high:.{places}f}"),
        "pcl": percent.format(f"{low:.{places}f}"),
        "q": rng.choice((f"{_ORDINALS[quarter]}-quarter", f"Q{quarter + 1}")),
        "half": rng.choice(("first-half", "half-year", "second-half")),
        "yr": str(year),
        "ny": str(year + 1),
        "month": rng.choice(_MONTHS[:4]),
        "month2": rng.choice(_MONTHS[4:]),
        "day": rng.choice(_DAYS),
        "N": f"{rng.randrange(1100, 60000):,}",
        "N2": f"{rng.randrange(1100, 60000):,}",
        "n2": f"{rng.randrange(200, 1000)}",
        "ehi": coin.format(f"{0.45 + rng.random():.2f}"),
        "elo": coin.format(f"{rng.uniform(0.05, 0.4):.2f}"),
        "shi": f"${share * rng.uniform(1.1, 1.4):.2f}",
        "slo": f"${share:.2f}",
    }
