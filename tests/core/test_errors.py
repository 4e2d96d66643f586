from core.errors import BadInput, DeliveryFailed, Overloaded, PromotionRefused, TripodError


def test_bad_input_says_where_and_what_to_do() -> None:
    error = BadInput(
        "no such column", file="a.csv", line=3, column="label", remedy="name it with --label-column"
    )

    assert str(error) == (
        "a.csv, line 3, column label: no such column (name it with --label-column)"
    )


def test_bad_input_without_a_place_is_its_message() -> None:
    assert str(BadInput("empty")) == "empty"


def test_a_refused_promotion_tells_every_reason() -> None:
    error = PromotionRefused("not promoted", ["accuracy fell", "class x under its floor"])

    assert str(error) == "not promoted; accuracy fell; class x under its floor"
    assert error.reasons == ["accuracy fell", "class x under its floor"]


def test_all_are_one_family() -> None:
    assert isinstance(Overloaded(retry_after=1.0), TripodError)
    assert DeliveryFailed("gone", permanent=True).permanent
