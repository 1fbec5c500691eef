"""The documents of a large mesh, and a directory in which they are put in place by renames.

Every service has two Pods (label `version` v1 and v2) and one EndpointSlice; every fourth one a
DestinationRule with two subsets and a VirtualService that splits 90/10. Addresses are 10.x: data
for the control plane and for Envoy, and never dialled.
"""

import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Document = dict[str, Any]
PLACES = ("v1", "v2")
HEADER = "x-step"


@dataclass(frozen=True, slots=True)
class Mesh:
    """`services` over namespaces `prefix`-00 and so on, each service on `port` (HTTP)."""

    services: int
    namespaces: int = 10
    port: int = 80
    prefix: str = "mesh"

    def namespace(self, number: int) -> str:
        """Of service `number`; a single namespace is just the prefix."""
        return (
            self.prefix if self.namespaces == 1 else f"{self.prefix}-{number % self.namespaces:02d}"
        )

    def files(self) -> Iterator[tuple[str, list[Document]]]:
        """File name -> documents. What scenarios change has a file of its own."""
        for number in range(self.services):
            name = service_name(number)
            yield f"{name}.json", [self._service(number), *self._pods(number)]
            yield f"{name}.slice.json", [self.slice_of(number)]
            if number % 4 == 0:
                yield f"{name}.rule.json", [self._rule(number)]
                yield f"{name}.routes.json", [self.routes(number, "0", 90)]

    def client(self, number: int) -> tuple[str, str, str]:
        """Name, namespace and address of the Pod that client `number` is: round robin."""
        service = number % self.services
        place = number // self.services % len(PLACES)
        return (
            f"{service_name(service)}-{PLACES[place]}",
            self.namespace(service),
            _ip(service, place),
        )

    def routes(self, number: int, step: str, weight: int) -> Document:
        """The VirtualService of a service; answers carry `x-step: step`."""
        name = service_name(number)
        return self._object(
            "networking.istio.io/v1",
            "VirtualService",
            number,
            name,
            {
                "hosts": [name],
                "http": [
                    {
                        "headers": {"response": {"set": {HEADER: step}}},
                        "route": [
                            {"destination": {"host": name, "subset": subset}, "weight": share}
                            for subset, share in zip(PLACES, (weight, 100 - weight), strict=True)
                        ],
                    }
                ],
            },
        )

    def slice_of(self, number: int, *more: str) -> Document:
        """The EndpointSlice of a service; `more` are further addresses without a Pod."""
        namespace, name = self.namespace(number), service_name(number)
        ready = {"ready": True}
        pods = [
            {
                "addresses": [_ip(number, place)],
                "conditions": ready,
                "targetRef": {"kind": "Pod", "name": f"{name}-{label}", "namespace": namespace},
            }
            for place, label in enumerate(PLACES)
        ]
        return {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": self._meta(number, f"{name}-1", **{"kubernetes.io/service-name": name}),
            "addressType": "IPv4",
            "endpoints": [*pods, *({"addresses": [ip], "conditions": ready} for ip in more)],
            "ports": [{"name": "http", "port": self.port, "protocol": "TCP"}],
        }

    def _service(self, number: int) -> Document:
        name = service_name(number)
        spec = {
            "clusterIP": f"10.96.{number // 250}.{number % 250 + 1}",
            "selector": {"app": name},
            "ports": [{"name": "http", "port": self.port}],
        }
        return self._object("v1", "Service", number, name, spec)

    def _pods(self, number: int) -> list[Document]:
        name = service_name(number)
        return [
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": self._meta(number, f"{name}-{label}", app=name, version=label),
                "spec": {"serviceAccountName": name},
                "status": {
                    "phase": "Running",
                    "podIP": _ip(number, place),
                    "conditions": [{"type": "Ready", "status": "True"}],
                },
            }
            for place, label in enumerate(PLACES)
        ]

    def _rule(self, number: int) -> Document:
        name = service_name(number)
        subsets = [{"name": label, "labels": {"version": label}} for label in PLACES]
        spec = {"host": name, "subsets": subsets}
        return self._object("networking.istio.io/v1", "DestinationRule", number, name, spec)

    def _object(self, version: str, kind: str, number: int, name: str, spec: Document) -> Document:
        return {
            "apiVersion": version,
            "kind": kind,
            "metadata": self._meta(number, name),
            "spec": spec,
        }

    def _meta(self, number: int, name: str, **labels: str) -> Document:
        return {"name": name, "namespace": self.namespace(number), "labels": labels}


def service_name(number: int) -> str:
    return f"svc-{number:04d}"


def _ip(number: int, place: int) -> str:
    return f"10.{20 + place}.{number // 250}.{number % 250 + 1}"


@dataclass(frozen=True, slots=True)
class Directory:
    """The configuration directory of a control plane, and a place beside it for what is not yet
    in place."""

    config: Path

    def fill(self, mesh: Mesh) -> None:
        self.config.mkdir(parents=True, exist_ok=True)
        for name, documents in mesh.files():
            (self.config / name).write_text(_text(documents))

    def put(self, name: str, *documents: Document) -> float:
        """Put a file in place by a rename; CLOCK_MONOTONIC just before it."""
        fresh = self.config.parent / f".{name}.new"
        fresh.write_text(_text(list(documents)))
        at = time.monotonic()
        os.replace(fresh, self.config / name)
        return at


def _text(documents: list[Document]) -> str:
    if len(documents) == 1:
        return json.dumps(documents[0])
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": documents})
