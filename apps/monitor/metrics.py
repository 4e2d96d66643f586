"""Counters of what came in, for Prometheus."""

from prometheus_client import CollectorRegistry, Counter

from apps.monitor.ingest import Report


class Metrics:
    """Registered with an application by `register`; until then they count all the same."""

    def __init__(self) -> None:
        self.documents = Counter(
            "tripod_monitor_documents_total",
            "Documents by what became of them",
            ("outcome",),
            registry=None,
        )
        self.unscored = Counter(
            "tripod_monitor_unscored_total",
            "Documents stored without a score, by reason",
            ("reason",),
            registry=None,
        )
        self.alerts = Counter(
            "tripod_monitor_alerts_total", "Alerts raised by pushed documents", registry=None
        )

    def register(self, registry: CollectorRegistry) -> None:
        """Show these with an application's metrics."""
        for collector in (self.documents, self.unscored, self.alerts):
            registry.register(collector)

    def observe(self, report: Report) -> None:
        """Count what a report says."""
        outcome = report.outcome
        for name, amount in (
            ("stored", outcome.stored),
            ("copy", outcome.copies),
            ("known", outcome.known),
            ("rejected", report.rejected),
        ):
            self.documents.labels(name).inc(amount)
        self.unscored.labels("unsupported_language").inc(outcome.unscored)
        self.alerts.inc(len(outcome.fired))
