"""Golden cases: `in.yaml` -> verdicts.yaml and one file of resources for each proxy.

The first document of in.yaml lists the proxies that look: {proxies: [{name, namespace, type, ip,
labels, interception, generator, secrets}]}. `make golden` writes what is expected; the diff is the
review.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import yaml
from google.protobuf import json_format
from google.protobuf.any_pb2 import Any as AnyMessage

from controlplane.kinds import Key, Verdict
from tests.fakes.pipeline import Pipeline, proxy
from translators.model import Interception, ProxyType, SecretSource
from translators.wire import ASSIGNMENT, CLUSTER, LISTENER, ROUTE

CASES = Path(__file__).parent / "cases"
SECTIONS = {CLUSTER: "clusters", ASSIGNMENT: "assignments", LISTENER: "listeners", ROUTE: "routes"}


def cases() -> list[Path]:
    return sorted(path for path in CASES.iterdir() if path.is_dir())


def outputs(case: Path) -> Mapping[str, str]:
    """Text of each expected file by its name."""
    head, *documents = yaml.safe_load_all((case / "in.yaml").read_text())
    pipeline = Pipeline()
    pipeline.put(*documents)
    found = {"verdicts.yaml": _dump(list(_verdicts(pipeline)))}
    for entry in head["proxies"]:
        found[f"{entry['name']}.yaml"] = _dump(_resources(pipeline, entry))
    return found


def _verdicts(pipeline: Pipeline) -> Iterator[dict[str, Any]]:
    said: dict[Key, list[Verdict]] = {}
    for key, refusal in pipeline.refused.items():
        said.setdefault(key, []).extend(refusal.verdicts)
    for key, item in pipeline.objects.items():
        said.setdefault(key, []).extend(item.warnings)
    for key, verdicts in pipeline.world.verdicts().items():
        said.setdefault(key, []).extend(verdicts)
    for key, verdicts in sorted(said.items()):
        for verdict in verdicts:
            yield {
                "object": str(key),
                "severity": verdict.severity.value,
                "reason": verdict.reason,
                "field": verdict.field,
                "message": verdict.message,
                "remedy": verdict.remedy,
            }


def _resources(pipeline: Pipeline, entry: Mapping[str, Any]) -> dict[str, Any]:
    viewer = proxy(
        entry["name"],
        namespace=entry.get("namespace", "shop"),
        ip=entry.get("ip", "10.0.0.9"),
        kind=ProxyType(entry.get("type", "sidecar")),
        labels=entry.get("labels"),
        interception=Interception(entry.get("interception", "REDIRECT")),
        generator=entry.get("generator", ""),
    )
    viewer = replace(viewer, secrets=SecretSource(entry.get("secrets", "agent")))
    return {
        SECTIONS[url]: [_message(url, packed.value) for _, packed in sorted(items.items())]
        for url, items in pipeline.packed(viewer).items()
    }


def _message(type_url: str, value: bytes) -> dict[str, Any]:
    found = json_format.MessageToDict(
        AnyMessage(type_url=type_url, value=value), preserving_proto_field_name=True
    )
    found.pop("@type")
    plain: dict[str, Any] = orjson.loads(orjson.dumps(found))
    return plain


def _dump(value: object) -> str:
    return yaml.safe_dump(value, sort_keys=True, width=100)
