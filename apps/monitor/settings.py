"""Settings of the news monitor; environment variables start with `TRIPOD_MONITOR_`."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from core.settings import CoreSettings

SAMPLES = Path(__file__).parents[2] / "data" / "monitor"


class MonitorSettings(CoreSettings):
    """`companies` is the file of watched companies, `samples` the folder of sample content.

    `batch` is the number of documents in one transaction of an ingest.
    Mails go out through `smtp_host`, which the e-mail channels need.
    """

    model_config = SettingsConfigDict(env_prefix="TRIPOD_MONITOR_")

    database_url: str = "sqlite:///{home}/monitor/monitor.db"
    companies: Path = SAMPLES / "companies.jsonl"
    samples: Path = SAMPLES
    batch: int = Field(default=256, ge=1, le=10_000)
    external_url: str = ""
    smtp_host: str = ""
    smtp_port: int = 587
    smtp_security: str = Field(default="starttls", pattern="^(tls|starttls|none)$")
    smtp_user: str = ""
    smtp_password: str = ""
    smtp_sender: str = "tripod@localhost"
