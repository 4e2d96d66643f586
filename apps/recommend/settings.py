"""Settings of the recommendation app (environment prefix `TRIPOD_RECOMMEND_`)."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from core.settings import CoreSettings

SAMPLES = Path(__file__).parents[2] / "data" / "recommend"


class RecommendSettings(CoreSettings):
    """`samples` is the folder of sample content. `history_events` are the latest events of a user
    that a request looks at, `trend_half_life_days` says how fast popularity fades.

    The event stream counts as silent after `silent_minutes` without an event, the ranker as stale
    `stale_days` after its training. Answers are kept for `keep_requests_days`. An import may have
    `import_bytes`. Alerts go to the log, and to `webhook_url` where it is set (signed with
    `webhook_secret`).
    """

    model_config = SettingsConfigDict(env_prefix="TRIPOD_RECOMMEND_")

    database_url: str = "sqlite:///{home}/recommend/recommend.db"
    samples: Path = SAMPLES
    history_events: int = Field(default=300, gt=0)
    trend_half_life_days: float = Field(default=7.0, gt=0)
    silent_minutes: float = Field(default=60.0, gt=0)
    stale_days: float = Field(default=30.0, gt=0)
    keep_requests_days: float = Field(default=30.0, gt=0)
    import_bytes: int = Field(default=256 * 1024 * 1024, gt=0)
    refresh_seconds: float = Field(default=1.0, gt=0)
    alert_seconds: float = Field(default=30.0, gt=0)
    webhook_url: str = ""
    webhook_secret: str = ""
