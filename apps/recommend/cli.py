"""`tripod recommend`: import, train, evaluate, and ask for recommendations."""

from core.commands import group

app = group(
    "Recommendations for the users of a video site or shop.",
    lazy={"evaluate": "apps.recommend.evaluate_cli:app"},
)


@app.callback()
def _root() -> None:
    """Recommendations for the users of a video site or shop."""
