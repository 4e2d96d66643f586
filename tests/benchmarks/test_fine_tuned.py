from pathlib import Path

from core.models.registry import Registry
from core.rows import write_rows
from core.training.labelled_file import TrainRequest
from tests.benchmarks.fine_tuned import fine_tuned
from tests.benchmarks.systems import System


def test_a_refused_text_is_wrong_as_served_and_answered_besides(
    tiny_base: Path, tmp_path: Path
) -> None:
    rows = [{"text": f"refund order {n}", "label": "returns"} for n in range(12)]
    rows += [{"text": f"gift card {n}", "label": "payment"} for n in range(8)]
    write_rows(tmp_path / "train.csv", rows)
    unread = [{"text": "退货", "label": "returns"}, {"text": "礼品", "label": "payment"}]
    write_rows(tmp_path / "test.csv", [rows[0], rows[-1], *unread])
    system = System("tripod", str(tiny_base), Registry(tmp_path / "registry"))
    request = TrainRequest(
        tmp_path / "train.csv", evaluation=tmp_path / "test.csv", method="linear"
    )
    found = fine_tuned("shop", [system], request, longer_than=2)
    run = found["runs"]["tripod"]  # type: ignore[index]
    assert (found["train"], found["n"], found["majority_share"]) == (20, 4, 0.5)
    assert run["refused_share"] == 0.5
    assert run["accuracy"] <= 0.5
    assert run["answering_all"]["accuracy"] == run["accuracy"] + 0.25
    assert run["answering_all, over 2 characters"]["n"] == 2
