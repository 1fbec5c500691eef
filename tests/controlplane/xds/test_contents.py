"""What stands in an Any, for people."""

from envoy.config.core.v3.extension_pb2 import TypedExtensionConfig
from envoy.config.listener.v3.listener_pb2 import Listener
from envoy.extensions.filters.network.http_connection_manager.v3 import (
    http_connection_manager_pb2,
)
from envoy.extensions.transport_sockets.tls.v3.secret_pb2 import Secret
from google.protobuf.any_pb2 import Any

from controlplane.xds.contents import name_of, plain, references, unpacked
from controlplane.xds.resources import Resource
from tests.fakes.world import assignment, cluster, listener, route
from translators.wire import CLUSTER, LISTENER, pack

UNKNOWN = "type.googleapis.com/acme.v1.Widget"


def content(item: Resource) -> Any:
    return Any.FromString(item.any)


def test_names() -> None:
    assert name_of(content(cluster("a"))) == "a"
    assert name_of(content(assignment("a"))) == "a"
    assert name_of(Any(type_url=UNKNOWN, value=b"x")) == ""
    assert name_of(Any(type_url="type.googleapis.com/google.protobuf.Duration")) == ""


def test_an_eds_cluster_refers_to_its_assignment() -> None:
    assert references(content(cluster("a"))) == {"a"}
    assert references(content(cluster("a", eds=False))) == frozenset()
    message = unpacked(content(cluster("a")))
    assert message is not None
    message.eds_cluster_config.service_name = "b"  # type: ignore[attr-defined]
    assert references(pack(message)) == {"b"}


def test_a_listener_refers_to_its_route_tables() -> None:
    assert references(content(listener("l", tables=("80", "81"), clusters=("a",)))) == {"80", "81"}
    manager = http_connection_manager_pb2.HttpConnectionManager()
    manager.rds.route_config_name = "82"
    message = Listener(name="l")
    message.default_filter_chain.filters.add().typed_config.CopyFrom(pack(manager))
    manager.rds.route_config_name = "83"
    message.api_listener.api_listener.CopyFrom(pack(manager))
    assert references(pack(message)) == {"82", "83"}
    assert references(content(route("80"))) == frozenset()
    assert references(Any(type_url=LISTENER, value=b"\xff")) == frozenset()


def test_plain_data_has_the_names_of_the_protos() -> None:
    assert plain(content(cluster("a", 3))) == {
        "@type": CLUSTER,
        "name": "a",
        "type": "EDS",
        "connect_timeout": "3s",
    }


def test_a_type_that_nobody_knows_is_shown_as_base64_wherever_it_stands() -> None:
    unknown = Any(type_url=UNKNOWN, value=b"hello")
    shown = {"@type": UNKNOWN, "value": "aGVsbG8="}
    assert plain(unknown) == shown
    outer = TypedExtensionConfig(name="e", typed_config=unknown)
    assert plain(pack(outer))["typed_config"] == shown
    broken = Any(type_url=CLUSTER, value=b"\xff\xff")
    assert plain(broken) == {"@type": CLUSTER, "value": "//8="}


def test_a_type_is_loaded_when_it_first_comes() -> None:
    url = "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication"
    assert plain(Any(type_url=url)) == {"@type": url}
    other = "type.googleapis.com/envoy.no.such.v3.Thing"
    assert plain(Any(type_url=other)) == {"@type": other, "value": ""}


def test_secrets_are_never_shown() -> None:
    secret = Secret(name="default")
    secret.tls_certificate.certificate_chain.inline_string = "public"
    secret.tls_certificate.private_key.inline_bytes = b"hush"
    secret.tls_certificate.password.filename = "/etc/password"
    shown = plain(pack(secret))
    assert shown["tls_certificate"] == {
        "certificate_chain": {"inline_string": "public"},
        "private_key": {"inline_string": "[redacted]"},
        "password": {"filename": "/etc/password"},
    }
    generic = Secret(name="token")
    generic.generic_secret.secret.inline_string = "hush"
    tickets = Secret(name="tickets")
    tickets.session_ticket_keys.keys.add().inline_bytes = b"hush"
    for message in (generic, tickets):
        assert "hush" not in str(plain(pack(message)))
        assert "aHVzaA==" not in str(plain(pack(message)))


def test_what_is_shown_stays_as_it_is() -> None:
    secret = Secret(name="default")
    secret.tls_certificate.private_key.inline_bytes = b"hush"
    packed = pack(secret)
    before = packed.SerializeToString()
    plain(packed)
    assert packed.SerializeToString() == before
