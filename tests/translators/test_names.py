"""Names: what is written is read back, and Istio's own examples."""

from hypothesis import given
from hypothesis import strategies as st

from translators import names
from translators.model import Direction
from translators.names import (
    ClusterName,
    CredentialName,
    GatewayTable,
    HostTable,
    PortTable,
    SecureTable,
)

LABEL = st.from_regex(r"[a-z]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)
HOST = st.lists(LABEL, min_size=1, max_size=5).map(".".join)
WILDCARD = HOST.map(lambda host: f"*.{host}")
PORT = st.integers(1, 65535)
ADDRESS = st.ip_addresses().map(str)
SUBSET = st.just("") | LABEL


@given(host=HOST | WILDCARD, port=PORT, subset=SUBSET)
def test_outbound_clusters(host: str, port: int, subset: str) -> None:
    expected = ClusterName(Direction.OUTBOUND, port, subset, host)
    assert names.parse_cluster(names.outbound_cluster(host, port, subset)) == expected
    assert names.parse_sni(names.sni(host, port, subset)) == expected


@given(port=PORT)
def test_inbound_clusters(port: int) -> None:
    name = names.inbound_cluster(port)
    assert names.parse_cluster(name) == ClusterName(Direction.INBOUND, port)


@given(address=ADDRESS, port=PORT)
def test_listeners(address: str, port: int) -> None:
    assert names.parse_listener(names.listener(address, port)) == (address, port)


@given(
    st.builds(PortTable, PORT)
    | st.builds(HostTable, HOST, PORT)
    | st.builds(GatewayTable, PORT, st.just("") | ADDRESS)
    | st.builds(SecureTable, PORT, LABEL, HOST, LABEL, st.just("") | ADDRESS)
)
def test_tables(name: names.TableName) -> None:
    assert names.parse_table(names.table(name)) == name


@given(host=HOST | WILDCARD, port=PORT)
def test_virtual_hosts(host: str, port: int) -> None:
    assert names.parse_virtual_host(names.virtual_host(host, port)) == (host, port)


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    cluster = names.parse_cluster(text)
    if cluster is not None and cluster.direction is Direction.OUTBOUND:
        assert names.outbound_cluster(cluster.host, cluster.port, cluster.subset) == text
    table = names.parse_table(text)
    assert table is None or names.table(table) == text
    listener = names.parse_listener(text)
    assert listener is None or names.listener(*listener) == text
    host = names.parse_virtual_host(text)
    assert host is None or names.virtual_host(*host) == text


def test_names_of_others_are_refused() -> None:
    for name in (
        names.PASSTHROUGH_CLUSTER,
        "inbound|80|x|",
        "outbound|080||a",
        "outbound|80||",
        "outbound|x||a",
        "outbound|80|a",
    ):
        assert names.parse_cluster(name) is None
    for name in (names.VIRTUAL_INBOUND, "_80", "0.0.0.0_x"):
        assert names.parse_listener(name) is None
    for name in ("", "http.80.", "host:", ":80"):
        assert names.parse_table(name) is None
    assert names.parse_virtual_host(names.ALLOW_ANY) is None


def test_domains_beside_the_service() -> None:
    assert names.domains(
        "a.ns.svc.cluster.local", dns_domain="ns.svc.cluster.local", addresses=("10.0.0.1",)
    ) == (
        "a.ns.svc.cluster.local",
        "a.ns.svc.cluster.local.",
        "a",
        "a.ns.svc",
        "a.ns",
        "10.0.0.1",
    )


@given(domain=HOST, namespace=LABEL, account=LABEL)
def test_identities(domain: str, namespace: str, account: str) -> None:
    written = names.spiffe_id(domain, namespace, account)
    assert names.parse_spiffe_id(written) == (domain, namespace, account)


def test_what_is_no_identity() -> None:
    for text in ("", "spiffe://td/ns/n/sa", "spiffe://td/ns//sa/a", "https://td/ns/n/sa/a"):
        assert names.parse_spiffe_id(text) is None


def test_credentials() -> None:
    for written, roots, name, parsed in (
        ("a", False, "kubernetes://a", CredentialName("a")),
        ("a", True, "kubernetes://a-cacert", CredentialName("a", roots=True)),
        ("a-cacert", True, "kubernetes://a-cacert", CredentialName("a", roots=True)),
        ("kubernetes://a", False, "kubernetes://a", CredentialName("a")),
        (
            "kubernetes-gateway://n/a",
            True,
            "kubernetes-gateway://n/a-cacert",
            CredentialName("a", "n", roots=True),
        ),
    ):
        assert names.credential(written, roots=roots) == name
        assert names.parse_credential(name) == parsed


def test_what_is_no_credential() -> None:
    for text in ("default", "kubernetes://", "kubernetes:///a", "kubernetes-gateway://a"):
        assert names.parse_credential(text) is None


def test_domains_from_another_namespace() -> None:
    assert names.domains(
        "a.ns.svc.cluster.local", dns_domain="other.svc.cluster.local", addresses=("fd00::1",)
    ) == (
        "a.ns.svc.cluster.local",
        "a.ns.svc.cluster.local.",
        "a.ns",
        "a.ns.svc",
        "[fd00::1]",
    )


def test_domains_of_a_headless_service() -> None:
    found = names.domains(
        "a.ns.svc.cluster.local", dns_domain="ns.svc.cluster.local", headless=True
    )
    assert found[5:] == (
        "*.a.ns.svc.cluster.local",
        "*.a.ns.svc.cluster.local.",
        "*.a",
        "*.a.ns.svc",
        "*.a.ns",
    )


def test_short_names_need_a_shared_domain() -> None:
    for host, dns_domain in (
        ("a.ns.svc.cluster.local", "ns.example"),
        ("a.ns.svc.cluster.local", "ns.svc.other.local"),
        ("api.vendor.example", "ns.svc.cluster.local"),
        ("deep.a.ns.svc.cluster.local", "ns.svc.cluster.local"),
    ):
        assert names.domains(host, dns_domain=dns_domain) == (host, f"{host}.")


def test_secrets_and_identities() -> None:
    assert names.file_certificate("/c", "/k") == "file-cert:/c~/k"
    assert names.file_root("/ca") == "file-root:/ca"
    assert names.file_root("") == "file-root:system"
    assert names.spiffe_id("a@b", "shop", "web") == "spiffe://a.b/ns/shop/sa/web"


def test_names_of_what_grpc_servers_listen_on() -> None:
    found = [names.served_listener(address, 80) for address in ("0.0.0.0", "::")]
    assert found == [f"xds.istio.io/grpc/lds/inbound/{socket}:80" for socket in ("0.0.0.0", "[::]")]
