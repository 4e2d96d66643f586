"""The example tree and the rules of https://prometheus.io/docs/alerting/latest/configuration/."""

from dataclasses import replace
from datetime import timedelta

import pytest

from core.alerting.matchers import parse
from core.alerting.routing import InhibitRule, Receiver, Route, Routing, destinations
from core.alerting.silences import inhibited_by
from core.errors import BadInput

NAMES = ("default-receiver", "database-pager", "frontend-pager", "dev-pager", "on-call-pager")
DOCUMENTED = Routing(
    root=Route(
        receiver="default-receiver",
        group_wait=timedelta(seconds=30),
        group_interval=timedelta(minutes=5),
        group_by=("cluster", "alertname"),
        routes=(
            Route(
                receiver="database-pager",
                group_wait=timedelta(seconds=10),
                matchers=parse('service=~"mysql|cassandra"'),
            ),
            Route(
                receiver="frontend-pager",
                group_by=("product", "environment"),
                matchers=parse('team="frontend"'),
            ),
            Route(
                receiver="dev-pager",
                matchers=parse('service="inhouse-service"'),
                continues=True,
            ),
            Route(receiver="on-call-pager", matchers=parse('service="inhouse-service"')),
        ),
    ),
    receivers=tuple(Receiver(name=name, channels=("log",)) for name in NAMES),
)


@pytest.mark.parametrize(
    ("labels", "receivers"),
    [
        ({"service": "mysql"}, ["database-pager"]),
        ({"service": "cassandra", "team": "frontend"}, ["database-pager"]),
        ({"team": "frontend"}, ["frontend-pager"]),
        ({"service": "inhouse-service"}, ["dev-pager", "on-call-pager"]),
        ({"service": "other"}, ["default-receiver"]),
        ({}, ["default-receiver"]),
    ],
)
def test_the_documented_tree(labels: dict[str, str], receivers: list[str]) -> None:
    found = destinations(DOCUMENTED, labels)
    assert [destination.receiver.name for destination in found] == receivers


def test_children_inherit_what_they_do_not_set() -> None:
    [database] = destinations(DOCUMENTED, {"service": "mysql", "cluster": "a", "alertname": "Down"})
    assert database.group_wait == timedelta(seconds=10)
    assert database.group_interval == timedelta(minutes=5)
    assert database.group_labels == {"alertname": "Down", "cluster": "a"}
    [frontend] = destinations(DOCUMENTED, {"team": "frontend", "product": "shop"})
    assert frontend.group_labels == {"product": "shop"}
    assert frontend.group_wait == timedelta(seconds=30)


def test_group_keys_have_alertmanagers_form() -> None:
    [database] = destinations(DOCUMENTED, {"service": "mysql", "cluster": "a", "alertname": "Down"})
    path = r'{}/{service=~"mysql|cassandra"}'
    assert database.group_key == path + ':{alertname="Down", cluster="a"}'


def test_a_matching_child_is_searched_before_its_parent_takes_the_alert() -> None:
    deep = Route(
        receiver="b",
        matchers=parse("team=x"),
        routes=(Route(receiver="c", matchers=parse("severity=critical")),),
    )
    routing = Routing(
        root=Route(receiver="a", routes=(deep,)),
        receivers=tuple(Receiver(name=name, channels=()) for name in "abc"),
    )
    taken = [
        destinations(routing, labels)[0].receiver.name
        for labels in ({"team": "x", "severity": "critical"}, {"team": "x"}, {"team": "y"})
    ]
    assert taken == ["c", "b", "a"]


def test_all_labels_group_each_alert_by_itself() -> None:
    routing = Routing(
        root=Route(receiver="a", group_by=("...",)), receivers=(Receiver(name="a", channels=()),)
    )
    keys = {destinations(routing, {"company": name})[0].group_key for name in ("acme", "globex")}
    assert len(keys) == 2


def test_no_grouping_labels_put_all_into_one_group() -> None:
    root = replace(DOCUMENTED.root, group_by=(), routes=())
    routing = replace(DOCUMENTED, root=root)
    keys = {destinations(routing, {"company": name})[0].group_key for name in ("acme", "globex")}
    assert keys == {"{}:{}"}


@pytest.mark.parametrize(
    ("root", "message"),
    [
        (Route(), "needs a receiver"),
        (Route(receiver="default-receiver", matchers=parse("a=b")), "every alert"),
        (Route(receiver="nobody"), "nobody"),
        (Route(receiver="default-receiver", routes=(Route(receiver="gone"),)), "gone"),
    ],
)
def test_a_tree_that_cannot_work_is_refused(root: Route, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        replace(DOCUMENTED, root=root)


CRITICAL = {"severity": "critical", "cluster": "a", "alertname": "Down"}
RULE = InhibitRule(
    source=parse("severity=critical"),
    target=parse('severity=~"warning|info"'),
    equal=("cluster", "zone"),
)


@pytest.mark.parametrize(
    ("labels", "inhibited"),
    [
        ({"severity": "warning", "cluster": "a"}, True),
        ({"severity": "warning", "cluster": "b"}, False),
        ({"severity": "warning"}, False),
        ({"severity": "warning", "cluster": "a", "zone": ""}, True),
        ({"severity": "warning", "cluster": "a", "zone": "z"}, False),
        ({"severity": "critical", "cluster": "a"}, False),
    ],
)
def test_inhibition_needs_equal_labels_and_missing_ones_are_empty(
    labels: dict[str, str], inhibited: bool
) -> None:
    assert (inhibited_by([RULE], labels, {"1": CRITICAL}) == "1") is inhibited


def test_alerts_on_both_sides_do_not_inhibit_each_other_or_themselves() -> None:
    rule = InhibitRule(source=parse("a=1"), target=parse("b=1"))
    both = {"a": "1", "b": "1"}
    assert inhibited_by([rule], both, {"self": both, "twin": both}) is None
    assert inhibited_by([rule], both, {"self": both, "source": {"a": "1"}}) == "source"
