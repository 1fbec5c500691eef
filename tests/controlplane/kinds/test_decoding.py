"""decode: the envelope, groups and kinds; it never raises."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controlplane.kinds import KINDS, Ignored, Key, Object, Refusal, Severity, decode
from tests.controlplane.kinds.samples import (
    GROUPS,
    document,
    faults,
    good,
    refused,
    route,
    virtual_service,
)

NAMES = [kind.name for kind in KINDS]


def changed(**fields: Any) -> dict[str, Any]:
    return {**virtual_service(route()), **fields}


def test_the_envelope() -> None:
    metadata = {
        "labels": {"a": "b"},
        "annotations": {"x": "1", "kubectl.kubernetes.io/last-applied-configuration": "{}"},
        "creationTimestamp": "2026-01-02T03:04:05Z",
        "generation": 7,
        "resourceVersion": "9",
        "managedFields": [],
    }
    raw = changed(metadata={"name": "a", "namespace": "shop", **metadata})
    found = good(raw)
    assert found.key == Key("VirtualService", "shop", "a")
    assert str(found.key) == "VirtualService shop/a"
    assert found.meta.labels == {"a": "b"}
    assert found.meta.annotations == {"x": "1"}
    assert found.meta.created == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert found.meta.generation == 7
    assert found.raw is raw


def test_no_namespace_means_default() -> None:
    assert good(changed(metadata={"name": "a"})).key.namespace == "default"


@pytest.mark.parametrize("created", [None, "soon", 7, "0001-01-01T00:00:00+23:59"])
def test_a_creation_time_that_is_none_is_not_there(created: object) -> None:
    raw = changed(metadata={"name": "a", "creationTimestamp": created})
    assert good(raw).meta.created is None


def test_the_same_content_is_equal() -> None:
    first = good(changed(metadata={"name": "a", "resourceVersion": "1"}))
    second = good(changed(metadata={"name": "a", "resourceVersion": "2"}))
    assert first == second
    assert first != good(changed(metadata={"name": "a", "labels": {"x": "y"}}))


@pytest.mark.parametrize("version", ["v1", "v1beta1", "v1alpha3"])
def test_all_versions_of_istio_are_one(version: str) -> None:
    good(changed(apiVersion=f"networking.istio.io/{version}"))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"apiVersion": "networking.istio.io/v2"}, ("apiVersion", "UnknownVersion")),
        ({"apiVersion": "security.istio.io/v1"}, ("kind", "UnknownKind")),
        ({"apiVersion": "net.istio.io/v1"}, ("apiVersion", "UnknownVersion")),
        ({"apiVersion": ""}, ("apiVersion", "Required")),
        ({"apiVersion": None}, ("apiVersion", "Required")),
        ({"kind": ["a"]}, ("kind", "Required")),
        ({"kind": "VirtualServices"}, ("kind", "UnknownKind")),
        ({"kind": "EnvoyFilter"}, ("kind", "NotSupported")),
        ({"metadata": None}, ("metadata", "Required")),
        ({"metadata": {}}, ("metadata.name", "Required")),
        ({"metadata": {"name": "A"}}, ("metadata.name", "Name")),
        ({"metadata": {"name": "a", "namespace": "a.b"}}, ("metadata.namespace", "Name")),
        ({"metadata": {"name": "a", "namespace": 1}}, ("metadata.namespace", "Name")),
        ({"metadata": {"name": "a", "lables": {}}}, ("metadata.lables", "UnknownField")),
        ({"metadata": {"name": "a", "labels": []}}, ("metadata.labels", "WrongType")),
        ({"metadata": {"name": "a", "labels": {"a": True}}}, ("metadata.labels.a", "WrongType")),
        ({"metadata": {"name": "a", "labels": {"a": "b c"}}}, ("metadata.labels.a", "Label")),
        ({"sepc": {}}, ("sepc", "UnknownField")),
        ({"spec": []}, ("spec", "WrongType")),
        ({"spec": "x"}, ("spec", "WrongType")),
    ],
)
def test_an_envelope_that_is_wrong(fields: dict[str, Any], expected: tuple[str, str]) -> None:
    assert faults(changed(**fields)) == [expected]


def test_unknown_versions_of_kubernetes_are_refused() -> None:
    assert faults({**document("Service", {}), "apiVersion": "v2"}) == [
        ("apiVersion", "UnknownVersion")
    ]
    raw = {**document("EndpointSlice"), "apiVersion": "discovery.k8s.io/v1beta1"}
    assert faults(raw) == [("apiVersion", "UnknownVersion")]


@pytest.mark.parametrize(
    ("api_version", "kind"),
    [("v1", "ConfigMap"), ("apps/v1", "Deployment"), ("example.com/v1", "VirtualService")],
)
def test_kinds_that_we_do_not_use(api_version: str, kind: str) -> None:
    raw = {"apiVersion": api_version, "kind": kind}
    assert decode(raw) == Ignored(kind, api_version)


@pytest.mark.parametrize("raw", [None, "x", 7, [], [{}], True])
def test_what_is_no_object(raw: object) -> None:
    (verdict,) = refused(raw)
    assert verdict.reason == "NotAnObject"


def test_a_near_miss_is_pointed_out() -> None:
    (verdict,) = refused(virtual_service(route(timeouts="1s")))
    assert verdict.remedy == 'did you mean "timeout"?'
    (verdict,) = refused(virtual_service(route(), export_to=[]))
    assert verdict.remedy == 'did you mean "exportTo"?'
    (verdict,) = refused(virtual_service(route(match=[{"headers": {"a": {"exakt": "x"}}}])))
    assert verdict.remedy == 'did you mean "exact"?'
    (verdict,) = refused(changed(kind="Virtualservice"))
    assert verdict.remedy == 'did you mean "VirtualService"?'


def test_long_and_deep_values_are_cut() -> None:
    deep: list[Any] = []
    for _ in range(5000):
        deep = [deep]
    found = refused(virtual_service(route(timeout=deep), typo=deep, hosts=["x" * 10_000]))
    assert len(found) == 3
    assert all(len(one.message) < 500 for one in found)


def test_keys_that_are_no_text() -> None:
    assert refused(virtual_service({**route(), 7: 1}))  # type: ignore[dict-item]
    assert refused({**changed(), 7: 1})


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
FIELDS = sorted(
    {field.alias or name for kind in KINDS for name, field in kind.model.model_fields.items()}
    | {"match", "route", "uri", "exact", "regex", "destination", "host", "weight", "number"}
    | {"name", "port", "labels", "set", "add", "remove", "headers", "request", "tcp", "mode"}
)
structured = st.recursive(
    values,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(FIELDS), inner, max_size=5)
    ),
    max_leaves=12,
)


@settings(deadline=None)
@given(values | st.dictionaries(st.sampled_from(["apiVersion", "kind", "metadata"]), values))
def test_decode_never_raises(raw: object) -> None:
    assert isinstance(decode(raw), Object | Refusal | Ignored)


@settings(deadline=None, max_examples=200)
@given(
    st.sampled_from(NAMES),
    st.dictionaries(st.sampled_from(FIELDS), structured, max_size=6),
    st.dictionaries(st.sampled_from(["name", "namespace", "labels"]), values),
    structured,
)
def test_decode_of_something_like_an_object_never_raises(
    kind: str, spec: dict[str, Any], metadata: dict[str, Any], status: object
) -> None:
    raw = {"apiVersion": GROUPS.get(kind, "v1"), "kind": kind, "metadata": metadata}
    found = decode({**raw, "spec": spec, "status": status, **spec})
    assert isinstance(found, Object | Refusal)
    if isinstance(found, Refusal):
        assert any(one.severity is Severity.ERROR for one in found.verdicts)
