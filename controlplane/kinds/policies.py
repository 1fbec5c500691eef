"""The blocks of a traffic policy that DestinationRule and its subsets share."""

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar, Final, Literal

from pydantic import BeforeValidator, Field

from controlplane.kinds.clienttls import ClientTls
from controlplane.kinds.fields import Count, Flag, Int32, Milliseconds, Percent, UInt32
from controlplane.kinds.frames import Checked, Strict, Through
from controlplane.kinds.objects import Severity
from controlplane.kinds.problems import Problem
from translators import model
from translators.model import LoadBalancer

_LARGEST_PORT: Final = 65535
_UPGRADES: Final = {"DEFAULT": None, "UPGRADE": True, "DO_NOT_UPGRADE": False}


def _balancer(value: object) -> object:
    return "LEAST_REQUEST" if value == "LEAST_CONN" else value


class LoadBalancerSettings(Strict):
    unserved: ClassVar = frozenset(
        {
            "consistentHash",
            "localityLbSetting",
            "warmup",
            "warmupDurationSecs",
            "zoneAwareLbSetting",
        }
    )

    simple: Annotated[LoadBalancer, BeforeValidator(_balancer)] = LoadBalancer.UNSPECIFIED


class TcpKeepaliveFrame(Strict):
    probes: UInt32 | None = None
    time: Milliseconds | None = None
    interval: Milliseconds | None = None

    def value(self) -> model.TcpKeepalive:
        return model.TcpKeepalive(self.probes, self.time, self.interval)


class TcpSettings(Strict):
    max_connections: Count | None = None
    connect_timeout: Milliseconds | None = None
    tcp_keepalive: Annotated[model.TcpKeepalive, Through(TcpKeepaliveFrame)] | None = None
    max_connection_duration: Milliseconds | None = None
    idle_timeout: Milliseconds | None = None


class HttpSettings(Checked):
    """0 of `max_requests_per_connection` means no limit."""

    unserved: ClassVar = frozenset({"http2KeepAlive"})

    http1_max_pending_requests: Annotated[Count | None, Field(alias="http1MaxPendingRequests")] = (
        None
    )
    http2_max_requests: Annotated[Count | None, Field(alias="http2MaxRequests")] = None
    max_requests_per_connection: Count | None = None
    max_retries: Count | None = None
    idle_timeout: Milliseconds | None = None
    h2_upgrade_policy: Annotated[
        Literal["DEFAULT", "DO_NOT_UPGRADE", "UPGRADE"], Field(alias="h2UpgradePolicy")
    ] = "DEFAULT"
    use_client_protocol: Flag = False
    max_concurrent_streams: Count | None = None

    def problems(self) -> Iterator[Problem]:
        if self.use_client_protocol and self.h2_upgrade_policy == "UPGRADE":
            yield Problem(
                ("useClientProtocol",),
                "OneOf",
                "the client's protocol cannot be kept while h2UpgradePolicy is UPGRADE",
                "keep one of the two",
                True,
            )


class ConnectionPoolSettings(Checked):
    tcp: TcpSettings | None = None
    http: HttpSettings | None = None

    def value(self) -> model.ConnectionPool:
        tcp, http = self.tcp or TcpSettings(), self.http or HttpSettings()
        return model.ConnectionPool(
            max_connections=tcp.max_connections,
            connect_timeout_ms=tcp.connect_timeout,
            tcp_keepalive=tcp.tcp_keepalive,
            max_connection_duration_ms=tcp.max_connection_duration,
            tcp_idle_timeout_ms=tcp.idle_timeout,
            http1_max_pending_requests=http.http1_max_pending_requests,
            http2_max_requests=http.http2_max_requests,
            max_requests_per_connection=http.max_requests_per_connection,
            max_retries=http.max_retries,
            http_idle_timeout_ms=http.idle_timeout,
            h2_upgrade=_UPGRADES[http.h2_upgrade_policy],
            use_client_protocol=http.use_client_protocol,
            max_concurrent_streams=http.max_concurrent_streams,
        )

    def problems(self) -> Iterator[Problem]:
        if self.tcp is None and self.http is None:
            yield Problem(
                (), "Empty", "a connection pool has at least one block", "set tcp or http"
            )


class OutlierDetectionFrame(Checked):
    unserved: ClassVar = frozenset({"outlierDetectionHttpErrorCodes"})

    split_external_local_origin_errors: Flag = False
    consecutive_local_origin_failures: UInt32 | None = None
    consecutive_gateway_errors: UInt32 | None = None
    consecutive_5xx_errors: Annotated[UInt32 | None, Field(alias="consecutive5xxErrors")] = None
    consecutive_errors: Int32 | None = None
    interval: Milliseconds | None = None
    base_ejection_time: Milliseconds | None = None
    max_ejection_percent: Percent | None = None
    min_health_percent: Percent | None = None

    def problems(self) -> Iterator[Problem]:
        if self.consecutive_local_origin_failures and not self.split_external_local_origin_errors:
            yield Problem(
                ("consecutiveLocalOriginFailures",),
                "NeedsSplit",
                "local failures are counted apart only with splitExternalLocalOriginErrors",
                "set splitExternalLocalOriginErrors: true",
                self.consecutive_local_origin_failures,
            )

    def value(self) -> model.OutlierDetection:
        return model.OutlierDetection(
            split_external_local_origin_errors=self.split_external_local_origin_errors,
            consecutive_local_origin_failures=self.consecutive_local_origin_failures,
            consecutive_gateway_errors=self.consecutive_gateway_errors,
            consecutive_5xx_errors=self.consecutive_5xx_errors,
            interval_ms=self.interval,
            base_ejection_time_ms=self.base_ejection_time,
            max_ejection_percent=self.max_ejection_percent,
            min_health_percent=self.min_health_percent,
        )

    def remarks(self) -> Iterator[Problem]:
        if self.consecutive_errors is not None:
            yield Problem(
                ("consecutiveErrors",),
                "Deprecated",
                "Istio has dropped it, and it does nothing",
                "use consecutiveGatewayErrors or consecutive5xxErrors",
                self.consecutive_errors,
                Severity.WARNING,
            )


class PolicyBlocks(Checked):
    """The blocks that a policy has; each one that is set replaces the one above it."""

    load_balancer: LoadBalancerSettings | None = None
    connection_pool: ConnectionPoolSettings | None = None
    outlier_detection: OutlierDetectionFrame | None = None
    tls: ClientTls | None = None

    @property
    def blocks(self) -> bool:
        return bool(
            self.load_balancer or self.connection_pool or self.outlier_detection or self.tls
        )

    @property
    def policy(self) -> model.TrafficPolicy | None:
        """What the blocks say; None where there is no block."""
        if not self.blocks:
            return None
        balancer, pool = self.load_balancer, self.connection_pool
        return model.TrafficPolicy(
            load_balancer=balancer.simple if balancer else LoadBalancer.UNSPECIFIED,
            connection_pool=pool.value() if pool else None,
            outlier_detection=self.outlier_detection.value() if self.outlier_detection else None,
            tls=self.tls.value() if self.tls else None,
        )

    def remarks(self) -> Iterator[Problem]:
        for name, block in (("outlierDetection", self.outlier_detection), ("tls", self.tls)):
            if block is not None:
                for problem in block.remarks():
                    yield problem._replace(path=(name, *problem.path))


class PolicyPort(Strict):
    number: UInt32


class PortPolicy(PolicyBlocks):
    """Replaces the whole policy for one port of the service."""

    port: PolicyPort

    def problems(self) -> Iterator[Problem]:
        if not self.blocks:
            yield Problem(
                (),
                "Empty",
                "the policy of a port has at least one block",
                "add a block, or remove it",
            )

    def remarks(self) -> Iterator[Problem]:
        yield from super().remarks()
        if not 1 <= self.port.number <= _LARGEST_PORT:
            yield Problem(
                ("port", "number"),
                "OutOfRange",
                "there is no such port, so this does nothing",
                f"write a number from 1 to {_LARGEST_PORT}",
                self.port.number,
                Severity.WARNING,
            )


class TrafficPolicyFrame(PolicyBlocks):
    unserved: ClassVar = frozenset({"tunnel", "proxyProtocol", "retryBudget"})

    port_level_settings: tuple[PortPolicy, ...] = ()

    @property
    def port_policies(self) -> Mapping[int, model.TrafficPolicy]:
        """By port; the first of several for one port counts, as in Istio."""
        found: dict[int, model.TrafficPolicy] = {}
        for one in self.port_level_settings:
            if one.policy is not None:
                found.setdefault(one.port.number, one.policy)
        return found

    def problems(self) -> Iterator[Problem]:
        if not self.blocks and not self.port_level_settings:
            yield Problem(
                (), "Empty", "a traffic policy has at least one block", "add a block, or remove it"
            )

    def remarks(self) -> Iterator[Problem]:
        yield from super().remarks()
        for place, policy in enumerate(self.port_level_settings):
            for problem in policy.remarks():
                yield problem._replace(path=("portLevelSettings", place, *problem.path))
