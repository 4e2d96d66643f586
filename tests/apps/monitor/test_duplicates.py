import itertools
from datetime import timedelta

from apps.monitor.duplicates import WINDOW, Printed, Stories, fingerprints, resembling_groups
from tests.apps.monitor.news import START

ORIGINAL = "Acme Steel cuts full-year guidance even as revenue hits a record of $3.2 billion"
COPIES = (
    "UPDATE 1-Acme Steel cuts full-year guidance even as revenue hits a record of $3.2 billion",
    "ACME STEEL CUTS FULL-YEAR GUIDANCE EVEN AS REVENUE HITS A RECORD OF $3.2 BILLION - sources",
    "Acme Steel cuts full-year guidance even as revenue hits a record of $3.3 billion",
)


def printed(title: str, minutes: float, *, companies: str = "acme", name: str = "") -> Printed:
    return Printed(
        name or f"{minutes:g}",
        START + timedelta(minutes=minutes),
        fingerprints([title])[0],
        frozenset(companies.split()),
    )


def test_copies_join_the_story_of_the_first_print() -> None:
    stories = Stories()
    assert stories.place(printed(ORIGINAL, 0)).story_id == "0"
    for minute, copy in enumerate(COPIES, start=1):
        assert stories.place(printed(copy, minute)).story_id == "0"


def test_the_same_words_on_another_company_are_another_story() -> None:
    stories = Stories()
    stories.place(printed("Acme Steel to publish first-quarter results on Monday", 0))
    other = printed("Borea Bank to publish first-quarter results on Monday", 1, companies="borea")
    assert stories.place(other).story_id == "1"


def test_the_same_headline_much_later_is_another_story() -> None:
    stories = Stories()
    stories.place(printed(ORIGINAL, 0))
    late = WINDOW.total_seconds() / 60 + 1
    assert stories.place(printed(ORIGINAL, late)).story_id != "0"


def test_an_earlier_print_that_arrives_late_takes_the_story_over() -> None:
    stories = Stories()
    stories.place(printed(ORIGINAL, 10))
    placement = stories.place(printed(COPIES[0], 3))
    assert (placement.story_id, placement.absorbed) == ("3", ("10",))


def test_stories_do_not_depend_on_the_order_of_arrival() -> None:
    documents = [
        printed(title, minute, name=f"{title[:4]}-{minute}")
        for minute, title in enumerate((ORIGINAL, *COPIES, "Acme Steel wins an order for rails"))
    ]
    found = set()
    for order in itertools.islice(itertools.permutations(documents), 0, None, 7):
        stories = Stories()
        members: dict[str, str] = {}
        for document in order:
            placement = stories.place(document)
            members = {
                name: placement.story_id if story in placement.absorbed else story
                for name, story in members.items()
            }
            members[document.id] = placement.story_id
        found.add(tuple(sorted(members.items())))
    assert len(found) == 1


def test_forgotten_documents_are_not_found_again() -> None:
    stories = Stories()
    stories.place(printed(ORIGINAL, 0))
    stories.forget(before=START + timedelta(minutes=1))
    assert stories.place(printed(COPIES[0], 2)).story_id == "2"


def test_chinese_copies_are_found() -> None:
    stories = Stories()
    stories.place(printed("极点钢铁下调全年业绩指引,尽管收入创纪录", 0))
    assert (
        stories.place(printed("快讯:极点钢铁下调全年业绩指引,尽管收入创下纪录", 1)).story_id == "0"
    )


def test_groups_of_alike_texts() -> None:
    assert len(set(resembling_groups([ORIGINAL, *COPIES, "Something else"], threshold=0.6))) == 2
