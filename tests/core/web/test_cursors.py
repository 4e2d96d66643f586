import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from core.errors import BadInput
from core.web.cursors import decode_cursor, encode_cursor
from tests.core.web.conftest import ITEMS


@given(text=st.text(st.characters(exclude_categories=["Cs"])), number=st.integers())
def test_a_position_comes_back(text: str, number: int) -> None:
    cursor = encode_cursor("list", [text, number])

    assert decode_cursor("list", cursor, types=(str, int)) == [text, number]


@given(cursor=st.text(max_size=100))
def test_anything_else_is_bad_input(cursor: str) -> None:
    with pytest.raises(BadInput, match="cursor"):
        decode_cursor("list", cursor, types=(str,))


@pytest.mark.parametrize("wrong", [["other", 1], ["list", "1"], ["list", 1, 2], ["list", True]])
def test_a_cursor_of_another_list_is_bad_input(wrong: list[str | int]) -> None:
    cursor = encode_cursor(str(wrong[0]), list(wrong[1:]))

    with pytest.raises(BadInput):
        decode_cursor("list", cursor, types=(int,))


def test_pages_give_every_item_once(client: TestClient, reader: dict[str, str]) -> None:
    seen: list[str] = []
    cursor: str | None = None
    while True:
        query = {"limit": "3"} | ({"cursor": cursor} if cursor else {})
        page = client.get("/api/v1/items", params=query, headers=reader).json()
        seen += page["items"]
        cursor = page["cursor"]
        if cursor is None:
            break

    assert seen == ITEMS


@pytest.mark.parametrize("query", [{"cursor": "%%%"}, {"limit": "0"}, {"limit": "501"}])
def test_wrong_paging_names_the_field(
    client: TestClient, reader: dict[str, str], query: dict[str, str]
) -> None:
    answer = client.get("/api/v1/items", params=query, headers=reader)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == next(iter(query))
