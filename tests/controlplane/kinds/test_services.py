"""Namespace, Service and EndpointSlice."""

from typing import Any

import pytest

from controlplane.kinds import EndpointSliceSpec, NamespaceSpec, ServiceSpec
from tests.controlplane.kinds.samples import document, faults, good, remarks, spec
from translators.model import Protocol


def service(**fields: Any) -> dict[str, Any]:
    return document("Service", fields)


def test_a_namespace_has_no_namespace() -> None:
    found = good(document("Namespace", metadata={"labels": {"a": "b"}}))
    assert (found.key.namespace, found.meta.labels) == ("", {"a": "b"})
    assert isinstance(found.spec, NamespaceSpec)


def test_a_service() -> None:
    raw = service(
        clusterIP="10.0.0.1",
        clusterIPs=["10.0.0.1", "fd00::1"],
        selector={"app": "a"},
        ports=[
            {"name": "grpc-api", "port": 80, "targetPort": "api"},
            {"name": "x", "port": 81, "targetPort": 8081, "appProtocol": "kubernetes.io/h2c"},
            {"name": "dns", "port": 53, "protocol": "UDP"},
            {"name": "odd", "port": 82},
        ],
        sessionAffinity="None",
        ipFamilies=None,
    )
    found = spec(ServiceSpec, raw)
    assert found.addresses == ("10.0.0.1", "fd00::1")
    assert not found.headless
    assert [port.target_port for port in found.ports] == ["api", 8081, None, None]
    assert [port.protocol for port in found.ports] == [
        Protocol.GRPC,
        Protocol.HTTP2,
        Protocol.UDP,
        Protocol.DETECTED,
    ]
    assert remarks(raw) == [("spec.ports[3]", "ProtocolUnknown")]


def test_services_without_an_address() -> None:
    headless = spec(ServiceSpec, service(clusterIP="None", clusterIPs=["None"]))
    assert headless.headless
    assert headless.addresses == ()
    plain = spec(ServiceSpec, service())
    assert not plain.headless
    assert plain.addresses == ()
    assert spec(ServiceSpec, service(type="ExternalName", externalName="x.com")).external_name


def test_who_sees_a_service() -> None:
    annotations = {"networking.istio.io/exportTo": "a, b"}
    assert good(document("Service", {}, metadata={"annotations": annotations})).export_to == (
        "a",
        "b",
    )
    assert good(service()).export_to == ("*",)


@pytest.mark.parametrize(
    ("fields", "field", "reason"),
    [
        ({"clusterIP": "x"}, "clusterIP", "Address"),
        ({"ports": [{"port": 0}]}, "ports[0].port", "OutOfRange"),
        ({"ports": [{"port": 1, "protocol": "QUIC"}]}, "ports[0].protocol", "UnsupportedValue"),
        ({"selector": {"a": 1}}, "selector.a", "WrongType"),
    ],
)
def test_a_service_is_refused_where_it_is_wrong(
    fields: dict[str, Any], field: str, reason: str
) -> None:
    assert faults(service(**fields)) == [(f"spec.{field}", reason)]


def test_an_endpoint_slice() -> None:
    raw = document(
        "EndpointSlice",
        metadata={"labels": {"kubernetes.io/service-name": "web"}},
        addressType="IPv4",
        endpoints=[
            {
                "addresses": ["10.0.0.1"],
                "conditions": {"ready": False, "serving": True, "terminating": True},
                "targetRef": {"kind": "Pod", "name": "web-1"},
                "zone": "z",
            },
            {"addresses": ["10.0.0.2"], "conditions": {"ready": None}, "targetRef": None},
        ],
        ports=[{"name": "http", "port": 8080, "protocol": "TCP"}, {"name": None, "port": None}],
    )
    found = spec(EndpointSliceSpec, raw)
    first, second = found.endpoints
    assert found.service == "web"
    assert (first.ready, first.terminating, first.pod, first.zone) == (False, True, "web-1", "z")
    assert (second.ready, second.terminating, second.pod) == (True, False, "")
    assert [(port.name, port.port) for port in found.ports] == [("http", 8080), ("", None)]


def test_a_slice_with_nothing_in_it() -> None:
    raw = document("EndpointSlice", addressType="IPv4", endpoints=None, ports=None)
    assert spec(EndpointSliceSpec, raw).endpoints == ()
    assert spec(EndpointSliceSpec, raw).service == ""


def test_a_slice_of_names_is_refused() -> None:
    raw = document("EndpointSlice", addressType="FQDN", endpoints=[])
    assert faults(raw) == [("addressType", "UnsupportedValue")]
