from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from core.web.sessions import Sessions

NOW = datetime(2026, 5, 1, tzinfo=UTC)


@given(account=st.text(max_size=30), minutes=st.integers(1, 10_000))
def test_a_cookie_carries_its_session_until_it_expires(account: str, minutes: int) -> None:
    sessions = Sessions(b"secret")
    cookie = sessions.issue(
        account=account, stamp="abc", now=NOW, lifetime=timedelta(minutes=minutes)
    )

    session = sessions.read(cookie, now=NOW)

    assert session is not None
    assert (session.account, session.stamp) == (account, "abc")
    assert sessions.read(cookie, now=NOW + timedelta(minutes=minutes)) is None
    assert sessions.csrf_valid(session, sessions.csrf_token(session))


@given(cookie=st.text(max_size=200))
def test_what_was_not_issued_here_is_nothing(cookie: str) -> None:
    assert Sessions(b"secret").read(cookie, now=NOW) is None


@given(position=st.integers(0, 10_000), letter=st.sampled_from("Aa0-_.="))
def test_a_changed_cookie_is_nothing(position: int, letter: str) -> None:
    sessions = Sessions(b"secret")
    cookie = sessions.issue(account="admin", stamp="abc", now=NOW)
    place = position % len(cookie)
    changed = cookie[:place] + letter + cookie[place + 1 :]

    assert changed == cookie or sessions.read(changed, now=NOW) is None


def test_another_secret_reads_nothing() -> None:
    cookie = Sessions(b"one").issue(account="admin", stamp="abc", now=NOW)

    assert Sessions(b"two").read(cookie, now=NOW) is None


def test_csrf_tokens_belong_to_one_session() -> None:
    sessions = Sessions(b"secret")
    first, second = (
        sessions.read(sessions.issue(account="admin", stamp="s", now=NOW), now=NOW)
        for _ in range(2)
    )
    assert first is not None
    assert second is not None

    assert not sessions.csrf_valid(first, sessions.csrf_token(second))
    assert not sessions.csrf_valid(first, "不")
