import json
import time
from pathlib import Path

from bench.mesh import Directory, Mesh
from controlplane.kinds import Object, decode

MESH = Mesh(8, namespaces=3)


def test_every_document_is_accepted() -> None:
    documents = [one for _, found in MESH.files() for one in found]
    assert all(isinstance(decode(document), Object) for document in documents)
    kinds = [document["kind"] for document in documents]
    assert {kind: kinds.count(kind) for kind in set(kinds)} == {
        "Service": 8,
        "Pod": 16,
        "EndpointSlice": 8,
        "DestinationRule": 2,
        "VirtualService": 2,
    }


def test_services_are_spread_over_namespaces() -> None:
    assert [MESH.namespace(number) for number in range(4)] == [
        *("mesh-00", "mesh-01", "mesh-02", "mesh-00"),
    ]
    assert Mesh(8, namespaces=1, prefix="shop").namespace(5) == "shop"


def test_clients_are_pods_of_the_mesh_round_robin() -> None:
    pods = {
        (one["metadata"]["name"], one["metadata"]["namespace"], one["status"]["podIP"])
        for _, found in MESH.files()
        for one in found
        if one["kind"] == "Pod"
    }
    assert {MESH.client(number) for number in range(16)} == pods
    assert MESH.client(16) == MESH.client(0)


def test_no_address_is_given_twice() -> None:
    large = Mesh(1000)
    addresses = [large.client(number)[2] for number in range(2000)]
    assert len(set(addresses)) == 2000
    assert all(address.startswith("10.") for address in addresses)


def test_a_change_shows_in_the_document() -> None:
    assert "step-1" in json.dumps(MESH.routes(4, "step-1", 60))
    assert "10.99.0.1" in json.dumps(MESH.slice_of(4, "10.99.0.1"))


def test_files_come_by_rename_and_say_when(tmp_path: Path) -> None:
    directory = Directory(tmp_path / "config")
    directory.fill(MESH)
    before = time.monotonic()
    at = directory.put("svc-0004.routes.json", MESH.routes(4, "later", 60))
    assert before <= at <= time.monotonic()
    assert "later" in (directory.config / "svc-0004.routes.json").read_text()
    # what is not yet in place is beside the directory, and nothing of it is left
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config"]
