"""ServiceEntry and WorkloadEntry."""

from typing import Any

import pytest

from controlplane.kinds import ServiceEntrySpec, WorkloadEntrySpec
from tests.controlplane.kinds.samples import document, faults, remarks, spec
from translators.model import Protocol

PORT = {"number": 80, "name": "http", "protocol": "HTTP"}


def entry(**fields: Any) -> dict[str, Any]:
    written = {"hosts": ["x.com"], "ports": [PORT], "resolution": "STATIC", **fields}
    return document("ServiceEntry", written)


def test_every_field_is_kept() -> None:
    raw = entry(
        addresses=["10.1.1.1", "10.2.0.0/16"],
        ports=[{**PORT, "targetPort": 8080}, {"number": 81, "name": "odd"}],
        location="MESH_INTERNAL",
        endpoints=[
            {
                "address": "1.1.1.1",
                "ports": {"http": 8080},
                "labels": {"a": "b"},
                "weight": 2,
                "locality": "r/z",
                "serviceAccount": "sa",
            }
        ],
        exportTo=["*"],
    )
    found = spec(ServiceEntrySpec, raw)
    (endpoint,) = found.endpoints
    first, second = found.ports
    assert (found.hosts, found.addresses) == (("x.com",), ("10.1.1.1", "10.2.0.0/16"))
    assert not found.external
    assert (first.target_port, first.protocol) == (8080, Protocol.HTTP)
    assert (second.target_port, second.protocol) == (None, Protocol.DETECTED)
    assert endpoint.ports == {"http": 8080}
    assert (endpoint.weight, endpoint.locality, endpoint.service_account) == (2, "r/z", "sa")
    assert found.selector is None
    assert remarks(raw) == [("spec.ports[1]", "ProtocolUnknown")]


def test_workloads_may_be_selected() -> None:
    found = spec(ServiceEntrySpec, entry(workloadSelector={"labels": {"a": "b"}}))
    assert found.selector == {"a": "b"}
    assert found.external


def test_assigned_addresses_are_read() -> None:
    raw = entry(hosts=["x.com", "y.com"])
    raw["status"] = {
        "addresses": [
            {"value": "240.240.0.1", "host": "x.com"},
            {"value": "240.240.0.2"},
            {"value": "nonsense"},
            "nonsense",
        ]
    }
    found = spec(ServiceEntrySpec, raw)
    assert found.addresses_of("x.com") == ("240.240.0.1", "240.240.0.2")
    assert found.addresses_of("y.com") == ("240.240.0.2",)
    raw["spec"]["addresses"] = ["10.0.0.1"]
    assert spec(ServiceEntrySpec, raw).addresses_of("y.com") == ("10.0.0.1",)


def test_a_status_that_makes_no_sense_is_no_ones_fault() -> None:
    raw = entry()
    raw["status"] = "nonsense"
    assert spec(ServiceEntrySpec, raw).assigned == ()


@pytest.mark.parametrize(
    ("fields", "field", "reason"),
    [
        ({"hosts": []}, "hosts", "Empty"),
        ({"hosts": ["*"]}, "hosts[0]", "Host"),
        ({"addresses": ["10.0.0.0/99"]}, "addresses[0]", "Address"),
        ({"resolution": "DNS"}, "resolution", "NotSupported"),
        ({"resolution": "MAGIC"}, "resolution", "UnsupportedValue"),
        ({"status": {}}, "status", "UnknownField"),
        ({"subjectAltNames": []}, "subjectAltNames", "NotSupported"),
        ({"ports": [PORT, {**PORT, "name": "b"}]}, "ports[1].number", "DuplicatePort"),
        ({"ports": [PORT, {**PORT, "number": 81}]}, "ports[1].name", "DuplicatePort"),
        ({"endpoints": [{"address": "a.com"}]}, "endpoints[0].address", "NotSupported"),
        ({"endpoints": [{"address": "a b"}]}, "endpoints[0].address", "Address"),
        ({"endpoints": [{"address": "unix:///a"}]}, "endpoints[0].address", "NotSupported"),
        (
            {"endpoints": [{"address": "1.1.1.1", "ports": {"b": 1}}]},
            "endpoints[0].ports.b",
            "UnknownPort",
        ),
        (
            {"endpoints": [{"address": "1.1.1.1"}], "workloadSelector": {"labels": {}}},
            "workloadSelector",
            "OneOf",
        ),
    ],
)
def test_an_entry_is_refused_where_it_is_wrong(
    fields: dict[str, Any], field: str, reason: str
) -> None:
    assert faults(entry(**fields)) == [(f"spec.{field}", reason)]


def test_resolution_must_be_written() -> None:
    raw = entry()
    del raw["spec"]["resolution"]
    assert faults(raw) == [("spec.resolution", "NotSupported")]


def test_a_workload() -> None:
    raw = document("WorkloadEntry", {"address": "10.0.0.1", "ports": {"http": 80}, "weight": 3})
    found = spec(WorkloadEntrySpec, raw)
    assert (found.address, found.ports, found.weight) == ("10.0.0.1", {"http": 80}, 3)
    assert faults(document("WorkloadEntry", {"address": "1.1.1.1", "network": "n"})) == [
        ("spec.network", "NotSupported")
    ]
    assert faults(document("WorkloadEntry", {"address": "1.1.1.1", "serviceAccount": "a/b"})) == [
        ("spec.serviceAccount", "Name")
    ]
