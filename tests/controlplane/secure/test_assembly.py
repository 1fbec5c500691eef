"""What settings make of the secure port. That it serves: tests/features."""

from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from controlplane.secure import assembly
from controlplane.settings import Settings
from controlplane.tasks import SystemClock
from controlplane.telemetry import Telemetry
from controlplane.xds.hub import Hub
from sds.ca.material import MaterialError


def build(**settings: Any) -> assembly.Secure:
    return assembly.build(
        Settings(config_dir=Path("/"), **settings),
        Hub(),
        clock=SystemClock(),
        metrics=Telemetry(),
        renewed=lambda seat: None,
    )


async def names(**settings: Any) -> tuple[list[str], list[str]]:
    secure = build(**settings)
    await secure._serving.start()
    leaf = x509.load_pem_x509_certificate(secure._serving.presented().chain)
    found = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    addresses = map(str, found.get_values_for_type(x509.IPAddress))
    return found.get_values_for_type(x509.DNSName), list(addresses)


async def test_the_names_of_the_port() -> None:
    hosts, addresses = await names(secure_address="0.0.0.0:15012", root_namespace="mesh")
    assert hosts[0] == "istiod.mesh.svc"
    assert addresses == ["127.0.0.1", "::1"]


async def test_names_and_addresses_that_are_given() -> None:
    hosts, addresses = await names(
        secure_address="127.0.60.9:15012", secure_names=("mesh.example.org", "127.0.60.8")
    )
    assert hosts[-1] == "mesh.example.org"
    assert addresses == ["127.0.0.1", "::1", "127.0.60.8", "127.0.60.9"]


def test_the_root_stays_across_restarts_and_is_for_its_owner(tmp_path: Path) -> None:
    first = build(state_dir=tmp_path).trust.roots
    assert build(state_dir=tmp_path).trust.roots == first
    keys = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert keys
    assert {path.stat().st_mode & 0o077 for path in keys} == {0}


def test_a_root_that_cannot_be_read_is_never_replaced(tmp_path: Path) -> None:
    build(state_dir=tmp_path)
    for path in (tmp_path / "ca").glob("root-*.pem"):
        path.write_bytes(b"garbage")
    with pytest.raises(MaterialError):
        build(state_dir=tmp_path)
    assert {path.read_bytes() for path in (tmp_path / "ca").glob("root-*.pem")} == {b"garbage"}
