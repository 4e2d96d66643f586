from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from core.database import transaction
from core.web import store
from tests.core.web.conftest import METADATA, TABLES

NOW = datetime(2026, 5, 1, 12, 30, tzinfo=UTC)


@pytest.fixture
def database(engine: Engine) -> Engine:
    METADATA.create_all(engine)
    return engine


def test_keys(database: Engine) -> None:
    with transaction(database) as connection:
        arguments = {"hint": "tpd_abcd", "scopes": ["b", "a"], "now": NOW}
        assert store.insert_key(connection, TABLES, key_sha256="1", name="one", **arguments)
        assert not store.insert_key(connection, TABLES, key_sha256="2", name="one", **arguments)

        found = store.find_key(connection, TABLES, key_sha256="1")
        assert found == store.StoredKey("one", "tpd_abcd", frozenset("ab"), NOW, None)

        assert store.revoke_key(connection, TABLES, name="one", now=NOW)
        assert not store.revoke_key(connection, TABLES, name="one", now=NOW)
        assert store.find_key(connection, TABLES, key_sha256="1") is None
        assert [key.revoked_at for key in store.list_keys(connection, TABLES)] == [NOW]


def test_accounts(database: Engine) -> None:
    with transaction(database) as connection:
        assert store.insert_account(
            connection, TABLES, name="admin", password_argon2="x", scopes=["*"], now=NOW
        )
        assert not store.insert_account(
            connection, TABLES, name="admin", password_argon2="y", scopes=[], now=NOW
        )
        assert store.set_password(connection, TABLES, name="admin", password_argon2="z")
        found = store.find_account(connection, TABLES, name="admin")

    assert found == store.StoredAccount("admin", "z", frozenset("*"))


def test_one_of_two_goes_on_with_a_request_whose_process_died(database: Engine) -> None:
    with transaction(database) as connection:
        assert store.begin_answer(connection, TABLES, key_sha256="k", request_sha256="r", now=NOW)
        assert not store.begin_answer(
            connection, TABLES, key_sha256="k", request_sha256="r", now=NOW
        )
        later = NOW + timedelta(minutes=2)
        taken = [
            store.take_over_answer(connection, TABLES, key_sha256="k", seen=NOW, now=later)
            for _ in range(2)
        ]

    assert taken == [True, False]


def test_old_answers_go(database: Engine) -> None:
    with transaction(database) as connection:
        for key, age in (("old", 25), ("young", 1)):
            store.begin_answer(
                connection,
                TABLES,
                key_sha256=key,
                request_sha256="r",
                now=NOW - timedelta(hours=age),
            )
        before = NOW - timedelta(hours=24)
        assert store.drop_answers_before(connection, TABLES, before=before) == 1
        assert store.find_answer(connection, TABLES, key_sha256="young") is not None
