"""What the command line promises: every command's name, its options, and the three that all have.

`PROMISED` is the whole contract; commands of it that this edition does not have stand in `LATER`.
The tests fail when one of those appears, and when a command is made that no list names.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.command_tree import commands, options

LABELLED = {"--text-column", "--label-column"}
PROMISED: dict[str, set[str]] = {
    "up": {"--host", "--port"},
    "status": set(),
    "models train": {
        "--data",
        "--eval",
        "--method",
        "--base",
        "--epochs",
        "--seed",
        "--out-of-scope-label",
        "--budget-minutes",
        "--name",
        *LABELLED,
    },
    "models evaluate": {"--data", *LABELLED},
    "models zeroshot": {"--data", "--labels"},
    "models predict": {"--input", "--output", "--text-column"},
    "models encode": {"--input", "--output", "--text-column"},
    "models similarity": {"--data"},
    "models list": set(),
    "models show": set(),
    "models promote": set(),
    "models rollback": set(),
    "models history": set(),
    "models export": set(),
    "models import": set(),
    "models explain": set(),
    "models robustness": set(),
    "models fairness": set(),
    "models distil": set(),
    "models pretrain": set(),
    "support import": set(),
    "support ask": {"--language"},
    "support evaluate": set(),
    "monitor ingest": set(),
    "monitor score": {"--input", "--output"},
    "monitor detect": {"--output"},
    "monitor backtest": {"--documents", "--prices"},
    "monitor alerts": set(),
    "monitor ack": set(),
    "monitor silence": set(),
    "monitor why": set(),
    "monitor rules": set(),
    "recommend import": {"--items", "--users", "--events"},
    "recommend train": {"--budget-minutes", "--seed"},
    "recommend evaluate": {"--events", "--items", "--protocol", "--k", "--budget-minutes"},
    "recommend for": {"-n"},
    "bench encode": {"--data"},
    "bench serve": {"--data"},
    "bench support": {"--data"},
    "bench monitor": {"--data"},
    "bench recommend": {"--data"},
    "bench vectors": {"--data"},
}
LATER = {
    "models zeroshot",
    "models explain",
    "models robustness",
    "models fairness",
    "models pretrain",
    "bench serve",
    "bench vectors",
}
BESIDE = {
    "data simulate",
    "access key",
    "access keys",
    "access revoke",
    "access password",
    "monitor channels list",
    "monitor channels add-webhook",
    "monitor channels add-email",
    "monitor channels remove",
}

FOUND = commands()
EVERYWHERE = {"--home", "--json"}


def test_what_is_promised_is_there_or_named_as_later() -> None:
    assert set(PROMISED) - set(FOUND) == LATER


def test_nothing_is_there_that_no_list_names() -> None:
    assert set(FOUND) - set(PROMISED) == BESIDE


@pytest.mark.parametrize("name", FOUND)
def test_every_command_has_help_and_the_common_options(name: str) -> None:
    command = FOUND[name]
    assert options(command) >= EVERYWHERE
    assert "--help" in command.make_context(name, [], resilient_parsing=True).help_option_names
    assert command.help.strip().endswith("."), "the first line of help is a sentence"


@pytest.mark.parametrize("name", set(FOUND) & set(PROMISED))
def test_a_command_has_the_options_it_promises(name: str) -> None:
    assert PROMISED[name] <= options(FOUND[name])


def run(*arguments: str, home: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "apps.cli", *arguments, "--home", str(home)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_json_is_one_object_and_nothing_else(tmp_path: Path) -> None:
    done = run("models", "list", "--json", home=tmp_path)
    assert done.returncode == 0
    assert json.loads(done.stdout) == {"models": []}
    assert done.stderr == ""


def test_bad_input_ends_with_2_and_names_the_place_and_the_remedy(tmp_path: Path) -> None:
    table = tmp_path / "texts.csv"
    table.write_text("message,label\nhello,greeting\n", encoding="utf-8")
    done = run("models", "train", "--data", str(table), home=tmp_path / "home")
    assert done.returncode == 2
    assert done.stdout == ""
    assert "texts.csv" in done.stderr
    assert "text" in done.stderr
    assert "Traceback" not in done.stderr


def test_wrong_use_ends_with_2(tmp_path: Path) -> None:
    assert run("models", "train", home=tmp_path).returncode == 2
    assert run("models", "nosuchcommand", home=tmp_path).returncode == 2


def test_a_failure_ends_with_1(tmp_path: Path, tiny_artefact: Path) -> None:
    copy = tmp_path / "registry" / "artefacts" / tiny_artefact.name
    shutil.copytree(tiny_artefact, copy)
    (copy / "model.safetensors").write_bytes(b"broken")
    done = run("models", "show", tiny_artefact.name, home=tmp_path)
    assert done.returncode == 1
    assert "model.safetensors" in done.stderr
    assert "Traceback" not in done.stderr
