"""One recorded case through our own pipeline, in process: documents -> xDS as proto-JSON."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import yaml
from google.protobuf import json_format

from controlplane.convergence import Options, World, build, converge, own_view, place, shared_view
from controlplane.kinds import Key, Object, Refusal, decode
from translators import Memo, translate
from translators.model import Interception, Proxy, ProxyType
from translators.wire import ASSIGNMENT, CLUSTER, LISTENER, ROUTE, Packed

CASES = Path(__file__).parent / "cases"
GROUPS = {CLUSTER: "clusters", ASSIGNMENT: "endpoints", LISTENER: "listeners", ROUTE: "routes"}


@dataclass(frozen=True)
class Answer:
    """What we say of a case: what was refused, and a dump for each proxy."""

    refused: Mapping[Key, Refusal]
    dumps: Mapping[str, dict[str, list[object]]]


def cases() -> Iterator[Path]:
    return (path for path in sorted(CASES.iterdir()) if path.is_dir())


def title(case: Path) -> str:
    return (case / "input.yaml").read_text().splitlines()[0].lstrip("# ")


def answer(case: Path) -> Answer:
    world, refused = world_of(case)
    dumps = {}
    for entry in yaml.safe_load((case / "proxy.yaml").read_text()):
        dumps[entry["name"]] = dump(world, proxy_of(entry))
    return Answer(refused, dumps)


def world_of(case: Path) -> tuple[World, Mapping[Key, Refusal]]:
    objects: dict[Key, Object] = {}
    refused: dict[Key, Refusal] = {}
    accepted = accepted_by_istio(case)
    for index, raw in enumerate(yaml.safe_load_all((case / "input.yaml").read_text())):
        if raw is None or not accepted.get((raw["kind"], raw["metadata"]["name"]), True):
            continue
        # keys of maps are text, as they are in the JSON that kubectl sends
        found = decode(json.loads(json.dumps(raw)), weights="relative")
        if isinstance(found, Object):
            objects[found.key] = replace(found, order=(index,))
        elif isinstance(found, Refusal):
            refused[found.key] = found
    world = converge(
        objects=objects,
        refused=refused,
        changed=frozenset(objects),
        before=World(options=Options(missing_destination="istio")),
        now=0.0,
    )
    return world, refused


def accepted_by_istio(case: Path) -> dict[tuple[str, str], bool]:
    verdicts = json.loads((case / "expected" / "verdicts.json").read_text())
    return {(v["kind"], v["name"]): v["accepted"] for v in verdicts}


def proxy_of(entry: Mapping[str, object]) -> Proxy:
    namespace, ip = str(entry["namespace"]), str(entry["ip"])
    kind, name = str(entry["type"]), str(entry["name"])
    domain = f"{namespace}.svc.cluster.local"
    labels = entry.get("labels")
    assert isinstance(labels, dict | None)
    return Proxy(
        id=f"{kind}~{ip}~{name}.{namespace}~{domain}",
        type=ProxyType(kind),
        ip=ip,
        name=name,
        namespace=namespace,
        dns_domain=domain,
        ips=(ip,),
        labels=labels or {},
        interception=Interception.REDIRECT,
    )


def dump(world: World, proxy: Proxy) -> dict[str, list[object]]:
    """What the proxy would hold: of assignments and tables only what it would ask for."""
    standing = place(world, proxy)
    built = build(world, standing.shared, None)
    memo = Memo()
    held: dict[str, dict[str, Packed]] = {url: {} for url in GROUPS}
    for view in (own_view(standing.own), shared_view(built)):
        for url, packed in translate(view, memo).items():
            held[url] |= packed
    tables = {name for packed in held[LISTENER].values() for name in packed.tables}
    held[ROUTE] = {name: p for name, p in held[ROUTE].items() if name in tables}
    return {
        group: [decoded(held[url][name]) for name in sorted(held[url])]
        for url, group in GROUPS.items()
    }


def decoded(packed: Packed) -> object:
    """The message as proto-JSON."""
    from google.protobuf.any_pb2 import Any

    message = json_format.MessageToDict(
        Any(type_url=packed.type_url, value=packed.value), preserving_proto_field_name=True
    )
    message.pop("@type", None)
    return message
