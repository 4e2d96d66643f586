"""Settings of the support app (environment prefix `TRIPOD_SUPPORT_`)."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from core.settings import CoreSettings


class SupportSettings(CoreSettings):
    """`order_number_pattern` finds the shop's order numbers in a message, whatever its case;
    dashes and spaces in what it matches do not count. `max_text_bytes` bounds one message.
    Alerts go to the log, and to `webhook_url` where it is set (signed with `webhook_secret`).
    """

    model_config = SettingsConfigDict(env_prefix="TRIPOD_SUPPORT_")

    database_url: str = "sqlite:///{home}/support/support.db"
    order_number_pattern: str = r"[A-Z]{2}[- ]?\d{6}"
    max_text_bytes: int = Field(default=16_384, gt=0)
    refresh_seconds: float = Field(default=1.0, gt=0)
    alert_seconds: float = Field(default=30.0, gt=0)
    webhook_url: str = ""
    webhook_secret: str = ""
