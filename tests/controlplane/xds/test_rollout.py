"""Any interleaving of changes, messages, refusals and reconnects, against the strict client."""

from collections import deque

import pytest
from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryRequest, DiscoveryRequest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from controlplane.xds.reports import Waited
from controlplane.xds.requests import delta_request, sotw_request
from controlplane.xds.resources import Resource
from controlplane.xds.rollout import Timing
from controlplane.xds.session import Session
from tests.fakes.strict_client import CDS, EDS, LDS, RDS, StrictEnvoy
from tests.fakes.world import World, assignment, cluster, listener, route

# no gate may run out here: what the bounds do is in test_session
PATIENT = Timing(stage_wait=1e9, brief_wait=1e9, drain=45.0)
DRAIN = 45.0
NUMBERS = st.integers(1, 3)
CLUSTERS = [f"outbound|80||c{index}" for index in range(5)]
TABLES = ["80", "t1", "t2"]
PORTS = {"l0": 80, "l1": 81, "l2": 80}  # l2 takes the address of l0
TARGETS = st.lists(st.sampled_from(CLUSTERS), max_size=3, unique=True).map(tuple)


class Resources(tuple[Resource, ...]):
    """With a short repr, for reports of failures."""

    __slots__ = ()

    def __repr__(self) -> str:
        return " ".join(
            f"{item.type_url.rsplit('.', 1)[-1][:7]}:{item.name}@{item.version[:4]}"
            f"{sorted(item.tables) or ''}{sorted(item.clusters) or ''}"
            for item in self
        )


@st.composite
def worlds(draw: st.DrawFn) -> Resources:
    """All that a proxy shall hold; nothing in it dangles."""
    found: list[Resource] = []
    used: set[str] = set(draw(TARGETS))
    tables: set[str] = set()
    for name in draw(st.sampled_from([("l0", "l1"), ("l1", "l2"), ("l0",), ("l2",), ()])):
        mine = tuple(draw(st.lists(st.sampled_from(TABLES), max_size=2, unique=True)))
        direct = draw(TARGETS)
        tables.update(mine)
        used.update(direct)
        found.append(listener(name, draw(NUMBERS), tables=mine, clusters=direct, port=PORTS[name]))
    tables.update(draw(st.sets(st.sampled_from(TABLES), max_size=1)))
    for name in sorted(tables):
        targets = draw(TARGETS)
        used.update(targets)
        found.append(route(name, draw(NUMBERS), clusters=targets))
    for name in sorted(used):
        eds = draw(st.booleans()) if name.endswith(("3", "4")) else True
        found.append(cluster(name, draw(NUMBERS), eds=eds))
        if eds:
            found.append(assignment(name, draw(NUMBERS)))
    return Resources(found)


class Rollouts(RuleBasedStateMachine):
    """One proxy and its session; every message is in a queue until a rule delivers it."""

    delta = True
    poisonable = (CDS, EDS, LDS, RDS)

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.world = World()
        self.goal: dict[str, dict[str, Resource]] = {}
        self.client = StrictEnvoy(delta=self.delta, drain=DRAIN)
        self.session = Session(delta=self.delta, timing=PATIENT)
        self.to_client: deque[bytes] = deque()

    @initialize(resources=worlds())
    def begin(self, resources: Resources) -> None:
        self.client.connect()
        self._publish(resources)

    @rule(resources=worlds())
    def change(self, resources: Resources) -> None:
        self._publish(resources)

    @rule(resources=worlds(), pick=st.integers(0, 20), named=st.booleans())
    def change_to_something_bad(self, resources: Resources, pick: int, named: bool) -> None:
        able = [item for item in resources if item.type_url in self.poisonable]
        if able:
            bad = able[pick % len(able)]
            held = self.client.understood(bad.type_url, bad.name)
            assert bad.packed is not None
            # what it runs, it does not refuse; nor what it took before, as far as SotW goes: that
            # is repeated in place of a culprit, there is nothing better to repeat
            took = not self.delta and self.session.holds(bad.type_url, bad.name) == bad.version
            if held != bad.packed.value and not took:
                self.client.poison.add((bad.type_url, bad.packed.value))
                self.client.names_culprit = named
        self._publish(resources)

    @precondition(lambda self: self.client.poison)
    @rule()
    def accept_everything(self) -> None:
        self.client.poison.clear()
        if self.delta:  # a refused version is not tried again on the same stream
            self.reconnect(None, True)
        else:
            self._publish(Resources(()))
            self.settle()

    @rule(count=st.integers(1, 4))
    def deliver_to_server(self, count: int) -> None:
        for _ in range(min(count, len(self.client.outbox))):
            self._request(self.client.outbox.popleft())
        self._poll()

    @rule(count=st.integers(1, 4))
    def deliver_to_client(self, count: int) -> None:
        for _ in range(min(count, len(self.to_client))):
            self.client.receive(self.to_client.popleft())

    @rule(seconds=st.sampled_from([1.0, 20.0, 50.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.client.tick(self.now)
        self._poll()

    @rule(resources=st.none() | worlds(), remembered=st.booleans())
    def reconnect(self, resources: Resources | None, remembered: bool) -> None:
        """To the same process (it remembers), or to another one; the world may have changed."""
        if not self.delta:
            # a SotW client does not say what it holds: nothing older can be kept for it
            if self.client.poison:
                return
            self.settle()
            resources = None
        cold = self.session.cold() if remembered else {}
        self.to_client.clear()
        self.session = Session(delta=self.delta, timing=PATIENT, cold=cold)
        self.client.connect(doubtful=cold if remembered else None)
        self._publish(self.goal_resources() if resources is None else resources)
        if not self.delta:
            self.settle()

    @rule()
    def settle(self) -> None:
        """Everything is delivered and drained: the client holds the goal, nothing is open."""
        self._pump()
        # a client that reconnects and asks for no routes is waited for, then taken at its word
        for seconds in (DRAIN + 1, DRAIN + 1, 2 * PATIENT.stage_wait, DRAIN + 1, DRAIN + 1):
            self.now += seconds
            self.client.tick(self.now)
            self.client.give_up(self.goal.get(CDS, {}))
            self._poll()
            self._pump()
        waited = [event for event in self.session.events() if isinstance(event, Waited)]
        assert waited == [], waited
        bad = {type_url for type_url, _ in self.client.poison}
        for type_url in (CDS, EDS, LDS, RDS):
            goal = {
                name: item.packed.value
                for name, item in self.goal.get(type_url, {}).items()
                if item.packed is not None
            }
            held = self.client.holds(type_url)
            if type_url in (EDS, RDS):
                asked = self.client.channels[type_url].names
                goal = {name: value for name, value in goal.items() if name in asked}
            for name in goal.keys() - self._refused(type_url):
                assert held.get(name) == goal[name], (name, self.session.status())
            if not bad:
                assert held == goal, type_url
        if not bad:
            assert self.session.open_names() == 0
            assert not any(kind.held_back for kind in self.session.status().types)

    def teardown(self) -> None:
        if self.client.channels:
            self.settle()

    def _refused(self, type_url: str) -> set[str]:
        """Names that the client does not take, or that wait for one that it does not take."""
        refused: set[str] = set()
        for name, item in self.goal.get(type_url, {}).items():
            assert item.packed is not None
            waits = type_url == LDS and bool(item.tables & self._refused(RDS))
            if waits or (type_url, item.packed.value) in self.client.poison:
                refused.add(name)
        return refused

    def goal_resources(self) -> Resources:
        return Resources(item for found in self.goal.values() for item in found.values())

    def _publish(self, resources: Resources) -> None:
        self.world.replace(resources)
        self.goal = self.world.maps
        self.session.publish(self.world.snapshot(), self.now)
        self._poll()

    def _request(self, message: bytes) -> None:
        if self.delta:
            request = delta_request(DeltaDiscoveryRequest.FromString(message))
        else:
            request = sotw_request(DiscoveryRequest.FromString(message))
        self.session.request(request, self.now)

    def _poll(self) -> None:
        self.to_client.extend(response.encode() for response in self.session.poll(self.now))

    def _pump(self) -> None:
        for _ in range(400):
            while self.to_client:
                self.client.receive(self.to_client.popleft())
            if not self.client.outbox:
                break
            while self.client.outbox:
                self._request(self.client.outbox.popleft())
            self._poll()
        else:
            pytest.fail("the two never come to rest")


class StateOfTheWorld(Rollouts):
    delta = False
    # an assignment that is refused keeps its cluster warming, and Envoy withholds the ACK of CDS
    poisonable = (CDS, LDS, RDS)


SOUND = settings(
    max_examples=100,
    stateful_step_count=25,
    deadline=None,
    derandomize=True,  # the same examples in every run; fuzzing is a run of its own
    suppress_health_check=list(HealthCheck),
)
TestDelta = Rollouts.TestCase
TestDelta.settings = SOUND
TestStateOfTheWorld = StateOfTheWorld.TestCase
TestStateOfTheWorld.settings = SOUND
