"""Bands, actions and calibration."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.support.calibration import Logistic, expected_calibration_error, fit_logistic
from apps.support.decision import Action, Bands, Candidate, Reason, choose_action, fit_bands
from core.errors import ArtefactCorrupt

BANDS = Bands(answer=0.8, choose=0.4)


@pytest.mark.parametrize(
    ("confidence", "outside", "expected"),
    [
        (0.8, 0.9, (Action.ANSWER, Reason.CONFIDENT)),
        (0.79, 0.0, (Action.CHOOSE, Reason.SEVERAL_POSSIBLE)),
        (0.4, 0.0, (Action.CHOOSE, Reason.SEVERAL_POSSIBLE)),
        (0.39, 0.6, (Action.HANDOVER, Reason.OUT_OF_SCOPE)),
        (0.39, 0.4, (Action.HANDOVER, Reason.NOT_SURE)),
    ],
)
def test_the_best_confidence_decides(
    confidence: float, outside: float, expected: tuple[Action, Reason]
) -> None:
    candidates = [Candidate("a", "A?", confidence), Candidate("b", "B?", 0.1)]
    assert choose_action(candidates, bands=BANDS, out_of_scope=outside) == expected


def test_without_articles_everything_is_handed_over() -> None:
    found = choose_action([], bands=BANDS, out_of_scope=0.0)
    assert found == (Action.HANDOVER, Reason.NO_ARTICLES)


@given(
    rows=st.lists(
        st.tuples(st.floats(0.0, 1.0), st.booleans(), st.booleans()), min_size=1, max_size=60
    ),
    target=st.floats(0.5, 1.0),
)
def test_bands_reach_their_precision_where_they_are_fitted(
    rows: list[tuple[float, bool, bool]], target: float
) -> None:
    confidence = np.array([row[0] for row in rows])
    right = np.array([row[1] for row in rows])
    in_three = right | np.array([row[2] for row in rows])
    bands = fit_bands(
        confidence,
        right=right,
        right_in_three=in_three,
        answer_precision=target,
        choose_precision=target,
    )
    answered = confidence >= bands.answer
    offered = ~answered & (confidence >= bands.choose)
    assert bands.choose <= bands.answer
    if answered.any():
        assert right[answered].mean() >= target - 1e-9
    if offered.any():
        assert in_three[offered].mean() >= target - 1e-9


def test_logistic_learns_which_scores_are_right() -> None:
    source = np.random.default_rng(0)
    features = source.normal(size=(400, 2))
    probability = 1 / (1 + np.exp(-(2 * features[:, 0] - 1)))
    right = source.random(400) < probability
    fitted = fit_logistic(features, right)
    found = fitted.probability(features)
    assert np.abs(found - probability).mean() < 0.05
    assert expected_calibration_error(found, right) < 0.08
    assert Logistic.from_json(fitted.as_json()) == fitted


def test_classes_that_can_be_separated_give_finite_weights() -> None:
    fitted = fit_logistic(np.array([[0.0], [1.0]] * 20), np.array([False, True] * 20))
    assert np.isfinite(fitted.weights).all()
    low, high = fitted.probability(np.array([[0.0], [1.0]]))
    assert low < 0.2 < 0.8 < high


@given(st.lists(st.floats(-1e9, 1e9), min_size=2, max_size=2))
def test_any_score_gives_a_probability(row: list[float]) -> None:
    logistic = Logistic((0.0, 0.0), (1.0, 1.0), (3.0, -2.0), 0.5)
    assert 0.0 <= logistic.probability(np.array([row]))[0] <= 1.0


@pytest.mark.parametrize(
    "body", [None, {}, {"mean": [1], "scale": [1, 2], "weights": [1], "bias": 0}, {"mean": "x"}]
)
def test_a_broken_calibration_is_refused(body: object) -> None:
    with pytest.raises(ArtefactCorrupt):
        Logistic.from_json(body)  # type: ignore[arg-type]


def test_calibration_error_of_a_sure_but_wrong_judge_is_one() -> None:
    assert expected_calibration_error(np.ones(4), np.zeros(4, dtype=bool)) == 1.0
    assert expected_calibration_error(np.zeros(0), np.zeros(0, dtype=bool)) == 0.0
