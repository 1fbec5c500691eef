"""Certificates and keys that proxies get over SDS: made for those that have no agent, renewed in
time, and of routers the Secrets that their Gateways name.

A key exists here, in the memory of the proxy that it is for, and on the stream between; it is
written nowhere.
"""

import asyncio
import heapq
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Final

from controlplane import telemetry
from controlplane.convergence import EMPTY_WORLD, World, secrets_of
from controlplane.tasks import Clock, spawn
from controlplane.xds.hub import Seat
from controlplane.xds.resources import EMPTY_LAYER, Layer, Resource, resource
from sds.ca.authority import Authority
from sds.identity import SpiffeId, parse
from sds.issuer import Issuer, Refused, SigningFailed
from sds.lifecycle import Alarm, Phase, State, alarm, asked, begin, due, failed, issued, next_at
from sds.secrets import KeyPair
from translators import sds
from translators.model import ProxyType, SecretContent, SecretSource
from translators.wire import SECRET

WORKLOAD: Final = "default"
ROOT: Final = "ROOTCA"
_REMEMBERED: Final = 10_000  # proxies that are gone, whose certificates wait for them
_AT_ONCE: Final = 16
_SPARE: Final = 64
_LONGEST_SLEEP: Final = 30.0  # so that a clock that jumps is noticed

_Owner = tuple[str, str]  # node id and identity


@dataclass(slots=True, eq=False)
class _Holder:
    """One proxy's certificate, and the seats of the streams that it has open."""

    identity: SpiffeId
    state: State
    pair: KeyPair | None = field(default=None, repr=False)
    resource: Resource | None = field(default=None, repr=False)
    seats: set[Seat] = field(default_factory=set)


class Keyring:
    """The secrets of every seat (Publication's Secrets).

    renewed  is called for a seat whose layer is another one now
    roll     random numbers in [0, 1)
    """

    def __init__(
        self,
        issuer: Issuer,
        authority: Authority,
        *,
        clock: Clock,
        roll: Callable[[], float],
        metrics: telemetry.Telemetry,
        renewed: Callable[[Seat], None],
    ) -> None:
        self._issuer = issuer
        self._authority = authority
        self._clock = clock
        self._roll = roll
        self._metrics = metrics
        self._renewed = renewed
        self._holders: OrderedDict[_Owner, _Holder] = OrderedDict()
        self._layers: dict[Seat, Layer] = {}
        # of routers alone: what they are given, and that as it goes over the wire
        self._contents: dict[Seat, Mapping[str, SecretContent]] = {}
        self._gateways: dict[Seat, Mapping[str, Resource]] = {}
        self._due: list[tuple[datetime, int, _Owner]] = []
        self._numbers = 0
        self._wake = asyncio.Event()
        self._looked = clock.now()
        self._world = EMPTY_WORLD
        self._log = telemetry.log("keyring")
        self._trust = self._roots()
        authority.on_change(self._trusted)
        # counted when somebody looks, not whenever something changes
        metrics.first_expiry.set_function(self._first_end)
        for phase in Phase:
            metrics.delivered.labels(str(phase)).set_function(partial(self._counted, phase))

    # -- what the seats have -------------------------------------------------------------------

    def joined(self, seat: Seat) -> None:
        if not seat.proxy.identity:
            return
        if seat.proxy.secrets is SecretSource.ADS:
            owner = (seat.proxy.id, seat.proxy.identity)
            holder = self._holders.get(owner)
            if holder is None:
                identity = parse(seat.proxy.identity)
                holder = self._holders[owner] = _Holder(identity, begin(self._clock.now()))
                self._schedule(owner, holder)
            holder.seats.add(seat)
            self._holders.move_to_end(owner)
        if seat.proxy.type is ProxyType.ROUTER:
            self._contents[seat] = {}
            self._take_over(seat)
        self._layers[seat] = self._made(seat)

    def left(self, seat: Seat) -> None:
        self._layers.pop(seat, None)
        self._contents.pop(seat, None)
        self._gateways.pop(seat, None)
        holder = self._holders.get((seat.proxy.id, seat.proxy.identity))
        if holder is not None:
            # kept: who comes back within its lifetime is sent nothing
            holder.seats.discard(seat)
            self._forget()

    def layer(self, seat: Seat) -> Layer:
        return self._layers.get(seat, EMPTY_LAYER)

    def refresh(self, world: World) -> Iterable[Seat]:
        """Take over the Secrets of `world`; the seats whose layer is another one now."""
        touched = world.touched
        moved = touched.gateways or touched.secrets or self._world is EMPTY_WORLD
        # Gateways select routers by their labels, DestinationRules name what they present
        moved = moved or bool(touched.workloads)
        moved = moved or world.mesh.policies is not self._world.mesh.policies
        self._world = world
        if not moved:
            return ()
        changed = []
        for seat in self._contents:
            if self._take_over(seat):
                self._layers[seat] = self._made(seat)
                changed.append(seat)
        return changed

    def trust(self) -> Resource:
        """The roots as they are delivered now."""
        return self._trust

    def certificate(self, seat: Seat) -> KeyPair | None:
        """What was made for `seat`; for its chain, not for its key."""
        holder = self._holders.get((seat.proxy.id, seat.proxy.identity))
        return None if holder is None else holder.pair

    def acknowledged(self, seat: Seat) -> bool:
        """Whether the proxy has acknowledged the certificate that was made last."""
        holder = self._holders.get((seat.proxy.id, seat.proxy.identity))
        wanted = holder.resource if holder is not None else None
        return wanted is not None and seat.session.holds(SECRET, WORKLOAD) == wanted.version

    def state(self, seat: Seat) -> State | None:
        holder = self._holders.get((seat.proxy.id, seat.proxy.identity))
        return None if holder is None else holder.state

    def _made(self, seat: Seat) -> Layer:
        found = dict(self._gateways.get(seat, {}))
        if seat.proxy.secrets is SecretSource.ADS:
            found[ROOT] = self._trust
            holder = self._holders.get((seat.proxy.id, seat.proxy.identity))
            if holder is not None and holder.resource is not None:
                found[WORKLOAD] = holder.resource
        return Layer({SECRET: found}) if found else EMPTY_LAYER

    def _take_over(self, seat: Seat) -> bool:
        """Give a router what its Gateways name now; whether that is something else. Only a Secret
        that is another one is packed again."""
        found, before = secrets_of(self._world.mesh, seat.proxy), self._contents[seat]
        if found == before:
            return False
        held = self._gateways.get(seat, {})
        self._contents[seat] = found
        self._gateways[seat] = {
            name: held[name] if before.get(name) == content else resource(sds.secret(name, content))
            for name, content in found.items()
        }
        return True

    def _roots(self) -> Resource:
        return resource(sds.trust(ROOT, roots=self._authority.bundle.pem, crl=self._authority.crl))

    def _trusted(self) -> None:
        """The roots changed: everybody is told."""
        self._trust = self._roots()
        for seat in [s for s in self._layers if s.proxy.secrets is SecretSource.ADS]:
            self._relay(seat)

    def _relay(self, seat: Seat) -> None:
        if seat in self._layers:
            self._layers[seat] = self._made(seat)
            self._renewed(seat)

    def _forget(self) -> None:
        gone = len(self._holders) - _REMEMBERED
        if gone <= 0:
            return
        for owner in [o for o, holder in self._holders.items() if not holder.seats][:gone]:
            del self._holders[owner]

    # -- making and renewing -------------------------------------------------------------------

    def _schedule(self, owner: _Owner, holder: _Holder) -> None:
        self._numbers += 1
        heapq.heappush(self._due, (next_at(holder.state), self._numbers, owner))
        if len(self._due) > 2 * len(self._holders) + _SPARE:
            # those of proxies that are forgotten would wait for hours to be looked at
            owners = enumerate(self._holders.items())
            self._due = [(next_at(one.state), number, known) for number, (known, one) in owners]
            heapq.heapify(self._due)
        self._wake.set()

    async def run(self) -> None:
        """Make what is missing and renew what is due, for as long as the task lives."""
        while True:
            self._wake.clear()
            ready = self._ready()
            if ready:
                async with asyncio.TaskGroup() as group:
                    for owner, holder in ready:
                        spawn(group, f"certificate {owner[0]}", self._make(owner, holder))
                continue
            try:
                async with asyncio.timeout(self._sleep()):
                    await self._wake.wait()
            except TimeoutError:
                pass

    def _sleep(self) -> float:
        if not self._due:
            return _LONGEST_SLEEP
        seconds = (self._due[0][0] - self._clock.now()).total_seconds()
        return max(0.0, min(seconds, _LONGEST_SLEEP))

    def _jumped(self, now: datetime) -> Iterator[tuple[_Owner, _Holder]]:
        """Those that are due although their time has not come: the clock was set back."""
        for owner, holder in self._holders.items():
            if holder.seats and due(holder.state, now) and next_at(holder.state) > now:
                yield owner, holder

    def _ready(self) -> list[tuple[_Owner, _Holder]]:
        """Those that are due, a few at a time."""
        now = self._clock.now()
        if now < self._looked:
            for owner, early in tuple(self._jumped(now)):
                early.state = replace(early.state, due_at=now)
                self._schedule(owner, early)
        self._looked = now
        found: list[tuple[_Owner, _Holder]] = []
        while self._due and self._due[0][0] <= now and len(found) < _AT_ONCE:
            _, _, owner = heapq.heappop(self._due)
            holder = self._holders.get(owner)
            if holder is None or next_at(holder.state) > now:
                continue  # put down again since
            if not holder.seats:
                # nobody needs it: who comes back later gets a new one
                del self._holders[owner]
                continue
            holder.state = asked(holder.state, now)
            found.append((owner, holder))
        return found

    async def _make(self, owner: _Owner, holder: _Holder) -> None:
        try:
            pair = await self._issuer.make(holder.identity)
        except (Refused, SigningFailed) as error:
            holder.state = failed(holder.state, now=self._clock.now(), roll=self._roll())
            self._metrics.renewals.labels("failed").inc()
            self._complain(owner, holder, error)
        else:
            leaf = pair.leaf
            holder.pair = pair
            holder.resource = resource(sds.certificate(WORKLOAD, chain=pair.chain, key=pair.key))
            holder.state = issued(
                holder.state,
                leaf.not_valid_before_utc,
                leaf.not_valid_after_utc,
                now=self._clock.now(),
                roll=self._roll(),
            )
            self._metrics.renewals.labels("made").inc()
            for seat in tuple(holder.seats):
                self._relay(seat)
        self._schedule(owner, holder)

    def _complain(self, owner: _Owner, holder: _Holder, error: Exception) -> None:
        level = alarm(holder.state, self._clock.now())
        log = self._log.error if level >= Alarm.ERROR else self._log.warning
        log(
            "certificate_not_renewed",
            proxy=owner[0],
            identity=str(holder.identity),
            alarm=level.name,
            error=str(error),
            why=str(error.__cause__ or ""),
        )

    def _counted(self, phase: Phase) -> int:
        return sum(holder.state.phase is phase for holder in self._holders.values())

    def _first_end(self) -> float:
        ends = [h.state.not_after for h in self._holders.values() if h.state.not_after is not None]
        return min(ends).timestamp() if ends else 0.0
