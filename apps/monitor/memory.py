"""What one writer remembers of the stored documents: series, stories, and open questions.

It is loaded from the database when another writer has been at work, and grows with every document
taken otherwise.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection

from apps.monitor import history, rules
from apps.monitor.baseline import HISTORY_HOURS, HOUR
from apps.monitor.detect import LONGEST, Measurement, Watch
from apps.monitor.documents import scored_text
from apps.monitor.duplicates import WINDOW, Printed, Stories, fingerprints
from apps.monitor.history import Headline
from apps.monitor.tables import ALERTING
from core.alerting.store.alerts import active_labels

TICK = timedelta(minutes=15)
LOADED_AHEAD = timedelta(days=40)


@dataclass
class Memory:
    """`hot` are companies that an alert may be open for, with the time when they last were odd.

    `headlines` are those of the last days, by document. It holds for event times from `loaded_from`
    to `loaded_until`.
    """

    loaded_from: datetime
    loaded_until: datetime
    watch: Watch = field(default_factory=Watch)
    stories: Stories = field(default_factory=Stories)
    headlines: dict[str, Headline] = field(default_factory=dict)
    hot: dict[str, datetime] = field(default_factory=dict)

    def measure(self, company_id: str, *, at: datetime) -> tuple[Measurement, ...]:
        """Measure a company and note whether it needs watching without news of it."""
        measured = self.watch.measure(company_id, at=at)
        if any(each.value >= rules.LOWEST_CLEAR for each in measured):
            self.hot[company_id] = at
        elif company_id in self.hot and at - self.hot[company_id] > rules.SETTLE + 2 * TICK:
            del self.hot[company_id]
        return measured

    def tick(self, start: datetime, end: datetime) -> list[Measurement]:
        """Measure the hot companies at every quarter of an hour after `start` up to `end`."""
        measured: list[Measurement] = []
        at = start - timedelta(seconds=start.timestamp() % TICK.total_seconds()) + TICK
        while at <= end and self.hot:
            for company_id in sorted(self.hot):
                measured += self.measure(company_id, at=at)
            at += TICK
        return measured

    def forget(self, *, at: datetime) -> None:
        """Drop what no document published after `at` minus the lateness can need."""
        self.loaded_from = at
        self.watch.forget(before=at)
        self.stories.forget(before=at - 2 * WINDOW)
        oldest = at - 2 * LONGEST
        self.headlines = {
            name: each for name, each in self.headlines.items() if each.published_at > oldest
        }


def load(connection: Connection, *, at: datetime) -> Memory:
    """All that taking documents from the event time `at` on needs."""
    memory = Memory(loaded_from=at, loaded_until=at + LOADED_AHEAD)
    load_watch(connection, memory, at=at)
    printed = history.documents_between(connection, start=at - 2 * WINDOW, end=memory.loaded_until)
    prints = fingerprints([scored_text(each.title, each.body) for each in printed])
    for document, fingerprint in zip(printed, prints, strict=True):
        memory.stories.restore(
            Printed(document.id, document.published_at, fingerprint, document.companies),
            story_id=document.story_id,
        )
    active = active_labels(connection, ALERTING).values()
    memory.hot.update({labels["company"]: at for labels in active if "company" in labels})
    return memory


def load_watch(connection: Connection, memory: Memory, *, at: datetime) -> None:
    """The part that measuring needs."""
    past = at - (HISTORY_HOURS + 48) * HOUR
    until = memory.loaded_until
    for company_id, start, bucket in history.buckets(connection, start=past, end=until):
        memory.watch.load_bucket(company_id, start, bucket)
    recent = history.contributions(connection, start=at - LONGEST, end=until)
    for contribution in recent:
        if contribution.counts:
            memory.watch.load_recent(contribution)
    memory.headlines = history.headlines(connection, {each.document_id for each in recent})
