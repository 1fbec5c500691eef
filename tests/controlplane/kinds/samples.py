"""Documents to decode, and short ways to look at what comes of them."""

from typing import Any, TypeVar

from controlplane.kinds import Object, Refusal, Severity, Verdict, Weights, decode

GROUPS = {
    "VirtualService": "networking.istio.io/v1",
    "DestinationRule": "networking.istio.io/v1",
    "Gateway": "networking.istio.io/v1",
    "Sidecar": "networking.istio.io/v1",
    "ServiceEntry": "networking.istio.io/v1",
    "WorkloadEntry": "networking.istio.io/v1",
    "PeerAuthentication": "security.istio.io/v1",
    "EndpointSlice": "discovery.k8s.io/v1",
}
SpecT = TypeVar("SpecT")


def document(kind: str, spec: object = None, **more: Any) -> dict[str, Any]:
    metadata = {"name": "a", "namespace": "shop", **more.pop("metadata", {})}
    found = {"apiVersion": GROUPS.get(kind, "v1"), "kind": kind, "metadata": metadata, **more}
    if spec is not None:
        found["spec"] = spec
    return found


def good(raw: object, *, weights: Weights = "exact") -> Object:
    found = decode(raw, weights=weights)
    assert isinstance(found, Object), found
    return found


def spec(kind: type[SpecT], raw: object) -> SpecT:
    found = good(raw).spec
    assert isinstance(found, kind)
    return found


def refused(raw: object, *, weights: Weights = "exact") -> tuple[Verdict, ...]:
    found = decode(raw, weights=weights)
    assert isinstance(found, Refusal), found
    assert any(one.severity is Severity.ERROR for one in found.verdicts)
    assert all(one.object == found.key and one.remedy for one in found.verdicts)
    return found.verdicts


def faults(raw: object, *, weights: Weights = "exact") -> list[tuple[str, str]]:
    """(field, reason) of every fault."""
    return [(one.field, one.reason) for one in refused(raw, weights=weights)]


def remarks(raw: object) -> list[tuple[str, str]]:
    """(field, reason) of every warning and hint on a good object."""
    return [(one.field, one.reason) for one in good(raw).warnings]


def route(**fields: Any) -> dict[str, Any]:
    return {"route": [{"destination": {"host": "a"}}], **fields}


def virtual_service(*http: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return document("VirtualService", {"hosts": ["a"], "http": list(http), **fields})
