"""The commands, as a person types them."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from apps.recommend.cli import app
from apps.recommend.settings import RecommendSettings
from tests.apps.recommend.conftest import Site


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def test_import_counts_and_may_be_repeated(tmp_path: Path, site: Site) -> None:
    home = str(tmp_path / "home")
    arguments = [
        "import",
        f"--items={site.folder / 'items.jsonl'}",
        f"--users={site.folder / 'users.csv'}",
        f"--events={site.folder / 'events.csv.gz'}",
        f"--home={home}",
        "--json",
    ]
    first = json.loads(run(*arguments).stdout)
    assert (first["added"], first["rejected"]) == (981, 0)
    assert first["events"]["added"] == 900
    again = json.loads(run(*arguments).stdout)
    assert (again["added"], again["unchanged"]) == (0, 981)


def test_for_prints_items_with_reasons(settings: RecommendSettings) -> None:
    found = run("for", "u0002", "-n", "4", f"--home={settings.home}", "--json")
    answer = json.loads(found.stdout)
    assert len(answer["items"]) == 4
    assert all({"item_id", "score", "reasons"} <= set(item) for item in answer["items"])
    text = run("for", "u0002", f"--home={settings.home}").stdout
    assert "because you watched" in text
    assert "fallback: recent_popular" in run("for", "new", f"--home={settings.home}").stdout


def test_evaluate_prints_the_contract(site: Site, tmp_path: Path) -> None:
    arguments = [
        "evaluate",
        f"--events={site.folder / 'events.csv.gz'}",
        "--protocol=leave-one-out",
        "--budget-minutes=0.05",
        f"--home={tmp_path}",
    ]
    found = json.loads(run(*arguments, "--json").stdout)
    assert found["protocol"] == "leave-one-out"
    assert (found["n_users"], found["n_items"]) == (40, 80)
    wanted = {"tripod", "popular", "recent_popular", "item_knn", "next_item_knn", "ease", "ials"}
    assert wanted <= set(found["models"])
    for row in found["models"].values():
        assert {"hr", "ndcg", "mrr", "coverage", "novelty", "seconds"} <= set(row)
    assert "95 % interval" in run(*arguments).stdout


def test_evaluate_uses_item_texts(settings: RecommendSettings, site: Site) -> None:
    found = run(
        "evaluate",
        f"--events={site.folder / 'events.csv.gz'}",
        f"--items={site.folder / 'items.jsonl'}",
        "--protocol=temporal",
        "--budget-minutes=0.05",
        f"--home={settings.home}",
        "--json",
    )
    assert json.loads(found.stdout)["protocol"] == "temporal"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("user,item_id,timestamp\na,b,1\n", "user_id"),
        ("user_id,item_id,timestamp\na,b,soon\n", "line 2"),
        ("user_id,item_id,timestamp\n,b,1\n", "line 2"),
        ("", "empty"),
    ],
)
def test_bad_files_end_with_status_two_and_the_place(
    tmp_path: Path, content: str, message: str
) -> None:
    path = tmp_path / "events.csv"
    path.write_text(content, encoding="utf-8")
    found = run("evaluate", f"--events={path}", f"--home={tmp_path}", "--json")
    assert found.exit_code == 2
    assert found.stdout == ""
    assert message in found.stderr


def test_other_column_names_can_be_given(tmp_path: Path) -> None:
    path = tmp_path / "log.tsv"
    rows = [
        f"u{user}\ti{(user + step) % 7}\t{user * 10 + step}"
        for user in range(9)
        for step in range(5)
    ]
    path.write_text("who\twhat\twhen\n" + "\n".join(rows) + "\n", encoding="utf-8")
    columns = ["--user-column=who", "--item-column=what", "--timestamp-column=when"]
    common = [f"--events={path}", f"--home={tmp_path}", "--json", *columns]
    assert json.loads(run("import", *common).stdout)["added"] == 45
    report = json.loads(run("evaluate", *common, "--budget-minutes=0.05").stdout)
    assert report["n_users"] == 9


def test_nothing_to_import_and_no_model_are_told(tmp_path: Path, site: Site) -> None:
    assert run("import", f"--home={tmp_path}").exit_code == 2
    found = run(
        "evaluate",
        f"--events={site.folder / 'events.csv.gz'}",
        f"--items={site.folder / 'items.jsonl'}",
        f"--home={tmp_path}",
    )
    assert found.exit_code == 1
    assert "tripod recommend train" in found.stderr


@pytest.mark.slow
def test_train_makes_both_models(
    tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRIPOD_RECOMMEND_SAMPLES", str(site.folder))
    found = run("train", "--budget-minutes=0.3", "--seed=1", f"--home={tmp_path}", "--json")
    answer = json.loads(found.stdout)
    assert answer["version"]
    assert answer["metrics"]["ndcg_at_10"] > answer["metrics"]["popular_ndcg"]
    assert answer["text_metrics"]["ndcg_at_10"] > 0.3
    text = run("for", "nobody", f"--home={tmp_path}", "--json")
    assert json.loads(text.stdout)["fallback_applied"] == "newest"
