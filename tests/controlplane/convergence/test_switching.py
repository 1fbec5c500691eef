"""From one mode of mutual TLS to another: at no moment do clients speak what servers refuse."""

from itertools import pairwise, product

import pytest

from controlplane.convergence import Options, Phase, World
from controlplane.convergence.mtls import accepted, peers, told, told_peers
from controlplane.kinds import Key
from tests.fakes import pipeline, shop
from tests.fakes.pipeline import Pipeline
from translators.model import PeerMode
from translators.wire import LISTENER

LABELS = {"app": "web"}
MODES = ("PERMISSIVE", "STRICT", "DISABLE")


def policy(mode: str, *, ports: dict[str, str] | None = None) -> shop.Document:
    spec: shop.Document = {"mtls": {"mode": mode}}
    if ports:
        spec["selector"] = {"matchLabels": LABELS}
        spec["portLevelMtls"] = {port: {"mode": own} for port, own in ports.items()}
    return {
        "apiVersion": "security.istio.io/v1",
        "kind": "PeerAuthentication",
        "metadata": shop.meta("modes"),
        "spec": spec,
    }


def mesh(*documents: shop.Document) -> Pipeline:
    made = Pipeline(Options(switch_wait=15.0))
    pod = shop.pod("v1", shop.PLACES["v1"][0], app="web")
    pod["metadata"]["labels"]["security.istio.io/tlsMode"] = "istio"
    made.put(shop.service("web", {"app": "web"}), pod, shop.slice_of("web", "v1"), *documents)
    return made


def serves(world: World, port: int | None = None) -> PeerMode:
    table = peers(world.mesh, world.options)
    return accepted(table, namespace=shop.NAMESPACE, labels=LABELS, port=port)


def hears(world: World, port: int | None = None) -> PeerMode:
    table = told_peers(world.mesh, world.options)
    return told(table, namespace=shop.NAMESPACE, labels=LABELS, port=port)


def passes(spoken: PeerMode, server: PeerMode) -> bool:
    """Whether a client that is told `spoken` gets through: DISABLE is plaintext, all else TLS."""
    plaintext = spoken is PeerMode.DISABLE
    return server is not (PeerMode.STRICT if plaintext else PeerMode.DISABLE)


@pytest.mark.parametrize(("old", "new"), [p for p in product(MODES, MODES) if p[0] != p[1]])
def test_clients_get_through_at_every_step(old: str, new: str) -> None:
    made = mesh(policy(old))
    worlds = [made.world, made.put(policy(new))]
    assert made.world.transition is not None
    assert made.world.transition.phase is Phase.OPENING
    worlds += [made.follow(), made.follow()]
    assert made.world.transition is None
    # proxies do not follow at once: any may still have what was published one step earlier
    for before, after in pairwise(worlds):
        for server, client in product((before, after), repeat=2):
            assert passes(hears(client), serves(server)), (hears(client), serves(server))
    assert (serves(worlds[-1]), hears(worlds[-1])) == (PeerMode(new), PeerMode(new))


def test_nothing_moves_before_all_have_acknowledged() -> None:
    made = mesh(policy("DISABLE"))
    made.put(policy("STRICT"))
    assert (serves(made.world), hears(made.world)) == (PeerMode.PERMISSIVE, PeerMode.DISABLE)
    made.wait(1.0)
    assert (serves(made.world), hears(made.world)) == (PeerMode.PERMISSIVE, PeerMode.DISABLE)
    made.follow()
    assert (serves(made.world), hears(made.world)) == (PeerMode.PERMISSIVE, PeerMode.STRICT)
    made.wait(1.0)
    assert serves(made.world) is PeerMode.PERMISSIVE
    made.follow()
    assert serves(made.world) is PeerMode.STRICT


def test_a_proxy_that_never_acknowledges_holds_it_up_for_so_long_and_no_longer() -> None:
    made = mesh(policy("DISABLE"))
    made.put(policy("STRICT"))
    assert made.world.wake_at == made.now + 15.0
    made.wait(15.0)
    assert (serves(made.world), hears(made.world)) == (PeerMode.PERMISSIVE, PeerMode.STRICT)
    made.wait(15.0)
    assert (serves(made.world), made.world.transition) == (PeerMode.STRICT, None)
    assert made.world.wake_at is None


def test_who_changes_his_mind_in_between_breaks_nothing() -> None:
    made = mesh(policy("DISABLE"))
    worlds = [made.world, made.put(policy("STRICT")), made.follow()]
    worlds += [made.put(policy("DISABLE")), made.follow(), made.put(policy("PERMISSIVE"))]
    worlds += [made.follow(), made.follow()]
    for before, after in pairwise(worlds):
        for server, client in product((before, after), repeat=2):
            assert passes(hears(client), serves(server))
    assert made.world.transition is None
    assert (serves(made.world), hears(made.world)) == (PeerMode.PERMISSIVE, PeerMode.PERMISSIVE)


def test_a_policy_that_is_removed_is_a_change_too() -> None:
    made = mesh(policy("STRICT"))
    made.delete(("PeerAuthentication", "modes"))
    assert made.world.transition is not None
    made.follow()
    made.follow()
    assert serves(made.world) is PeerMode.PERMISSIVE


def test_ports_of_their_own_are_opened_too() -> None:
    made = mesh(policy("STRICT", ports={"9080": "DISABLE"}))
    made.put(policy("STRICT"))
    assert serves(made.world, 9080) is PeerMode.PERMISSIVE
    assert hears(made.world, 9080) is PeerMode.DISABLE
    assert serves(made.world, 9081) is PeerMode.STRICT
    made.follow()
    made.follow()
    assert (serves(made.world, 9080), hears(made.world, 9080)) == (
        PeerMode.STRICT,
        PeerMode.STRICT,
    )


def test_endpoints_and_listeners_follow_in_their_phases() -> None:
    made = mesh(policy("DISABLE"))
    client, server = pipeline.proxy(), pipeline.proxy("v1", ip=shop.PLACES["v1"][0])
    cluster = f"outbound|9080||{shop.HOST}"

    def mutual() -> bool:
        return any(e.mutual for e in made.view(client).assignments[cluster].endpoints)

    def secured() -> int:
        return made.packed(server)[LISTENER]["virtualInbound"].value.count(b"ROOTCA")

    assert (mutual(), secured()) == (False, 0)
    made.put(policy("STRICT"))
    assert not mutual()
    assert secured()
    made.follow()
    assert mutual()


def test_the_policy_says_that_it_is_under_way_and_why() -> None:
    made = mesh(policy("PERMISSIVE"))
    made.put(policy("STRICT"))
    key = Key("PeerAuthentication", shop.NAMESPACE, "modes")
    (verdict,) = [v for v in made.world.verdicts()[key] if v.reason == "SwitchingModes"]
    assert "when all servers have acknowledged" in verdict.message
    made.follow()
    (verdict,) = [v for v in made.world.verdicts()[key] if v.reason == "SwitchingModes"]
    assert "when all clients have acknowledged" in verdict.message
    made.follow()
    assert "SwitchingModes" not in [v.reason for v in made.world.verdicts().get(key, ())]


def test_at_the_first_pass_nobody_is_there_to_wait_for() -> None:
    made = mesh(policy("STRICT"))
    assert made.world.transition is None
    assert (serves(made.world), hears(made.world)) == (PeerMode.STRICT, PeerMode.STRICT)


def test_without_a_wait_modes_change_at_once() -> None:
    made = Pipeline()
    made.put(policy("DISABLE"))
    made.put(policy("STRICT"))
    assert made.world.transition is None
    assert (serves(made.world), hears(made.world)) == (PeerMode.STRICT, PeerMode.STRICT)
