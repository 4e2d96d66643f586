import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.crypto import Vault, write_once
from core.errors import ArtefactCorrupt


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "secrets" / "vault.json"


@given(text=st.text(st.characters(exclude_categories=["Cs"])))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_sealed_opens(path: Path, text: str) -> None:
    vault = Vault.open(path)

    assert vault.unseal(vault.seal(text)) == text


def test_the_ring_is_private_and_stays(path: Path) -> None:
    sealed = Vault.open(path).seal("李雷，上海市")

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "李雷" not in sealed
    assert Vault.open(path).unseal(sealed) == "李雷，上海市"


def test_after_a_rotation_old_and_new_open(path: Path) -> None:
    before = Vault.open(path)
    old = before.seal("old")
    after = before.rotate()
    new = after.seal("new")

    reopened = Vault.open(path)
    assert (reopened.unseal(old), reopened.unseal(new)) == ("old", "new")
    with pytest.raises(ArtefactCorrupt):
        before.unseal(new)


def test_fingerprints_are_equal_for_equal_texts_and_survive_rotation(path: Path) -> None:
    vault = Vault.open(path)

    assert vault.fingerprint("a@b.cn") == vault.rotate().fingerprint("a@b.cn")
    assert vault.fingerprint("a@b.cn") != vault.fingerprint("a@b.com")


def test_tampered_text_does_not_open(path: Path) -> None:
    vault = Vault.open(path)
    sealed = vault.seal("secret")

    with pytest.raises(ArtefactCorrupt):
        vault.unseal(sealed[:-4] + "AAAA")


def test_a_damaged_ring_is_named(path: Path) -> None:
    Vault.open(path)
    path.write_text("{}")

    with pytest.raises(ArtefactCorrupt, match=r"vault\.json"):
        Vault.open(path)


def test_many_that_race_get_the_same_secret(tmp_path: Path) -> None:
    path = tmp_path / "secret"

    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda number: write_once(path, f"secret {number}"), range(40)))

    assert len(found) == 1
    assert [entry.name for entry in tmp_path.iterdir()] == ["secret"]
