"""What a gRPC server without a proxy runs: a listener for each port that a service has."""

from dataclasses import replace

import pytest

from controlplane.convergence import own_view, place
from tests.controlplane.convergence.test_peers import PROXIED, peers
from tests.fakes import shop
from tests.fakes.pipeline import Pipeline, proxy
from translators.model import Listener, SecretSource

ADDRESS = "127.0.60.11"
NAME = "xds.istio.io/grpc/lds/inbound/{}:9080"


def listeners(
    *modes: str, proxied: bool = False, secrets: SecretSource = SecretSource.AGENT
) -> dict[str, Listener]:
    made = Pipeline()
    labels = PROXIED if proxied else {}
    made.put(shop.service("web", {"app": "web"}), shop.pod("web", ADDRESS, app="web", **labels))
    for mode in modes:
        made.put(peers("a", mode))
    server = replace(proxy("web", ip=ADDRESS, generator="grpc"), secrets=secrets)
    return dict(own_view(place(made.world, server).own).listeners)


def secured(found: dict[str, Listener]) -> bool:
    (chain,) = found[NAME.format("0.0.0.0")].chains
    assert chain.name == ("inbound-plaintext" if chain.tls is None else "inbound-mtls")
    return chain.tls is not None


def test_it_is_found_by_every_address_that_a_server_listens_on() -> None:
    found = listeners()
    assert set(found) == {NAME.format(address) for address in ("0.0.0.0", "[::]", ADDRESS)}
    assert {(one.address, one.port) for one in found.values()} == {
        ("0.0.0.0", 9080),
        ("::", 9080),
        (ADDRESS, 9080),
    }


def test_one_mode_holds_for_all_callers() -> None:
    assert not secured(listeners("DISABLE", proxied=True))
    assert secured(listeners("STRICT"))
    assert not secured(listeners("PERMISSIVE"))
    assert secured(listeners("PERMISSIVE", proxied=True))


@pytest.mark.parametrize(("mode", "there"), [("STRICT", False), ("PERMISSIVE", True)])
def test_without_an_identity_what_is_strict_is_not_served(mode: str, there: bool) -> None:
    found = listeners(mode, proxied=True, secrets=SecretSource.NONE)
    assert bool(found) == there
    assert not there or not secured(found)


def test_a_client_that_no_service_leads_to_serves_nothing() -> None:
    made = Pipeline()
    client = proxy("client", generator="grpc")
    assert not own_view(place(made.world, client).own).listeners
