"""Certificates of seats on a clock that is stepped: made, renewed, kept for who comes back."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from controlplane.secure.keyring import ROOT, WORKLOAD, Keyring
from controlplane.xds.hub import Seat
from controlplane.xds.resources import EMPTY_LAYER, Resource
from controlplane.xds.session import Session
from sds.lifecycle import Alarm
from tests.controlplane.secure.authority import Signing
from tests.fakes import pipeline
from tests.features.client import until
from translators.model import SecretSource
from translators.wire import SECRET

ID = "spiffe://cluster.local/ns/shop/sa/cart"


class Ring:
    """A keyring that runs, and a note of who was told something."""

    def __init__(self, ttl: float) -> None:
        self.signing = Signing(ttl)
        self.clock = self.signing.clock
        self.told: list[Seat] = []
        self.keyring = Keyring(
            self.signing.issuer,
            self.signing.authority,
            clock=self.clock,
            roll=self.signing.roll,
            metrics=self.signing.metrics,
            renewed=self.told.append,
        )

    def seat(self, name: str = "cart", source: SecretSource = SecretSource.ADS) -> Seat:
        proxy = replace(
            pipeline.proxy(name),
            identity="" if source is SecretSource.NONE else ID,
            secrets=source,
        )
        seat = Seat(name, proxy, Session(delta=True), wake=lambda: None, since=self.clock.now())
        self.keyring.joined(seat)
        return seat

    async def made(self, seat: Seat) -> str:
        """The version of its certificate, once there is one."""
        await until(lambda: self.keyring.certificate(seat), "a certificate")
        return self.version(seat)

    def secret(self, seat: Seat, name: str) -> Resource | None:
        return self.keyring.layer(seat).maps.get(SECRET, {}).get(name)

    def version(self, seat: Seat) -> str:
        found = self.secret(seat, WORKLOAD)
        return "" if found is None else found.version

    async def step(self, seconds: float, until_: Callable[[], object]) -> None:
        self.clock.step(seconds)
        self.keyring._wake.set()
        await until(until_, "what follows from it")


@asynccontextmanager
async def ring(ttl: float = 3600.0) -> AsyncIterator[Ring]:
    made = Ring(ttl)
    task = asyncio.create_task(made.keyring.run())
    try:
        yield made
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_a_seat_has_the_roots_at_once_and_its_certificate_when_it_is_made() -> None:
    async with ring() as made:
        seat = made.seat()
        assert made.secret(seat, ROOT) is made.keyring.trust()
        assert made.secret(seat, WORKLOAD) is None
        await made.made(seat)
        assert made.told == [seat]
        pair = made.keyring.certificate(seat)
        assert pair is not None
        assert str(pair.identity) == ID
        assert not made.keyring.acknowledged(seat)


@pytest.mark.parametrize("source", [SecretSource.AGENT, SecretSource.NONE])
async def test_who_gets_none(source: SecretSource) -> None:
    async with ring() as made:
        seat = made.seat(source=source)
        await made.made(made.seat("other"))
        assert made.keyring.layer(seat) == EMPTY_LAYER
        assert made.keyring.certificate(seat) is None
        assert made.keyring.state(seat) is None


async def test_it_is_renewed_at_half_of_its_life_and_not_before() -> None:
    async with ring() as made:
        seat, other = made.seat(), made.seat("other", SecretSource.AGENT)
        first = await made.made(seat)
        state = made.keyring.state(seat)
        assert state is not None
        assert state.due_at - made.clock.now() == timedelta(seconds=1800)
        made.clock.step(1799)
        assert made.keyring._ready() == []
        await made.step(1, lambda: made.version(seat) != first)
        assert made.told == [seat, seat]
        assert made.keyring.layer(other) == EMPTY_LAYER
        renewals = made.signing.metrics.renewals
        assert renewals.labels("made")._value.get() == 2


async def test_streams_of_one_proxy_share_its_certificate() -> None:
    async with ring() as made:
        ads, sds = made.seat(), made.seat()
        assert await made.made(ads) == await made.made(sds)
        assert made.signing.metrics.renewals.labels("made")._value.get() == 1


async def test_who_comes_back_has_what_it_had() -> None:
    async with ring() as made:
        seat = made.seat()
        first = await made.made(seat)
        made.keyring.left(seat)
        assert made.keyring.layer(seat) == EMPTY_LAYER
        assert made.version(made.seat()) == first


async def test_nobody_renews_for_who_is_gone() -> None:
    async with ring() as made:
        seat = made.seat()
        await made.made(seat)
        made.keyring.left(seat)
        await made.step(1800, lambda: made.keyring.certificate(seat) is None)
        assert made.signing.metrics.renewals.labels("made")._value.get() == 1
        # and who comes back after that gets another one
        await made.made(made.seat())


async def test_those_that_are_gone_are_remembered_within_bounds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("controlplane.secure.keyring._REMEMBERED", 2)
    async with ring() as made:
        seats = [made.seat(f"cart-{number}") for number in range(4)]
        for seat in seats:
            await made.made(seat)
        for seat in seats:
            made.keyring.left(seat)
        kept = [made.keyring.certificate(seat) is not None for seat in seats]
        assert kept == [False, False, True, True]


async def test_a_ca_that_fails_alarms_more_and_more_and_the_old_one_stays() -> None:
    async with ring() as made:
        seat = made.seat()
        first = await made.made(seat)
        made.signing.moody.broken = "on fire"
        with capture_logs() as logs:
            for seconds in (1800, 900, 540, 400):
                tries = len(logs)
                await made.step(seconds, lambda tries=tries: len(logs) > tries)  # type: ignore[misc]
                assert made.version(seat) == first
            made.signing.moody.broken = ""
            await made.step(60, lambda: made.version(seat) != first)
        assert [entry["alarm"] for entry in logs] == [
            alarm.name for alarm in (Alarm.INFO, Alarm.WARNING, Alarm.ERROR, Alarm.EXPIRED)
        ]
        assert [entry["log_level"] for entry in logs] == ["warning", "warning", "error", "error"]
        assert {entry["why"] for entry in logs} == {"on fire"}


async def test_a_clock_that_is_set_back_leaves_nobody_with_an_old_one() -> None:
    async with ring() as made:
        seat = made.seat()
        first = await made.made(seat)
        made.clock.set(made.clock.now() - timedelta(days=30))
        await made.step(0, lambda: made.version(seat) != first)


async def test_other_roots_are_told_to_everybody() -> None:
    async with ring() as made:
        seats = [made.seat("cart-1"), made.seat("cart-2")]
        for seat in seats:
            await made.made(seat)
        made.told.clear()
        before = made.keyring.trust().version
        made.signing.authority.rotate()
        assert made.keyring.trust().version != before
        assert made.told == seats
        for seat in seats:
            assert made.secret(seat, ROOT) is made.keyring.trust()


async def test_what_metrics_say() -> None:
    async with ring() as made:
        metrics = made.signing.metrics
        assert (
            metrics.registry.get_sample_value("meshpilot_workload_cert_first_expiry_timestamp") == 0
        )
        seat = made.seat()
        await made.made(seat)
        pair = made.keyring.certificate(seat)
        assert pair is not None
        found = metrics.registry.get_sample_value("meshpilot_workload_cert_first_expiry_timestamp")
        assert found == pair.not_after.timestamp()
        active = metrics.registry.get_sample_value("meshpilot_workload_certs", {"state": "Active"})
        assert active == 1
