"""What TRIPOD_REQUIRE promises: a skip of a required suite fails the run."""

import pytest

pytest_plugins = ["pytester"]

TESTS = """
import pytest

@pytest.mark.postgres
def test_marked():
    pytest.skip("no server")

def test_unmarked():
    pytest.skip("for another reason")

@pytest.mark.postgres
@pytest.mark.xfail(reason="known")
def test_expected_to_fail():
    assert False
"""
SKIPPED_MODULE = """
import pytest

pytestmark = pytest.mark.postgres
pytest.importorskip("a_module_that_is_not_there")
"""


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch):
    pytester.makeini("[pytest]\nmarkers =\n    postgres: .\ntestpaths = .")

    def run_with(required: str, *arguments: str) -> pytest.RunResult:
        monkeypatch.setenv("TRIPOD_REQUIRE", required)
        return pytester.runpytest_inprocess("-p", "tests.required_suites", *arguments)

    return run_with


def test_a_skip_passes_where_nothing_is_required(pytester: pytest.Pytester, run) -> None:
    pytester.makepyfile(test_some=TESTS)
    run("").assert_outcomes(skipped=2, xfailed=1)


def test_a_skip_of_a_required_suite_fails(pytester: pytest.Pytester, run) -> None:
    pytester.makepyfile(test_some=TESTS)
    result = run("postgres")
    result.assert_outcomes(failed=1, skipped=1, xfailed=1)
    result.stdout.fnmatch_lines(["*TRIPOD_REQUIRE names postgres, but:*no server*"])


def test_a_skipped_module_of_a_required_suite_fails(pytester: pytest.Pytester, run) -> None:
    pytester.makepyfile(test_some=TESTS, test_gone=SKIPPED_MODULE)
    run("").assert_outcomes(skipped=3, xfailed=1)
    run("postgres").assert_outcomes(errors=1)


def test_a_required_suite_without_tests_fails(pytester: pytest.Pytester, run) -> None:
    pytester.makepyfile(test_some="def test_it(): pass")
    result = run("postgres")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*postgres has no test*"])


def test_an_unknown_suite_fails(pytester: pytest.Pytester, run) -> None:
    pytester.makepyfile(test_some="def test_it(): pass")
    assert run("postgras").ret == pytest.ExitCode.USAGE_ERROR
