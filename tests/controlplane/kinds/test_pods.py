"""Pod: what is kept of it."""

from typing import Any

import pytest

from controlplane.kinds import PodSpec
from tests.controlplane.kinds.samples import document, faults, good, spec


def pod(*, status: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    containers = [
        {"name": "app", "image": "x", "ports": [{"name": "http", "containerPort": 8080}]},
        {"name": "side", "ports": [{"containerPort": 1}], "env": [{"name": "A"}]},
    ]
    written = {"serviceAccountName": "sa", "nodeName": "n", "containers": containers}
    return document("Pod", written, status=status, metadata=metadata)


RUNNING = {
    "phase": "Running",
    "podIP": "10.0.0.1",
    "podIPs": [{"ip": "10.0.0.1"}, {"ip": "fd00::1"}],
    "conditions": [{"type": "Ready", "status": "True", "lastProbeTime": None}],
}


def test_a_running_pod() -> None:
    assert spec(PodSpec, pod(status=RUNNING)) == PodSpec(
        ips=("10.0.0.1", "fd00::1"),
        phase="Running",
        ready=True,
        service_account="sa",
        node="n",
        ports={"http": 8080},
    )


def test_a_pod_that_is_not_there_yet() -> None:
    found = spec(PodSpec, document("Pod", {}))
    assert (found.ips, found.ready, found.service_account) == ((), False, "default")


@pytest.mark.parametrize(("phase", "ended"), [("Running", False), ("Succeeded", True)])
def test_a_pod_that_has_ended(phase: str, ended: bool) -> None:
    assert spec(PodSpec, pod(status={**RUNNING, "phase": phase})).ended is ended


def test_a_pod_that_is_going_is_not_ready() -> None:
    found = spec(PodSpec, pod(status=RUNNING, deletionTimestamp="2026-01-01T00:00:00Z"))
    assert found.deleted
    assert not found.ready


def test_what_nobody_reads_makes_no_difference() -> None:
    probed = {**RUNNING, "conditions": [*RUNNING["conditions"], {"type": "X", "status": "?"}]}
    assert good(pod(status=RUNNING)) == good(pod(status=probed, resourceVersion="2"))


def test_an_address_that_is_none_is_refused() -> None:
    raw = pod(status={"podIPs": [{"ip": "x"}]})
    assert faults(raw) == [("status.podIPs[0].ip", "Address")]
