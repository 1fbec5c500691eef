"""The certificate of the secure port, on a clock that is stepped."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from cryptography import x509
from structlog.testing import capture_logs

from controlplane.secure.serving import ServerCertificate, server_names
from sds.issuer import SigningFailed
from tests.controlplane.secure.authority import Signing
from tests.features.client import until


class Served:
    """A certificate that is kept in force, and how often another one was to be shown."""

    def __init__(self) -> None:
        self.signing = Signing()
        self.changes = 0
        self.certificate = ServerCertificate(
            self.signing.issuer,
            self.signing.authority,
            names=server_names("istio-system", ["mesh.example.org"]),
            addresses=["127.0.0.1"],
            clock=self.signing.clock,
            roll=self.signing.roll,
            metrics=self.signing.metrics,
        )
        self.certificate.changed = self.changed

    async def changed(self) -> None:
        self.changes += 1

    @property
    def leaf(self) -> x509.Certificate:
        return x509.load_pem_x509_certificate(self.certificate.presented().chain)


@asynccontextmanager
async def served() -> AsyncIterator[Served]:
    made = Served()
    await made.certificate.start()
    task = asyncio.create_task(made.certificate.run())
    try:
        yield made
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_the_names_by_which_it_is_looked_for() -> None:
    async with served() as made:
        names = made.leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert names.get_values_for_type(x509.DNSName) == [
            "istiod.istio-system.svc",
            "istiod-remote.istio-system.svc",
            "istio-pilot.istio-system.svc",
            "meshpilot.istio-system.svc",
            "mesh.example.org",
        ]
        assert [str(one) for one in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]
        assert made.certificate.presented().roots == made.signing.authority.bundle.pem


async def test_it_is_renewed_before_its_end() -> None:
    async with served() as made:
        first = made.leaf.serial_number
        made.signing.clock.step(1800)
        made.certificate._wake.set()
        await until(lambda: made.changes, "it was renewed")
        assert made.leaf.serial_number != first
        expiry = made.signing.metrics.server_expiry._value.get()
        assert expiry == made.leaf.not_valid_after_utc.timestamp()


async def test_other_roots_are_trusted_and_shown_at_once() -> None:
    async with served() as made:
        made.signing.authority.rotate()
        await until(lambda: made.changes, "it was told")
        assert made.certificate.presented().roots == made.signing.authority.bundle.pem
        assert len(made.signing.authority.bundle.certificates) == 2


async def test_the_old_one_is_shown_while_the_ca_fails() -> None:
    async with served() as made:
        first = made.leaf.serial_number
        made.signing.moody.broken = "on fire"
        with capture_logs() as logs:
            made.signing.clock.step(1800)
            made.certificate._wake.set()
            await until(lambda: logs, "it was tried")
            assert made.leaf.serial_number == first
            made.signing.moody.broken = ""
            made.signing.clock.step(60)
            made.certificate._wake.set()
            await until(lambda: made.leaf.serial_number != first, "it was renewed")
        assert [(entry["event"], entry["why"]) for entry in logs] == [
            ("server_certificate_not_renewed", "on fire")
        ]


async def test_without_a_certificate_there_is_no_start() -> None:
    made = Served()
    made.signing.moody.broken = "on fire"
    with pytest.raises(SigningFailed):
        await made.certificate.start()
