"""From a document, as YAML or JSON gave it, to an Object, a Refusal, or Ignored. Never raises."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Final, Literal

from pydantic import ValidationError

from controlplane.kinds import labels
from controlplane.kinds.catalogue import BY_NAME, ISTIO, KINDS, Kind
from controlplane.kinds.faults import nearest, problems, unknown_field, verdict
from controlplane.kinds.objects import Ignored, Key, Meta, Object, Refusal, Severity
from controlplane.kinds.problems import Path, Problem

Weights = Literal["exact", "relative"]
Decoded = Object | Refusal | Ignored

DEFAULT_NAMESPACE: Final = "default"
ROOT_NAMESPACE: Final = "istio-system"

_TOP: Final = frozenset({"apiVersion", "kind", "metadata", "spec", "status"})
_GROUPS: Final = frozenset(kind.group for kind in KINDS) | frozenset(ISTIO)
_METADATA: Final = (
    "name",
    "namespace",
    "labels",
    "annotations",
    "creationTimestamp",
    "generation",
    "generateName",
    "resourceVersion",
    "uid",
    "selfLink",
    "ownerReferences",
    "finalizers",
    "managedFields",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
)
# written by tools on every change of anything, and read by nobody here
_NOISE: Final = "kubectl.kubernetes.io/last-applied-configuration"
_NO_LABELS: Final[Mapping[str, str]] = {}


def decode(raw: object, *, weights: Weights = "exact") -> Decoded:
    """What `raw` says. `weights` "relative" takes any sum above 0, as Istio does.

    Every fault of a document is reported; a document that is no object at all is refused under a
    key with an empty name.
    """
    if not isinstance(raw, Mapping):
        return _refused(
            Key("", "", ""),
            Problem((), "NotAnObject", "a document is a map", "write apiVersion, kind, metadata"),
        )
    api_version, name = raw.get("apiVersion"), raw.get("kind")
    missing = [
        Problem((field,), "Required", "it is required", f"write {field}, as Kubernetes has it")
        for field, value in (("apiVersion", api_version), ("kind", name))
        if not isinstance(value, str) or not value
    ]
    if not isinstance(name, str) or not isinstance(api_version, str) or missing:
        return _refused(_key(raw, str(name) if isinstance(name, str) else ""), *missing)
    group, _, version = api_version.rpartition("/")
    kind = BY_NAME.get((group, name))
    if kind is None:
        return _unknown_kind(raw, group, name, api_version)
    if version not in kind.versions:
        wanted = f"{group}/{kind.versions[0]}" if group else kind.versions[0]
        return _refused(
            _key(raw, name),
            Problem(
                ("apiVersion",),
                "UnknownVersion",
                f"{name} has no such version",
                f"write apiVersion: {wanted}",
                api_version,
            ),
        )
    return _decode(raw, kind, weights)


def _unknown_kind(raw: Mapping[object, object], group: str, name: str, version: str) -> Decoded:
    if group not in ISTIO:
        elsewhere = [kind for kind in KINDS if kind.name == name and kind.strict]
        if elsewhere and group.endswith("istio.io"):
            return _refused(
                _key(raw, name),
                Problem(
                    ("apiVersion",),
                    "UnknownVersion",
                    f"{name} is not in this group",
                    f"write apiVersion: {elsewhere[0].group}/{elsewhere[0].versions[0]}",
                    version,
                ),
            )
        return Ignored(name, version)
    if name in ISTIO[group]:
        problem = Problem(
            ("kind",), "NotSupported", "the kind is not served yet", "remove the object", name
        )
    else:
        near = nearest(name, [kind.name for kind in KINDS if kind.group == group])
        problem = Problem(
            ("kind",),
            "UnknownKind",
            f"there is no such kind in {group}",
            f'did you mean "{near}"?' if near else "remove the object",
            name,
        )
    return _refused(_key(raw, name), problem)


def _decode(raw: Mapping[object, object], kind: Kind, weights: Weights) -> Decoded:
    metadata = raw.get("metadata")
    meta: Mapping[object, object] = metadata if isinstance(metadata, Mapping) else {}
    key = _key(raw, kind.name, namespaced=kind.namespaced)
    found = list(_envelope(raw, kind, metadata))
    root: Path = () if kind.whole else ("spec",)
    source: object = raw if kind.whole else raw.get("spec", {})
    if not kind.whole and source is None:
        source = {}
    if kind.status and isinstance(source, Mapping):
        if kind.status in source:
            found.append(unknown_field((*root, kind.status), known=()))
        source = {**source, kind.status: raw.get("status")}
    try:
        model = kind.model.model_validate(source, context=weights)
    except ValidationError as error:
        details = error.errors(include_url=False)
        found += (_under(root, one) for one in problems(kind.model, details))
        return _refused(key, *found)
    if found:
        return _refused(key, *found)
    return Object(
        key=key,
        meta=_meta(meta),
        spec=model.value(),
        warnings=tuple(verdict(key, remark, root) for remark in model.remarks()),
        raw={} if kind.secret else raw,  # type: ignore[arg-type]  # the envelope was checked: its keys are text
    )


def _under(root: Path, problem: Problem) -> Problem:
    return problem._replace(path=(*root, *problem.path))


def _key(raw: Mapping[object, object], kind: str, *, namespaced: bool = True) -> Key:
    metadata = raw.get("metadata")
    meta = metadata if isinstance(metadata, Mapping) else {}
    name, namespace = meta.get("name"), meta.get("namespace")
    if not namespaced:
        namespace = ""
    elif not isinstance(namespace, str) or not namespace:
        namespace = DEFAULT_NAMESPACE
    return Key(kind, namespace, name if isinstance(name, str) else "")


def _envelope(raw: Mapping[object, object], kind: Kind, metadata: object) -> Iterator[Problem]:
    if kind.strict:
        for field in raw:
            if field not in _TOP:
                yield unknown_field((str(field),), known=sorted(_TOP))
    if not isinstance(metadata, Mapping):
        yield Problem(("metadata",), "Required", "it is required", "write metadata.name")
        return
    name = metadata.get("name")
    if not isinstance(name, str) or not name:
        yield Problem(("metadata", "name"), "Required", "it is required", "name the object")
    elif not labels.is_object_name(name):
        yield Problem(("metadata", "name"), "Name", labels.name_rule, "choose another name", name)
    namespace = metadata.get("namespace")
    if namespace is not None and (
        not isinstance(namespace, str)
        or (namespace and ("." in namespace or not labels.is_object_name(namespace)))
    ):
        yield Problem(
            ("metadata", "namespace"),
            "Name",
            "this is no name of a namespace",
            "write the name of a namespace",
            namespace,
        )
    for block in ("labels", "annotations"):
        yield from _text_map(block, metadata.get(block))
    if kind.strict:
        for field in metadata:
            if field not in _METADATA:
                yield unknown_field(("metadata", str(field)), known=_METADATA)
        yield from _selects_from_root(raw, kind, namespace)


def _text_map(block: str, value: object) -> Iterator[Problem]:
    if value is None:
        return
    if not isinstance(value, Mapping):
        yield Problem(
            ("metadata", block), "WrongType", "it must be a map", "write name: text", value
        )
        return
    for name, text in value.items():
        if not isinstance(name, str) or not isinstance(text, str):
            yield Problem(
                ("metadata", block, str(name)),
                "WrongType",
                "names and values are text",
                "put it in quotes",
                text,
            )
        elif block == "labels" and (why := labels.wrong_key(name) or labels.wrong_value(text)):
            yield Problem(("metadata", block, name), "Label", why, "correct the label", text)


def _selects_from_root(
    raw: Mapping[object, object], kind: Kind, namespace: object
) -> Iterator[Problem]:
    spec = raw.get("spec")
    if (
        kind.name == "Sidecar"
        and namespace == ROOT_NAMESPACE
        and isinstance(spec, Mapping)
        and spec.get("workloadSelector")
    ):
        yield Problem(
            ("spec", "workloadSelector"),
            "Selector",
            "a Sidecar of the root namespace is the default of the mesh and selects no workloads",
            "remove the selector, or use another namespace",
        )


def _meta(metadata: Mapping[object, object]) -> Meta:
    generation = metadata.get("generation")
    return Meta(
        labels=_texts(metadata.get("labels")),
        annotations=_texts(metadata.get("annotations")),
        created=_time(metadata.get("creationTimestamp")),
        generation=generation if isinstance(generation, int) else 0,
    )


def _texts(value: object) -> Mapping[str, str]:
    if not isinstance(value, Mapping) or not value:
        return _NO_LABELS
    return {name: text for name, text in value.items() if name != _NOISE}


def _time(value: object) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def _refused(key: Key, *found: Problem) -> Refusal:
    assert any(problem.severity is Severity.ERROR for problem in found)
    return Refusal(key, tuple(verdict(key, problem) for problem in found))
