"""A small mesh on loopback addresses: one HTTP service in versions, a sidecar and a router."""

from typing import Any

Document = dict[str, Any]

NAMESPACE = "shop"
PORT = 9080
CLIENT = "127.0.60.1"
ROUTER = "127.0.60.2"
# name -> (address, port): every version has its own address, as a Pod has
PLACES = {
    "v1": ("127.0.60.11", PORT),
    "v1b": ("127.0.60.12", PORT),
    "v2": ("127.0.60.13", PORT),
    "v2b": ("127.0.60.14", PORT),
    "next": ("127.0.60.15", PORT),
}
HOST = "web.shop.svc.cluster.local"


def meta(name: str, **labels: str) -> Document:
    return {"name": name, "namespace": NAMESPACE, "labels": labels}


def pod(name: str, address: str, **labels: str) -> Document:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": meta(name, **labels),
        "spec": {"serviceAccountName": labels.get("app", name)},
        "status": {
            "phase": "Running",
            "podIP": address,
            "conditions": [{"type": "Ready", "status": "True"}],
        },
    }


def service(name: str, selector: dict[str, str]) -> Document:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": meta(name),
        "spec": {"selector": selector, "ports": [{"name": "http", "port": PORT}]},
    }


def slice_of(name: str, *pods: str) -> Document:
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": meta(f"{name}-1", **{"kubernetes.io/service-name": name}),
        "addressType": "IPv4",
        "endpoints": [
            {
                "addresses": [PLACES[one][0]],
                "conditions": {"ready": True},
                "targetRef": {"kind": "Pod", "name": one, "namespace": NAMESPACE},
            }
            for one in pods
        ],
        "ports": [{"name": "http", "port": PORT, "protocol": "TCP"}],
    }


def rule(subsets: dict[str, str]) -> Document:
    """`subsets`: name -> label `version`."""
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "DestinationRule",
        "metadata": meta("web"),
        "spec": {
            "host": "web",
            "subsets": [
                {"name": name, "labels": {"version": version}} for name, version in subsets.items()
            ],
        },
    }


def routes(step: str, *destinations: tuple[str, str, int], gateways: bool = True) -> Document:
    """Destinations are (host, subset, weight); answers carry `x-step: step`."""
    weighted = len(destinations) > 1
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": meta("web"),
        "spec": {
            "hosts": ["web.shop.svc.cluster.local"],
            **({"gateways": ["mesh", "edge"]} if gateways else {}),
            "http": [
                {
                    "headers": {"response": {"set": {"x-step": step}}},
                    "route": [
                        {
                            "destination": {"host": host, **({"subset": subset} if subset else {})},
                            **({"weight": weight} if weighted else {}),
                        }
                        for host, subset, weight in destinations
                    ],
                }
            ],
        },
    }


def sidecar(port: int) -> Document:
    """The client's ways out: one listener that it binds itself, nothing is captured."""
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "Sidecar",
        "metadata": meta("client"),
        "spec": {
            "workloadSelector": {"labels": {"app": "client"}},
            "egress": [
                {
                    "port": {"number": port, "protocol": "HTTP", "name": "http"},
                    "bind": CLIENT,
                    "captureMode": "NONE",
                    "hosts": ["./*"],
                }
            ],
            "outboundTrafficPolicy": {"mode": "REGISTRY_ONLY"},
        },
    }


def gateway(port: int) -> Document:
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "Gateway",
        "metadata": meta("edge"),
        "spec": {
            "selector": {"app": "edge"},
            "servers": [
                {
                    "port": {"number": port, "name": "http", "protocol": "HTTP"},
                    "bind": ROUTER,
                    "hosts": ["*"],
                }
            ],
        },
    }
