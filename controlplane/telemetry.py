"""Every metric and log-field name, in one place. Names are istiod's where the meaning is the same.

istiod's sums have no `_total` at the end, which a Counter would add: where the name is istiod's, a
Gauge counts.

Log fields: event, proxy, type, resources, error, generation, objects, ms, what, why.
"""

from typing import Any

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 3, 5, 10, 30)


def log(component: str) -> Any:
    """A logger that says which part of the house speaks."""
    return structlog.get_logger(component=component)


class Telemetry:
    """The metrics of one process, in a registry of their own."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        self.streams = Gauge(
            "pilot_xds", "Open ADS streams, by proxy version.", ["version"], registry=registry
        )
        self.pushes = Gauge(
            "pilot_xds_pushes", "Responses sent: cds, eds, lds, rds, sds.", ["type"],
            registry=registry,
        )  # fmt: skip
        self.bytes = Counter(
            "meshpilot_xds_sent_bytes", "Bytes of responses sent.", ["type"], registry=registry
        )
        self.resources = Counter(
            "meshpilot_xds_sent_resources", "Resources sent.", ["type"], registry=registry
        )
        self.removals = Counter(
            "meshpilot_xds_sent_removals", "Removals sent.", ["type"], registry=registry
        )
        self.rejects = Gauge(
            "pilot_total_xds_rejects", "Responses that clients refused.", registry=registry
        )
        self.waits = Counter(
            "meshpilot_xds_waits_expired", "Bounded waits that ran out.", registry=registry
        )
        self.convergence = Histogram(
            "pilot_proxy_convergence_time",
            "Seconds from the publication of a change to the ACK of a type (istiod's stops when "
            "the response was written).",
            buckets=_SECONDS,
            registry=registry,
        )
        self.passes = Counter(
            "meshpilot_passes", "Passes from changes to publication.", registry=registry
        )
        self.pass_seconds = Histogram(
            "meshpilot_pass_seconds",
            "Seconds of one stage of a pass.",
            ["stage"],
            buckets=_SECONDS,
            registry=registry,
        )
        self.translated = Counter(
            "meshpilot_units_translated", "Units translated.", ["unit"], registry=registry
        )
        self.generation = Gauge(
            "meshpilot_generation", "Number of the newest World.", registry=registry
        )
        self.groups = Gauge(
            "meshpilot_groups", "Groups of proxies that share a view.", registry=registry
        )
        self.objects = Gauge(
            "meshpilot_objects", "Objects that are accepted.", ["kind"], registry=registry
        )
        self.rejected = Gauge(
            "pilot_total_rejected_configs", "Objects that are refused.", registry=registry
        )
        self.held = Gauge(
            "meshpilot_held_objects",
            "VirtualServices that wait for a destination.",
            registry=registry,
        )
        self._identity(registry)

    def _identity(self, registry: CollectorRegistry) -> None:
        self.csrs = Gauge(
            "citadel_server_csr_count", "Certificate requests received.", registry=registry
        )
        self.issued = Gauge(
            "citadel_server_success_cert_issuance_count",
            "Certificates issued on request.",
            registry=registry,
        )
        self.csr_errors = Gauge(
            "citadel_server_csr_parsing_err_count",
            "Certificate requests that were refused.",
            registry=registry,
        )
        self.signing_errors = Gauge(
            "citadel_server_csr_sign_err_count",
            "Certificate requests that could not be signed.",
            registry=registry,
        )
        self.unauthenticated = Gauge(
            "citadel_server_authentication_failure_count",
            "Callers that could not prove who they are.",
            registry=registry,
        )
        self.root_expiry = Gauge(
            "citadel_server_root_cert_expiry_timestamp",
            "When the root that signs expires (Unix time).",
            registry=registry,
        )
        self.chain_expiry = Gauge(
            "citadel_server_cert_chain_expiry_timestamp",
            "When the certificate that signs expires (Unix time).",
            registry=registry,
        )
        self.server_expiry = Gauge(
            "meshpilot_server_cert_expiry_timestamp",
            "When the certificate of the secure port expires (Unix time).",
            registry=registry,
        )
        self.delivered = Gauge(
            "meshpilot_workload_certs",
            "Certificates that are delivered over SDS, by state of their renewal.",
            ["state"],
            registry=registry,
        )
        self.first_expiry = Gauge(
            "meshpilot_workload_cert_first_expiry_timestamp",
            "When the first delivered certificate expires (Unix time); 0 without any.",
            registry=registry,
        )
        self.renewals = Counter(
            "meshpilot_workload_cert_renewals",
            "Certificates made for SDS, by outcome.",
            ["outcome"],
            registry=registry,
        )
        self.secret_seconds = Histogram(
            "meshpilot_secret_ack_seconds",
            "Seconds from the making of a secret until the proxy has acknowledged it.",
            buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5),
            registry=registry,
        )
