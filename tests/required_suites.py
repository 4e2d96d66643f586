"""A pytest plugin: suites that `TRIPOD_REQUIRE` names may not be skipped, and must have tests.

`TRIPOD_REQUIRE=slow,postgres` turns every skip of a test marked `slow` or `postgres`, and of a
module that marks such tests, into a failure. It selects nothing: `-m` does.
"""

import os
import re
from collections.abc import Generator

import pytest

SUITES = ("slow", "postgres", "nats", "browser", "ray", "gpu")
REQUIRED = pytest.StashKey[frozenset[str]]()


def required_suites(text: str) -> frozenset[str]:
    """The suites that a comma-separated list names. Raises pytest.UsageError for an unknown one."""
    named = frozenset(name.strip() for name in text.split(",") if name.strip())
    unknown = named - set(SUITES)
    if unknown:
        raise pytest.UsageError(
            f"TRIPOD_REQUIRE: no suite {', '.join(sorted(unknown))}; there are {', '.join(SUITES)}"
        )
    return named


def pytest_configure(config: pytest.Config) -> None:
    config.stash[REQUIRED] = required_suites(os.environ.get("TRIPOD_REQUIRE", ""))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.args_source is not pytest.Config.ArgsSource.TESTPATHS:
        return
    found = {mark.name for item in items for mark in item.iter_markers()}
    missing = config.stash[REQUIRED] - found
    if missing:
        raise pytest.UsageError(f"TRIPOD_REQUIRE: {', '.join(sorted(missing))} has no test")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    suites = item.config.stash[REQUIRED] & {mark.name for mark in item.iter_markers()}
    if report.skipped and suites and not hasattr(report, "wasxfail"):
        _refuse(report, suites)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if report.skipped and isinstance(collector, pytest.Module):
        marked = re.findall(r"\bmark\.(\w+)", collector.path.read_text(encoding="utf-8"))
        suites = collector.config.stash[REQUIRED] & set(marked)
        if suites:
            _refuse(report, suites)
    return report


def _refuse(report: pytest.TestReport | pytest.CollectReport, suites: frozenset[str]) -> None:
    why = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    report.outcome = "failed"
    report.longrepr = f"TRIPOD_REQUIRE names {', '.join(sorted(suites))}, but: {why}"
