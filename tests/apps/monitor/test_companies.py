from pathlib import Path

import pytest

from apps.monitor.companies import Dictionary, read_companies
from core.errors import BadInput
from tests.apps.monitor.news import COMPANIES


@pytest.fixture
def dictionary() -> Dictionary:
    return Dictionary(COMPANIES)


def found(dictionary: Dictionary, title: str, body: str = "") -> dict[str, int]:
    return {each.company_id: each.relevance for each in dictionary.find(title, body)}


def test_the_first_company_of_a_headline_is_its_subject(dictionary: Dictionary) -> None:
    assert found(dictionary, "Acme Steel sues Borea Bank") == {"acme": 100, "borea": 70}


@pytest.mark.parametrize(
    "title",
    ["Acme Steelhead trout on sale", "MyACMS beats yours", "acms is no ticker", "XAcme Steel"],
)
def test_a_name_inside_another_word_is_no_mention(dictionary: Dictionary, title: str) -> None:
    assert found(dictionary, title) == {}


@pytest.mark.parametrize(
    "title", ["$ACMS up 3%", "ACMS: target raised", "极点钢铁业绩下滑", "ACME STEEL falls"]
)
def test_tickers_capitals_and_chinese_names_are_found(dictionary: Dictionary, title: str) -> None:
    assert found(dictionary, title) == {"acme": 100}


def test_an_ambiguous_name_needs_context(dictionary: Dictionary) -> None:
    assert found(dictionary, "Apex of the mountain reached") == {}
    assert found(dictionary, "the apex of robots") == {}
    assert found(dictionary, "Apex sells more robots") == {"apex": 100}
    assert found(dictionary, "Apex gains", "Shares of Apex Robotics rose.") == {"apex": 100}


def test_the_longest_name_counts_once(dictionary: Dictionary) -> None:
    mentions = dictionary.find("Acme Steelworks closes a mill")
    assert [each.spellings for each in mentions] == [("Acme Steelworks",)]


def test_a_body_alone_gives_a_passing_mention(dictionary: Dictionary) -> None:
    body = "Prices rose. " + "Acme Steel said so. " * 30
    assert found(dictionary, "Prices rise", body) == {"acme": 69}
    assert found(dictionary, "Prices rise", "They rose. Acme Steel did not.") == {"acme": 20}


def test_letters_whose_lower_case_is_longer_do_not_shift_positions(dictionary: Dictionary) -> None:
    assert found(dictionary, "İİİİ Acme Steel rises") == {"acme": 100}


def test_a_company_file_may_be_csv(tmp_path: Path) -> None:
    file = tmp_path / "companies.csv"
    file.write_text("id,name_en,aliases_en\nx,Xeno,Xeno Inc;Xeno Group\n", encoding="utf-8")
    assert read_companies(file)[0].aliases_en == ("Xeno Inc", "Xeno Group")


def test_an_id_that_stands_twice_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "companies.csv"
    file.write_text("id,name_en\nx,Xeno\nx,Yeno\n", encoding="utf-8")
    with pytest.raises(BadInput, match="line 3"):
        read_companies(file)
