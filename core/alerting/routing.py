"""Which receivers hear of an alert, and in which group: Alertmanager's routing tree."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from core.alerting.matchers import Matcher, all_match
from core.errors import BadInput

ALL_LABELS = ("...",)


@dataclass(frozen=True, kw_only=True)
class Receiver:
    """A name for one or more channels; a channel is a notifier's name at the delivery worker."""

    name: str
    channels: tuple[str, ...]
    send_resolved: bool = True


@dataclass(frozen=True, kw_only=True)
class Route:
    """A node of the tree. What is None is inherited from the parent.

    At the root the defaults are: no grouping beyond the alert itself (`group_by=("...",)`), no
    `group_wait`, no `group_interval`, so that every alert is told at once and by itself.
    """

    receiver: str | None = None
    matchers: tuple[Matcher, ...] = ()
    continues: bool = False
    group_by: tuple[str, ...] | None = None
    group_wait: timedelta | None = None
    group_interval: timedelta | None = None
    routes: tuple["Route", ...] = ()


@dataclass(frozen=True, kw_only=True)
class InhibitRule:
    """While an alert that matches `source` is active, alerts that match `target` are not told,
    provided that both have the same values of all labels in `equal`."""

    source: tuple[Matcher, ...]
    target: tuple[Matcher, ...]
    equal: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Routing:
    """The whole configuration of who is told; raises BadInput for a tree that cannot work."""

    root: Route
    receivers: tuple[Receiver, ...]
    inhibit: tuple[InhibitRule, ...] = ()

    def __post_init__(self) -> None:
        if self.root.matchers:
            raise BadInput("the root route must match every alert", remedy="remove its matchers")
        if self.root.receiver is None:
            raise BadInput("the root route needs a receiver")
        names = [receiver.name for receiver in self.receivers]
        if len(set(names)) != len(names):
            raise BadInput("two receivers have the same name")
        for route in _all_routes(self.root):
            if route.receiver is not None and route.receiver not in names:
                raise BadInput(f"no receiver is named {route.receiver!r}")

    def receiver(self, name: str) -> Receiver:
        return next(receiver for receiver in self.receivers if receiver.name == name)


@dataclass(frozen=True, kw_only=True)
class Destination:
    """Where one alert goes. Alerts with the same `group_key` and receiver share a message."""

    receiver: Receiver
    group_key: str
    group_labels: Mapping[str, str]
    group_wait: timedelta
    group_interval: timedelta


def single(receiver: str, *channels: str) -> Routing:
    """The simplest tree: everything to one receiver."""
    return Routing(
        root=Route(receiver=receiver), receivers=(Receiver(name=receiver, channels=channels),)
    )


def destinations(routing: Routing, labels: Mapping[str, str]) -> tuple[Destination, ...]:
    """The routes that take an alert with `labels`, in the order of the tree.

    Children are tried in turn; the first that matches takes the alert, and with `continues` its
    later siblings are tried as well. A node whose children all pass takes it itself.
    """
    root = _with_defaults(routing.root)
    return tuple(
        _destination(routing, route, path, labels) for route, path in _walk(root, "{}", labels)
    )


def _with_defaults(root: Route) -> Route:
    parent = Route(
        receiver=root.receiver,
        group_by=ALL_LABELS,
        group_wait=timedelta(0),
        group_interval=timedelta(0),
    )
    return _inherit(parent, root)


def _inherit(parent: Route, child: Route) -> Route:
    return Route(
        receiver=parent.receiver if child.receiver is None else child.receiver,
        matchers=child.matchers,
        continues=child.continues,
        group_by=parent.group_by if child.group_by is None else child.group_by,
        group_wait=parent.group_wait if child.group_wait is None else child.group_wait,
        group_interval=(
            parent.group_interval if child.group_interval is None else child.group_interval
        ),
        routes=child.routes,
    )


def _walk(route: Route, path: str, labels: Mapping[str, str]) -> Iterator[tuple[Route, str]]:
    taken = False
    for child in (_inherit(route, child) for child in route.routes):
        if not all_match(child.matchers, labels):
            continue
        taken = True
        matchers = ",".join(str(matcher) for matcher in child.matchers)
        yield from _walk(child, f"{path}/{{{matchers}}}", labels)
        if not child.continues:
            break
    if not taken:
        yield route, path


def _destination(
    routing: Routing, route: Route, path: str, labels: Mapping[str, str]
) -> Destination:
    group_by = route.group_by or ()
    names = sorted(labels) if group_by == ALL_LABELS else sorted(group_by)
    group_labels = {name: labels[name] for name in names if name in labels}
    rendered = ", ".join(f'{name}="{value}"' for name, value in group_labels.items())
    return Destination(
        receiver=routing.receiver(route.receiver or ""),
        group_key=f"{path}:{{{rendered}}}",
        group_labels=group_labels,
        group_wait=route.group_wait or timedelta(0),
        group_interval=route.group_interval or timedelta(0),
    )


def _all_routes(route: Route) -> Iterator[Route]:
    yield route
    for child in route.routes:
        yield from _all_routes(child)
