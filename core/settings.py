"""Settings that every part shares, read from the environment when they are built.

An application subclasses `CoreSettings` and gives its own prefix; the fields here keep theirs:

    class SupportSettings(CoreSettings):
        model_config = SettingsConfigDict(env_prefix="TRIPOD_SUPPORT_")

        database_url: str = "sqlite:///{home}/support/support.db"

`{home}` in any text setting stands for the home folder. `SupportSettings(home=folder)` sets the
home by hand, as commands with `--home` do.
"""

from pathlib import Path
from typing import Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class CoreSettings(BaseSettings):
    """`base_model` is a hub id or a folder; empty means the one that Tripod ships.

    `broker_url` is empty for the in-process queue. `rate_per_second` and `rate_burst` bound the
    requests of one API key to one process.
    """

    model_config = SettingsConfigDict(populate_by_name=True, extra="ignore", frozen=True)

    home: Path = Field(
        default_factory=lambda: Path.home() / ".tripod", validation_alias="TRIPOD_HOME"
    )
    base_model: str = Field(default="", validation_alias="TRIPOD_BASE_MODEL")
    broker_url: str = Field(default="", validation_alias="TRIPOD_BROKER_URL")
    rate_per_second: float = Field(default=1000.0, gt=0, validation_alias="TRIPOD_RATE_PER_SECOND")
    rate_burst: int = Field(default=2000, gt=0, validation_alias="TRIPOD_RATE_BURST")

    @field_validator("home")
    @classmethod
    def _absolute(cls, home: Path) -> Path:
        return home.expanduser().absolute()

    @model_validator(mode="after")
    def _fill_home(self) -> Self:
        for name in type(self).model_fields:
            value = getattr(self, name)
            if isinstance(value, str) and "{home}" in value:
                object.__setattr__(self, name, value.replace("{home}", str(self.home)))
        return self

    @property
    def vault_path(self) -> Path:
        """The key ring for `core.crypto.Vault.open`."""
        return self.home / "secrets" / "vault.json"
