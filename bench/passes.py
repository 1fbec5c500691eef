"""The work alone: passes, publication and sessions in one process, without files or network.

`python -m bench passes` prints milliseconds; run it under a profiler to see where they go:
`python -m cProfile -s tottime -m bench passes`.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryRequest

from bench.crowd import proxy_of
from bench.mesh import Document, Mesh
from bench.result import Figure, Goal, Result, one
from bench.samples import Samples, milliseconds
from controlplane.convergence import World, converge
from controlplane.publication import Publication
from controlplane.sources.changes import Listed, Put
from controlplane.sources.store import Store
from controlplane.xds.hub import Hub, Seat
from controlplane.xds.requests import Request, delta_request
from controlplane.xds.resources import Shelf
from controlplane.xds.responses import Response, Splices
from controlplane.xds.rollout import Timing
from controlplane.xds.session import Session
from translators import Memo
from translators.wire import ASSIGNMENT, CLUSTER, LISTENER, ROUTE

_SOURCE = "bench"
_COLD = Goal(p50=6)


@dataclass(slots=True)
class Desk:
    """What a running control plane has, without its edges."""

    mesh: Mesh
    store: Store = field(default_factory=lambda: Store([_SOURCE]))
    hub: Hub = field(default_factory=Hub)
    splices: Splices = field(default_factory=Splices)
    world: World = field(default_factory=World)
    publication: Publication = field(init=False)

    def __post_init__(self) -> None:
        self.publication = Publication(self.hub, memo=Memo(), shelf=Shelf())
        self.hub.attend(self.publication)

    def put(self, *documents: Document) -> None:
        puts = []
        for document in documents:
            meta = document["metadata"]
            puts.append(
                Put(_SOURCE, f"{document['kind']}/{meta['namespace']}/{meta['name']}", document)
            )
        self.store.apply(puts)

    def converge(self) -> None:
        config = self.store.take()
        self.world = converge(
            objects=config.objects,
            refused=config.refused,
            changed=config.changed,
            before=self.world,
            now=0.0,
        )

    def publish(self) -> None:
        self.publication.publish(self.world, 0.0)

    def join(self, number: int) -> Seat:
        return self.hub.join(
            proxy_of(self.mesh, number),
            Session(delta=True, timing=Timing(), splices=self.splices),
            wake=lambda: None,
            since=datetime.now(UTC),
            address="",
            now=0.0,
        )


def passes(*, clients: int, services: int, repeats: int) -> Result:
    """A mesh from nothing, clients from nothing, then single changes to all of them."""
    desk = Desk(Mesh(services))
    documents = [one for _, found in desk.mesh.files() for one in found]
    figures = [
        one("decode all objects", "ms", _timed(lambda: desk.put(*documents))),
    ]
    desk.store.apply([Listed(_SOURCE)])
    figures.append(one("first pass: converge", "ms", _timed(desk.converge)))
    first = [desk.join(number) for number in range(desk.mesh.namespaces)]
    figures.append(one("first pass: publish to 10 groups", "ms", _timed(desk.publish)))
    for seat in first:
        cold(seat)
    seats = [*first, *(desk.join(number) for number in range(len(first), clients))]
    fresh = [_timed(partial(cold, seat)) for seat in seats[len(first) :]]
    figures.append(Figure("cold start of a client", "ms", Samples(tuple(fresh)), _COLD))
    figures += _changes(desk, seats, "weight", lambda n: desk.mesh.routes(0, f"s{n}", 50), repeats)
    figures += _changes(
        desk, seats, "endpoint", lambda n: desk.mesh.slice_of(0, f"10.99.0.{n % 250}"), repeats
    )
    facts = {"clients": clients, "services": services}
    return Result("passes", tuple(figures), facts)


def _changes(
    desk: Desk, seats: list[Seat], what: str, document: Callable[[int], Document], repeats: int
) -> Iterator[Figure]:
    converged, published, served = [], [], []
    for number in range(repeats):
        desk.put(document(number))
        converged.append(_timed(desk.converge))
        published.append(_timed(desk.publish))
        served.append(_timed(lambda: _serve(seats)) / len(seats) * 1000)
    yield Figure(f"{what} change: converge", "ms", Samples(tuple(converged)))
    yield Figure(f"{what} change: publish to all", "ms", Samples(tuple(published)))
    yield Figure(f"{what} change: send and ACK, each seat", "us", Samples(tuple(served)))


def _timed(work: Callable[[], object]) -> float:
    """Milliseconds."""
    begin = time.perf_counter()
    work()
    return milliseconds([time.perf_counter() - begin]).p50


def _serve(seats: list[Seat]) -> None:
    for seat in seats:
        _acked(seat, _sent(seat))
        _sent(seat)


def cold(seat: Seat) -> None:
    """A client starts as Envoy does, until it holds everything."""
    _ask(seat, CLUSTER)
    clusters = _sent(seat)
    names = [one.name for found in clusters for one in found.resources if one.needs_assignment]
    _ask(seat, ASSIGNMENT, *names)
    _acked(seat, clusters)
    _acked(seat, _sent(seat))
    _ask(seat, LISTENER)
    listeners = _sent(seat)
    tables = {table for found in listeners for one in found.resources for table in one.tables}
    _ask(seat, ROUTE, *sorted(tables))
    _acked(seat, listeners)
    _acked(seat, _sent(seat))
    assert not _sent(seat)


def _ask(seat: Seat, type_url: str, *names: str) -> None:
    seat.session.request(_read(type_url=type_url, resource_names_subscribe=names), 1.0)


def _acked(seat: Seat, responses: list[Response]) -> None:
    for response in responses:
        request = _read(type_url=response.type_url, response_nonce=response.nonce)
        seat.session.request(request, 1.0)


def _sent(seat: Seat) -> list[Response]:
    responses = list(seat.session.poll(1.0))
    for response in responses:
        response.encode()
    seat.session.events()
    return responses


def _read(**fields: object) -> Request:
    """As it comes from the wire."""
    data = DeltaDiscoveryRequest(**fields).SerializeToString()
    return delta_request(DeltaDiscoveryRequest.FromString(data))
