"""The command `tripod`: one group per app, one for the core's models, and the server."""

import os

from core.commands import group
from core.logs import configure

app = group(
    "Tripod: support, monitor and recommend on one fine-tuned language-model core.",
    lazy={
        "up": "apps.server_cli:up",
        "status": "apps.server_cli:status",
        "models": "core.models.cli:app",
        "support": "apps.support.cli:app",
        "monitor": "apps.monitor.cli:app",
        "recommend": "apps.recommend.cli:app",
        "data": "apps.data_cli:app",
        "access": "apps.access_cli:app",
        "bench": "apps.bench_cli:app",
    },
)


@app.callback()
def _root() -> None:
    """Tripod: support, monitor and recommend on one fine-tuned language-model core."""


def main() -> None:
    # Threads of a training that spin while they wait slow each other down on cores that are shared.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    configure(level="WARNING")
    app(prog_name="tripod")


if __name__ == "__main__":
    main()
