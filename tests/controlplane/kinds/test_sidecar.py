"""Sidecar."""

from typing import Any

import pytest

from controlplane.kinds import CaptureMode, SidecarSpec
from tests.controlplane.kinds.samples import document, faults, remarks, spec
from translators.model import Protocol

PORT = {"number": 80, "protocol": "HTTP", "name": "h"}


def sidecar(**fields: Any) -> dict[str, Any]:
    return document("Sidecar", fields)


def test_every_field_is_kept() -> None:
    found = spec(
        SidecarSpec,
        sidecar(
            workloadSelector={"labels": {"app": "a"}},
            egress=[
                {"port": PORT, "bind": "127.0.0.1", "captureMode": "NONE", "hosts": ["./*"]},
                {"hosts": ["*/a.com", "~/*"]},
            ],
            ingress=[
                {"port": PORT, "defaultEndpoint": "127.0.0.1:8080"},
                {"port": {"number": 81}, "defaultEndpoint": "[::1]:81"},
                {"port": {"number": 82, "protocol": "TCP"}},
            ],
            outboundTrafficPolicy={"mode": "REGISTRY_ONLY"},
        ),
    )
    first, last = found.egress
    assert found.selector == {"app": "a"}
    assert not found.allow_any
    assert first.port is not None
    assert (first.port.number, first.port.protocol) == (80, Protocol.HTTP)
    assert (first.bind, first.capture_mode) == ("127.0.0.1", CaptureMode.NONE)
    assert (last.port, last.bind, last.capture_mode) == (None, "", CaptureMode.DEFAULT)
    assert last.hosts == ("*/a.com", "~/*")
    assert [one.endpoint for one in found.ingress] == [("127.0.0.1", 8080), ("::1", 81), None]
    assert found.ingress[1].port.protocol is Protocol.TCP


def test_the_mesh_allows_any_host_unless_told_otherwise() -> None:
    assert spec(SidecarSpec, sidecar(egress=[{"hosts": ["*/*"]}])).allow_any
    assert not spec(SidecarSpec, sidecar(outboundTrafficPolicy={})).allow_any
    assert spec(SidecarSpec, sidecar(outboundTrafficPolicy={"mode": "ALLOW_ANY"})).selector is None


def test_a_port_without_a_protocol_is_a_hint() -> None:
    raw = sidecar(egress=[{"hosts": ["*/*"], "port": {"number": 1}}])
    assert remarks(raw) == [("spec.egress[0].port", "ProtocolUnknown")]


@pytest.mark.parametrize(
    ("fields", "field", "reason"),
    [
        ({}, "", "Empty"),
        ({"inboundConnectionPool": {}}, ".inboundConnectionPool", "NotSupported"),
        ({"egress": [{"hosts": []}]}, ".egress[0].hosts", "Empty"),
        ({"egress": [{"hosts": ["a.com"]}]}, ".egress[0].hosts[0]", "Host"),
        ({"egress": [{"hosts": ["./shop"]}]}, ".egress[0].hosts[0]", "Host"),
        ({"egress": [{"hosts": ["~a/*"]}]}, ".egress[0].hosts[0]", "NotSupported"),
        ({"egress": [{"hosts": ["./*"], "bind": "1.1.1.1"}]}, ".egress[0].bind", "NeedsPort"),
        (
            {"egress": [{"hosts": ["./*"], "captureMode": "NONE"}]},
            ".egress[0].captureMode",
            "NeedsPort",
        ),
        (
            {"egress": [{"hosts": ["./*"], "port": PORT, "bind": "unix:///a"}]},
            ".egress[0].bind",
            "NotSupported",
        ),
        ({"egress": [{"hosts": ["./*"]}, {"hosts": ["./*"]}]}, ".egress[0]", "CatchAllFirst"),
        (
            {"egress": [{"hosts": ["./*"], "port": PORT}] * 2},
            ".egress[1].port.number",
            "DuplicatePort",
        ),
        ({"ingress": [{"port": PORT}] * 2}, ".ingress[1].port.number", "DuplicatePort"),
        (
            {"ingress": [{"port": PORT, "defaultEndpoint": "a:1"}]},
            ".ingress[0].defaultEndpoint",
            "Endpoint",
        ),
        (
            {"ingress": [{"port": PORT, "defaultEndpoint": "127.0.0.1:0"}]},
            ".ingress[0].defaultEndpoint",
            "Endpoint",
        ),
        (
            {"ingress": [{"port": PORT, "defaultEndpoint": "unix:///a"}]},
            ".ingress[0].defaultEndpoint",
            "NotSupported",
        ),
        (
            {"outboundTrafficPolicy": {"mode": "NO"}},
            ".outboundTrafficPolicy.mode",
            "UnsupportedValue",
        ),
        (
            {"workloadSelector": {"labels": {"a": "*"}}, "outboundTrafficPolicy": {}},
            ".workloadSelector.labels.a",
            "Selector",
        ),
    ],
)
def test_a_sidecar_is_refused_where_it_is_wrong(
    fields: dict[str, Any], field: str, reason: str
) -> None:
    assert faults(sidecar(**fields)) == [(f"spec{field}", reason)]


def test_the_root_namespace_selects_nothing() -> None:
    raw = sidecar(outboundTrafficPolicy={}, workloadSelector={"labels": {"a": "b"}})
    raw["metadata"]["namespace"] = "istio-system"
    assert faults(raw) == [("spec.workloadSelector", "Selector")]
