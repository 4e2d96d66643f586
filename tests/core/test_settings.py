from pathlib import Path

import pytest
from pydantic import ValidationError
from pydantic_settings import SettingsConfigDict

from core.settings import CoreSettings


class ShopSettings(CoreSettings):
    model_config = SettingsConfigDict(env_prefix="TRIPOD_SHOP_")

    database_url: str = "sqlite:///{home}/shop/shop.db"
    seats: int = 3


def test_an_application_keeps_the_shared_names_and_adds_its_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TRIPOD_HOME", str(tmp_path))
    monkeypatch.setenv("TRIPOD_BASE_MODEL", "some/base")
    monkeypatch.setenv("TRIPOD_SHOP_SEATS", "7")

    settings = ShopSettings()

    assert settings.home == tmp_path
    assert settings.base_model == "some/base"
    assert settings.seats == 7
    assert settings.database_url == f"sqlite:///{tmp_path}/shop/shop.db"


def test_the_home_of_the_command_line_wins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TRIPOD_HOME", "/elsewhere")

    assert ShopSettings(home=tmp_path).database_url == f"sqlite:///{tmp_path}/shop/shop.db"


def test_home_is_absolute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRIPOD_HOME", "~/tripod")

    assert CoreSettings().home == Path.home() / "tripod"


def test_a_wrong_value_names_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRIPOD_RATE_PER_SECOND", "0")

    with pytest.raises(ValidationError, match="TRIPOD_RATE_PER_SECOND"):
        CoreSettings()
