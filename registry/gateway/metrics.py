"""What a gateway counts, for Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from registry.gateway.service import GatewayService


class Metrics:
    """The counters of one gateway; they name no account and no asset."""

    def __init__(self, gateway: GatewayService) -> None:
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "registry_gateway_requests_total",
            "Requests answered, by route and by status or code of the refusal.",
            ["route", "outcome"],
            registry=self._registry,
        )
        self.seconds = Histogram(
            "registry_gateway_request_seconds",
            "Time that an answer took.",
            ["route"],
            registry=self._registry,
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
        )
        self.running = Gauge("registry_gateway_requests_running", "Requests being answered.", registry=self._registry)
        entries = Gauge("registry_gateway_audit_entries", "Entries of the audit log.", registry=self._registry)
        entries.set_function(lambda: gateway.audit.head[0])
        gas = Gauge("registry_gateway_day_gas", "Gas paid for receipts in the last 24 hours.", registry=self._registry)
        gas.set_function(gateway.uses.budget.spent)

    def text(self) -> bytes:
        """All of them, in the text format of Prometheus 0.0.4."""
        return generate_latest(self._registry)
