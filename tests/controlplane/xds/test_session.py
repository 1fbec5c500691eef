"""Playbooks: what the client says or the world becomes, and what goes out then."""

import pytest
from envoy.service.discovery.v3.discovery_pb2 import (
    DeltaDiscoveryRequest,
    DeltaDiscoveryResponse,
    DiscoveryResponse,
)

from controlplane.xds.reports import Acked, Nacked, Waited
from controlplane.xds.requests import ProtocolError, Request, delta_request
from controlplane.xds.resources import Resource, empty_assignment
from controlplane.xds.responses import Response
from controlplane.xds.session import Session, Timing
from tests.fakes.world import World, assignment, cluster, listener, route, secret
from translators.wire import ASSIGNMENT, CLUSTER, LISTENER, ROUTE, SECRET

SHORT = {CLUSTER: "CDS", ASSIGNMENT: "EDS", LISTENER: "LDS", ROUTE: "RDS", SECRET: "SDS"}


class Play:
    """A stream, its world and a clock. Responses read as `CDS +a -b`."""

    def __init__(self, *resources: Resource, delta: bool = True, full_state: bool = False) -> None:
        self.delta = delta
        self.now = 0.0
        self.world = World(*resources)
        self.session = Session(delta=delta, full_state=full_state)
        self.session.publish(self.world.snapshot(), self.now)
        self.names: dict[str, tuple[str, ...]] = {}
        self.out: list[Response] = []

    def says(self, type_url: str, **fields: object) -> list[str]:
        self.session.request(Request(type_url=type_url, **fields), self.now)  # type: ignore[arg-type]
        return self.poll()

    def asks(self, type_url: str, *names: str, nonce: str = "") -> list[str]:
        """Subscribe (delta), or name all that is wanted (SotW)."""
        self.names[type_url] = names
        if self.delta:
            return self.says(type_url, subscribe=names)
        return self.says(type_url, names=names, nonce=nonce)

    def poll(self) -> list[str]:
        self.out = list(self.session.poll(self.now))
        return [self.line(response) for response in self.out]

    def line(self, response: Response) -> str:
        decoded = (DeltaDiscoveryResponse if self.delta else DiscoveryResponse).FromString(
            response.encode()
        )
        assert (decoded.nonce, decoded.type_url) == (response.nonce, response.type_url)
        words = [SHORT.get(response.type_url, response.type_url)]
        words += [f"+{item.name}" for item in response.resources]
        words += [f"-{name}" for name in response.removed if self.delta]
        return " ".join(words)

    def acks(self, *, error: str | None = None) -> list[str]:
        """Answer all of the last responses, then see what goes out."""
        for response in self.out:
            names = self.names.get(response.type_url, ())
            answer = Request(
                type_url=response.type_url,
                nonce=response.nonce,
                error=error,
                names=() if self.delta else names,
            )
            self.session.request(answer, self.now)
        return self.poll()

    def nacks(self, text: str) -> list[str]:
        return self.acks(error=text)

    def becomes(self, *resources: Resource, **gone: str) -> list[str]:
        """The world has these too, and `CDS="a"` not any more."""
        self.world.put(*resources)
        for type_url, short in SHORT.items():
            if short in gone:
                self.world.drop(type_url, *gone[short].split())
        self.session.publish(self.world.snapshot(), self.now)
        return self.poll()

    def passes(self, seconds: float) -> list[str]:
        self.now += seconds
        return self.poll()

    def held_back(self) -> list[str]:
        return [line for kind in self.session.status().types for line in kind.held_back]


def running(*more: Resource, delta: bool = True) -> Play:
    """A proxy that runs listener l, route table t and cluster a, all acknowledged."""
    play = Play(
        cluster("a"),
        assignment("a"),
        listener("l", tables=("t",)),
        route("t", clusters=("a",)),
        *more,
        delta=delta,
    )
    play.asks(CLUSTER)
    play.acks()
    play.asks(ASSIGNMENT, "a")
    play.acks()
    play.asks(LISTENER)
    play.acks()
    play.asks(ROUTE, "t")
    assert play.acks() == []
    assert play.session.open_names() == 0
    return play


# subscriptions


def test_the_first_request_without_names_asks_for_all_clusters() -> None:
    play = Play(cluster("a"), cluster("b"))
    assert play.asks(CLUSTER) == ["CDS +a +b"]
    assert play.acks() == []


def test_a_first_request_without_names_asks_for_no_routes() -> None:
    assert Play(route("t")).asks(ROUTE) == []


def test_an_empty_world_is_answered_too() -> None:
    assert Play().asks(CLUSTER) == ["CDS"]


def test_nothing_goes_out_before_there_is_a_world() -> None:
    session = Session(delta=True)
    session.request(Request(type_url=CLUSTER), 0.0)
    assert session.poll(0.0) == ()
    session.publish(World(cluster("a")).snapshot(), 0.0)
    assert [response.type_url for response in session.poll(0.0)] == [CLUSTER]


def test_star_and_names_are_kept_apart() -> None:
    play = Play(cluster("a"), cluster("b"))
    assert play.asks(CLUSTER, "*", "b") == ["CDS +b +a"]
    play.acks()
    assert play.says(CLUSTER, unsubscribe=("*",)) == []
    assert play.becomes(cluster("a", 2), cluster("b", 2)) == ["CDS +b"]


def test_a_name_given_up_under_a_wildcard_is_told_again() -> None:
    play = Play(cluster("a"))
    play.asks(CLUSTER, "*", "a", "gone")
    play.acks()
    assert play.says(CLUSTER, unsubscribe=("a", "gone")) == ["CDS +a -gone"]


def test_the_last_name_given_up_is_not_a_wildcard() -> None:
    play = Play(cluster("a"), cluster("b"))
    play.asks(CLUSTER, "a")
    play.acks()
    assert play.says(CLUSTER, unsubscribe=("a",)) == []
    assert play.becomes(cluster("a", 2), cluster("b", 2)) == []


def test_a_name_asked_for_again_comes_again() -> None:
    play = Play(route("t"))
    assert play.asks(ROUTE, "t") == ["RDS +t"]
    play.acks()
    assert play.asks(ROUTE, "t") == ["RDS +t"]
    play.acks()
    play.says(ROUTE, unsubscribe=("t",))
    assert play.asks(ROUTE, "t") == ["RDS +t"]


def test_only_what_changed_goes_out() -> None:
    play = Play(secret("a"), secret("b"))
    play.asks(SECRET, "a", "b")
    play.acks()
    assert play.becomes(secret("b", 2)) == ["SDS +b"]


# names that do not exist


def test_a_missing_name_is_told_once_and_comes_when_it_exists() -> None:
    play = Play(route("t"))
    assert play.asks(ROUTE, "t", "later") == ["RDS +t -later"]
    assert play.acks() == []
    assert play.becomes(route("later")) == ["RDS +later"]
    play.acks()
    assert play.becomes(RDS="later") == ["RDS -later"]
    play.acks()
    assert play.becomes(route("later")) == ["RDS +later"]


def test_a_proxy_gets_an_empty_assignment_so_that_warming_ends() -> None:
    play = Play(cluster("a"))
    play.asks(CLUSTER)
    assert play.asks(ASSIGNMENT, "a") == ["EDS +a"]
    assert play.out[0].resources == (empty_assignment("a"),)


def test_an_assignment_that_is_held_is_not_emptied() -> None:
    play = running()
    assert play.becomes(EDS="a") == []
    assert play.becomes(cluster("a", 2)) == ["CDS +a", "EDS +a"]
    assert play.out[1].resources == (assignment("a"),)


# reconnect


def claims(*resources: Resource) -> dict[str, str]:
    return {item.name: item.version for item in resources}


def test_who_has_everything_is_sent_nothing() -> None:
    play = Play(cluster("a"), assignment("a"))
    assert play.says(CLUSTER, initial_versions=claims(cluster("a"))) == []
    versions = claims(assignment("a"))
    assert play.says(ASSIGNMENT, subscribe=("a",), initial_versions=versions) == []
    assert play.session.holds(ASSIGNMENT, "a") == assignment("a").version
    assert play.session.open_names() == 0


def test_a_cluster_that_changed_meanwhile_comes_with_its_assignment() -> None:
    play = Play(cluster("a", 2), assignment("a"))
    assert play.says(CLUSTER, initial_versions=claims(cluster("a"))) == ["CDS +a"]
    versions = claims(assignment("a"))
    assert play.says(ASSIGNMENT, subscribe=("a",), initial_versions=versions) == ["EDS +a"]


def test_a_cluster_that_was_cold_when_the_stream_broke_gets_its_assignment() -> None:
    play = running()
    play.becomes(cluster("a", 2))
    after = Session(delta=True, cold=play.session.cold())
    after.publish(play.world.snapshot(), 0.0)
    after.request(Request(type_url=CLUSTER, initial_versions=claims(cluster("a", 2))), 0.0)
    versions = claims(assignment("a"))
    after.request(Request(type_url=ASSIGNMENT, subscribe=("a",), initial_versions=versions), 0.0)
    assert [response.type_url for response in after.poll(0.0)] == [ASSIGNMENT]


def test_nothing_is_removed_before_listeners_and_routes_are_current() -> None:
    play = Play(listener("l", tables=("t",)), route("t", 2))
    assert play.says(CLUSTER, initial_versions=claims(cluster("old"))) == []
    assert play.says(LISTENER, initial_versions=claims(*play_listeners())) == []
    versions = claims(route("t"))
    assert play.says(ROUTE, subscribe=("t",), initial_versions=versions) == ["RDS +t"]
    assert play.acks() == []
    # what drains from before is not known
    assert play.held_back() == [
        "Cluster old: connections still drain from listener of the last stream"
    ]
    assert play.passes(45.0) == ["CDS -old"]


def play_listeners() -> tuple[Resource, ...]:
    return (listener("l", tables=("t",)),)


def test_a_type_not_asked_for_in_time_is_not_of_this_stream() -> None:
    play = Play()
    assert play.says(CLUSTER, initial_versions=claims(cluster("old"))) == []
    assert play.session.deadline() == 5.0
    assert play.passes(5.0) == []
    assert play.session.deadline() == 45.0
    assert play.passes(40.0) == ["CDS -old"]


# make before break


def test_a_route_waits_for_the_assignment_of_its_new_cluster() -> None:
    play = running()
    new = (cluster("b"), assignment("b"), route("t", 2, clusters=("b",)))
    assert play.becomes(*new, CDS="a") == ["CDS +b"]
    assert play.held_back() == [
        "Cluster a: may still be used by RouteConfiguration t",
        "RouteConfiguration t: not warm yet: cluster b",
    ]
    sent_clusters = play.out
    assert play.asks(ASSIGNMENT, "b") == ["EDS +b"]
    assert play.acks() == ["RDS +t"]
    assert play.acks() == ["CDS -a"]
    assert play.acks() == []
    play.out = sent_clusters  # an Envoy may acknowledge clusters late
    assert play.acks() == []
    assert play.session.open_names() == 0


def test_the_wait_of_a_route_is_bounded_and_told() -> None:
    play = running()
    play.becomes(cluster("b"), assignment("b"), route("t", 2, clusters=("b",)))
    assert play.session.deadline() == 5.0
    assert play.passes(4.9) == []
    assert play.passes(0.1) == ["RDS +t"]
    waited = [event for event in play.session.events() if isinstance(event, Waited)]
    assert waited == [Waited("RouteConfiguration t", 5.0, "not warm yet: cluster b")]


def test_a_cluster_that_resolves_names_goes_apart_and_holds_back_only_briefly() -> None:
    play = running()
    dns = cluster("dns", eds=False)
    new = (dns, cluster("b"), assignment("b"), route("t", 2, clusters=("dns",)))
    assert play.becomes(*new) == ["CDS +b", "CDS +dns"]
    assert play.session.deadline() == 0.5
    assert play.passes(0.5) == ["RDS +t"]


def test_a_changed_cluster_comes_with_its_assignment_and_holds_back_no_route_that_uses_it() -> None:
    play = running()
    changed = (cluster("a", 2), route("t", 2, clusters=("a",)))
    assert play.becomes(*changed) == ["CDS +a", "EDS +a", "RDS +t"]


def test_clusters_of_a_replaced_listener_stay_while_it_drains() -> None:
    play = running(cluster("tcp"), assignment("tcp"), listener("m", clusters=("tcp",), port=81))
    play.asks(ASSIGNMENT, "tcp")
    play.acks()
    play.poll()
    play.acks()
    gone = play.becomes(LDS="m", CDS="tcp", EDS="tcp")
    assert gone == ["LDS -m"]
    assert play.acks() == []
    assert play.held_back() == ["Cluster tcp: connections still drain from listener m"]
    assert play.session.deadline() == 45.0
    assert play.passes(45.0) == ["CDS -tcp"]


def test_a_removed_route_table_is_in_use_until_it_is_given_up() -> None:
    play = running()
    assert play.becomes(listener("l", 2), LDS="", RDS="t", CDS="a") == ["LDS +l"]
    assert play.acks() == []
    assert play.passes(45.0) == ["RDS -t"]
    assert play.acks() == []
    assert play.held_back() == ["Cluster a: may still be used by RouteConfiguration t"]
    assert play.says(ROUTE, unsubscribe=("t",)) == ["CDS -a"]


def test_a_listener_goes_after_the_new_ones_are_acknowledged() -> None:
    play = running()
    assert play.becomes(listener("m", port=81), LDS="l") == ["LDS +m"]
    assert play.acks() == ["LDS -l"]


def test_a_listener_goes_with_the_one_that_takes_its_address() -> None:
    play = running()
    assert play.becomes(listener("m"), LDS="l") == ["LDS +m -l"]


def test_who_names_clusters_gets_routes_first_and_keeps_clusters() -> None:
    play = Play(
        cluster("a"),
        assignment("a"),
        listener("l", tables=("t",)),
        route("t", clusters=("a",)),
        delta=False,
        full_state=True,
    )
    assert play.asks(LISTENER, "l") == ["LDS +l"]
    assert play.asks(ROUTE, "t") == ["RDS +t"]
    assert play.asks(CLUSTER, "a") == ["CDS +a"]
    nonce = play.out[0].nonce
    assert (
        play.becomes(cluster("b"), assignment("b"), route("t", 2, clusters=("b",)), CDS="a") == []
    )
    play.says(CLUSTER, names=("a",), nonce=nonce)
    assert play.says(ROUTE, names=("t",), nonce="3") == ["RDS +t"]
    assert play.says(CLUSTER, names=("a", "b"), nonce=nonce) == ["CDS +a +b"]
    assert play.says(CLUSTER, names=("b",), nonce=play.out[0].nonce) == []
    assert not play.session.subscribed(CLUSTER, "a")


def test_a_newer_version_waits_for_the_answer_to_the_last() -> None:
    play = Play(secret("a"))
    play.asks(SECRET, "a")
    first = play.out
    assert play.becomes(secret("a", 2)) == []
    assert play.becomes(secret("a", 3)) == []
    play.out = first
    assert play.acks() == ["SDS +a"]
    assert play.out[0].resources == (secret("a", 3),)
    assert play.becomes(secret("a", 4)) == []
    assert play.passes(5.0) == ["SDS +a"]


# refusals


def test_a_culprit_that_is_named_is_left_out() -> None:
    play = Play(secret("a"), secret("b"), secret("ab"))
    play.asks(SECRET, "a", "b", "ab")
    assert play.nacks("Error in 'ab': no") == ["SDS +a +b"]
    assert play.acks() == []
    version = secret("ab").version
    (nacked,) = [event for event in play.session.events() if isinstance(event, Nacked)]
    assert nacked == Nacked(SECRET, (("ab", version),), "Error in 'ab': no")
    (status,) = play.session.status().types
    assert [(nack.name, nack.version) for nack in status.nacks] == [("ab", version)]
    assert play.becomes(secret("a", 2)) == ["SDS +a"]
    play.acks()
    assert play.becomes(secret("ab", 2)) == ["SDS +ab"]


def test_a_culprit_without_name_is_searched_by_halves() -> None:
    names = tuple("abcd")
    play = Play(*(secret(name) for name in names))
    play.asks(SECRET, *names)
    assert play.nacks("field out of range") == ["SDS +a +b", "SDS +c +d"]
    good, bad = play.out
    play.out = [good]
    assert play.acks() == []
    play.out = [bad]
    assert play.nacks("field out of range") == ["SDS +c", "SDS +d"]
    good, bad = play.out
    play.out = [good]
    assert play.acks() == []
    play.out = [bad]
    assert play.nacks("field out of range") == []
    assert [play.session.holds(SECRET, name) is None for name in names] == [False] * 3 + [True]


def test_a_refused_route_keeps_what_the_old_one_uses() -> None:
    play = running()
    play.becomes(cluster("b"), assignment("b"), route("t", 2, clusters=("b",)), CDS="a")
    play.acks()
    play.asks(ASSIGNMENT, "b")
    assert play.acks() == ["RDS +t"]
    assert play.nacks("bad regex") == []
    assert play.passes(1000.0) == []
    assert play.held_back() == ["Cluster a: may still be used by RouteConfiguration t"]
    assert play.becomes(route("t", 3, clusters=("b",))) == ["RDS +t"]
    assert play.acks() == ["CDS -a"]


def test_sotw_puts_the_last_good_version_in_place_of_a_culprit() -> None:
    play = Play(cluster("a"), cluster("b"), delta=False)
    play.asks(CLUSTER)
    play.acks()
    assert play.becomes(cluster("a", 2), cluster("b", 2)) == ["CDS +a +b"]
    assert play.nacks("cluster a: no") == ["CDS +a +b"]
    assert play.out[0].resources == (cluster("a"), cluster("b", 2))


def test_sotw_an_overlapped_refusal_that_names_nobody_leaves_nothing_of_it_applied() -> None:
    play = Play(listener("old", port=80), delta=False)
    play.asks(LISTENER)
    play.acks()
    play.becomes(listener("new", port=80), listener("bad", port=81), LDS="old")
    assert {item.name for item in play.out[0].resources} == {"new", "bad"}
    overlapped = play.out
    assert play.becomes(listener("new", 2, port=80), LDS="bad") == []
    play.out = overlapped
    assert play.nacks("a field is out of range") == ["LDS +new"]
    # not the first version of the new one beside the old one, which has its address
    assert play.nacks("a field is out of range") == ["LDS +old"]
    assert play.acks() == []


def test_sotw_what_was_applied_beside_a_named_culprit_stays() -> None:
    play = Play(listener("old", port=80), delta=False)
    play.asks(LISTENER)
    play.acks()
    play.becomes(listener("new", port=80), listener("bad", port=81), LDS="old")
    overlapped = play.out
    assert play.becomes(listener("new", 2, port=80), LDS="bad") == []
    play.out = overlapped
    assert play.nacks("listener bad: no") == ["LDS +new"]
    assert play.nacks("listener new: no") == []
    play.becomes(listener("other", port=82))
    # its first version runs, and the old one gave its address up to it
    assert set(play.out[0].resources) == {listener("new", port=80), listener("other", port=82)}


# acknowledged generations


def test_a_generation_counts_when_all_of_it_is_acknowledged() -> None:
    play = running()
    play.session.events()
    play.becomes(route("t", 2, clusters=("a",)))
    assert Acked(ROUTE, 2) not in play.session.events()
    play.acks()
    assert play.session.events() == (Acked(ROUTE, 2),)


# state of the world


def test_sotw_repeats_all_clusters_but_only_the_changed_routes() -> None:
    play = Play(cluster("a"), cluster("b"), route("s"), route("t"), delta=False)
    play.asks(CLUSTER)
    play.acks()
    assert play.becomes(cluster("b", 2)) == ["CDS +a +b"]
    play.acks()
    play.asks(ROUTE, "s", "t")
    play.acks()
    assert play.becomes(route("t", 2)) == ["RDS +t"]


def test_sotw_answers_without_what_is_missing() -> None:
    play = Play(delta=False)
    assert play.asks(LISTENER, "greeter:7070") == ["LDS"]
    assert play.acks() == []
    assert play.becomes(listener("greeter:7070")) == ["LDS +greeter:7070"]


def test_sotw_one_empty_name_is_neither_everything_nor_a_name() -> None:
    play = Play(cluster("a"), delta=False)
    play.asks(CLUSTER, "a")
    play.acks()
    assert play.asks(CLUSTER, "", nonce="2") == []
    assert play.becomes(cluster("a", 2)) == []


def test_sotw_an_empty_list_later_means_what_it_meant_first() -> None:
    play = Play(cluster("a"), delta=False)
    play.asks(CLUSTER)
    play.acks()
    assert play.becomes(cluster("a", 2)) == ["CDS +a"]
    named = Play(route("t"), delta=False)
    named.asks(ROUTE, "t")
    named.acks()
    assert named.asks(ROUTE, nonce=named.out[0].nonce if named.out else "2") == []
    assert named.becomes(route("t", 2)) == []


def test_sotw_a_second_request_before_the_first_answer_is_answered() -> None:
    play = Play(cluster("a"), cluster("b"), delta=False, full_state=True)
    assert play.asks(CLUSTER, "a") == ["CDS +a"]
    first = play.out
    assert play.asks(CLUSTER, "a", "b") == ["CDS +a +b"]
    second = play.out
    play.out = first
    assert play.acks() == []  # late
    play.out = second
    assert play.acks() == []
    assert play.session.open_names() == 0


def test_sotw_a_first_nonce_of_another_server_is_not_stale() -> None:
    play = Play(cluster("a"), delta=False)
    assert play.asks(CLUSTER, nonce="2026-01-01T00:00:00Z/1") == ["CDS +a"]


def test_sotw_the_nonce_of_another_type_is_ignored() -> None:
    play = Play(cluster("a"), listener("l"), delta=False)
    play.asks(CLUSTER)
    play.asks(LISTENER)
    nonce = play.out[0].nonce
    assert play.says(CLUSTER, names=("a",), nonce=nonce) == []
    assert play.session.status().types[0].wildcard


def test_sotw_one_response_of_a_type_at_a_time() -> None:
    play = Play(cluster("a"), delta=False)
    play.asks(CLUSTER)
    first = play.out
    assert play.becomes(cluster("b")) == []
    play.out = first
    assert play.acks() == ["CDS +a +b"]


# bounds, and what it costs


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"type_url": ""}, "no type_url"),
        ({"type_url": ROUTE, "subscribe": ("x" * 5000,)}, "longer than 4096"),
        ({"type_url": ROUTE, "names": ("x",) * 100_001}, "more than 100000"),
    ],
)
def test_what_no_client_may_say(fields: dict[str, object], text: str) -> None:
    with pytest.raises(ProtocolError, match=text):
        Request(**fields)  # type: ignore[arg-type]


def test_a_stream_may_not_name_too_much() -> None:
    session = Session(delta=True)
    session.request(Request(type_url=ROUTE, subscribe=tuple(map(str, range(100_000)))), 0.0)
    with pytest.raises(ProtocolError, match="more than 100000 names are subscribed"):
        session.request(Request(type_url=ROUTE, subscribe=("one more",)), 0.0)


def test_a_request_is_read_with_its_refusal() -> None:
    message = DeltaDiscoveryRequest(type_url=ROUTE, response_nonce="7")
    message.error_detail.code = 13
    message.error_detail.message = "bad"
    assert delta_request(message).error == "bad (code 13)"


class Counted(dict[str, Resource]):
    """A mapping that counts look-ups."""

    looks = 0

    def get(self, *key: object) -> Resource | None:  # type: ignore[override]
        self.looks += 1
        return super().get(*key)  # type: ignore[call-overload,no-any-return]


def test_one_changed_cluster_among_thousands_touches_few_names() -> None:
    play = Play(*(cluster(f"c{index}") for index in range(5000)))
    play.asks(CLUSTER)
    play.acks()
    assert play.session.open_names() == 0
    counted = Counted(play.world.maps[CLUSTER])
    counted["c7"] = cluster("c7", 2)
    play.world.maps[CLUSTER] = counted
    snapshot = play.world.snapshot()
    play.session.publish(snapshot, 0.0)
    assert play.session.open_names() == 1
    assert play.poll() == ["CDS +c7"]
    assert play.acks() == []
    assert 0 < counted.looks < 30


def test_timing_is_settable() -> None:
    assert Session(delta=True, timing=Timing(stage_wait=1.0)).deadline() is None
