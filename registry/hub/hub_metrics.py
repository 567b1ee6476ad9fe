"""What a hub counts, for Prometheus."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest


class HubMetrics:
    """The counters of one hub; they name no account, no asset and no words of a search."""

    def __init__(self, lag: Callable[[], float], final: Callable[[], float]) -> None:
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "registry_hub_requests_total",
            "Requests answered, by route and outcome.",
            ["route", "outcome"],
            registry=self._registry,
        )
        self.seconds = Histogram(
            "registry_hub_request_seconds",
            "Time that an answer took.",
            ["route"],
            registry=self._registry,
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
        )
        self.running = Gauge("registry_hub_requests_running", "Requests being answered.", registry=self._registry)
        self.faults = Counter(
            "registry_hub_index_faults_total",
            "What went wrong while following the chain.",
            ["kind"],
            registry=self._registry,
        )
        behind = Gauge("registry_hub_lag_blocks", "Blocks behind the node.", registry=self._registry)
        behind.set_function(lag)
        last = Gauge("registry_hub_final_block", "The last block that is final.", registry=self._registry)
        last.set_function(final)

    def text(self) -> bytes:
        """All of them, in the text format of Prometheus 0.0.4."""
        return generate_latest(self._registry)
