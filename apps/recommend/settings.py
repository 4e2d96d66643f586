"""Settings of the recommendation app; environment names begin with TRIPOD_RECOMMEND_."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from core.settings import CoreSettings


class RecommendSettings(CoreSettings):
    """`history_events` are the latest events of a user that a request looks at.

    `trend_days` is the window of recent popularity. The stream counts as silent after
    `silent_minutes` without an event, the ranker as stale after `stale_days` without a training.
    """

    model_config = SettingsConfigDict(env_prefix="TRIPOD_RECOMMEND_")

    database_url: str = "sqlite:///{home}/recommend/recommend.db"
    history_events: int = Field(default=300, gt=0)
    trend_days: float = Field(default=14.0, gt=0)
    silent_minutes: float = Field(default=60.0, gt=0)
    stale_days: float = Field(default=30.0, gt=0)
