"""Which alerts share a message: what one evaluation tells, by route and group."""

from collections.abc import Sequence

from core.alerting.alert import Alert, Notify, Transition
from core.alerting.routing import Destination, Routing, destinations


def messages(
    steps: Sequence[tuple[Alert, Transition]], routing: Routing
) -> list[tuple[Destination, list[Alert]]]:
    """One message for each group, in the order of time.

    Without a group wait an alert that fired and was resolved is told twice, in two messages; with
    one the message shows each alert as it is last. `steps` are transitions, each with the alert as
    it was right after it; those that tell nobody anything give no message.
    """
    found: list[tuple[Destination, dict[str, tuple[Alert, Notify]]]] = []
    current: dict[tuple[str, str], dict[str, tuple[Alert, Notify]]] = {}
    for alert, step in sorted(steps, key=lambda step: step[1].at):
        if step.notify is None:
            continue
        for destination in destinations(routing, alert.labels):
            if step.notify is Notify.RESOLVED and not destination.receiver.send_resolved:
                continue
            key = (destination.receiver.name, destination.group_key)
            group = current.get(key)
            told = None if group is None else group.get(alert.fingerprint)
            # A reminder replaces what it reminds of; any other news of the alert stands apart.
            news = told is not None and (told[0].id, told[1]) != (alert.id, step.notify)
            split = news and not destination.group_wait
            if group is None or split:
                group = current[key] = {}
                found.append((destination, group))
            group[alert.fingerprint] = (alert, step.notify)
    return [(where, [alert for alert, _ in group.values()]) for where, group in found]
