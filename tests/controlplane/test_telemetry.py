"""Metrics: a registry for each process, istiod's names where the meaning is the same."""

from prometheus_client import generate_latest
from structlog.testing import capture_logs

from controlplane.telemetry import Telemetry, log


def test_each_has_a_registry_of_its_own() -> None:
    one, other = Telemetry(), Telemetry()
    one.passes.inc()
    assert one.registry.get_sample_value("meshpilot_passes_total") == 1
    assert other.registry.get_sample_value("meshpilot_passes_total") == 0


def test_names_that_dashboards_of_istio_know() -> None:
    metrics = Telemetry()
    metrics.pushes.labels("cds").inc()
    metrics.rejects.inc()
    metrics.streams.labels("1.31.0").inc()
    metrics.convergence.observe(0.02)
    page = generate_latest(metrics.registry).decode()
    for line in (
        'pilot_xds_pushes{type="cds"} 1.0',
        "pilot_total_xds_rejects 1.0",
        'pilot_xds{version="1.31.0"} 1.0',
        'pilot_proxy_convergence_time_bucket{le="0.025"} 1.0',
    ):
        assert line in page.splitlines()


def test_a_logger_says_who_speaks() -> None:
    with capture_logs() as logs:
        log("loop").info("pass", generation=3)
    assert logs == [{"component": "loop", "event": "pass", "generation": 3, "log_level": "info"}]
