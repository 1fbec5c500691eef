"""Changes under traffic, shared by the test (few cycles) and the benchmark (many)."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.fakes import shop
from tests.fakes.backends import backends
from tests.fakes.control import ControlPlane
from tests.fakes.envoy import Envoy, envoy
from tests.fakes.traffic import Traffic, served_by, until
from translators.bootstrap import Places, bootstrap, node_id
from translators.model import Interception, Proxy, ProxyType

GAP = 0.3


@dataclass(slots=True)
class Scene:
    """One proxy under traffic, and the files that its control plane reads."""

    control: ControlPlane
    proxy: Envoy
    traffic: Traffic
    router: bool
    step: int = 0
    shown: list[float] = field(default_factory=list)

    async def show(self, *destinations: tuple[str, str, int]) -> None:
        """Write routes, and wait until an answer shows that they are in force."""
        await self.wait(self.route(*destinations))

    def route(self, *destinations: tuple[str, str, int]) -> str:
        self.step += 1
        self.control.write("routes.yaml", shop.routes(str(self.step), *destinations))
        return str(self.step)

    async def wait(self, step: str) -> None:
        self.shown.append(await until(self.traffic, "x-step", step, seconds=20.0))


Cycle = Callable[[Scene], Awaitable[None]]


async def weight_flip(scene: Scene) -> None:
    for one, other in ((90, 10), (10, 90)):
        await scene.show(("web", "v1", one), ("web", "v2", other))


async def _rename(scene: Scene, *, rule_first: bool, gap: float) -> None:
    """Subset v2 becomes v3 and v2 again, in two files."""
    for old, new in (("v2", "v3"), ("v3", "v2")):
        del old
        subsets = {"v1": "v1", new: "v2"}
        if rule_first:
            scene.control.write("rule.yaml", shop.rule(subsets))
            await asyncio.sleep(gap)
            step = scene.route(("web", "v1", 50), ("web", new, 50))
        else:
            step = scene.route(("web", "v1", 50), ("web", new, 50))
            await asyncio.sleep(gap)
            scene.control.write("rule.yaml", shop.rule(subsets))
        await scene.wait(step)


async def rename_rule_first(scene: Scene) -> None:
    await _rename(scene, rule_first=True, gap=0.0)


async def rename_rule_first_gap(scene: Scene) -> None:
    await _rename(scene, rule_first=True, gap=GAP)


async def rename_routes_first(scene: Scene) -> None:
    await _rename(scene, rule_first=False, gap=0.0)


async def rename_routes_first_gap(scene: Scene) -> None:
    await _rename(scene, rule_first=False, gap=GAP)


async def new_service_later(scene: Scene) -> None:
    """Traffic moves to a service that is written 0.3 s after the route; then back, and it goes."""
    step = scene.route(("next", "", 100))
    await asyncio.sleep(GAP)
    scene.control.write(
        "next.yaml", shop.service("next", {"app": "next"}), shop.slice_of("next", "next")
    )
    await scene.wait(step)
    await scene.show(("web", "v1", 50), ("web", "v2", 50))
    scene.control.remove("next.yaml")


async def endpoints_replaced(scene: Scene) -> None:
    for pods, fresh in ((("v1b", "v2b"), "v1b"), (("v1", "v2"), "v1")):
        scene.control.write("slice.yaml", shop.slice_of("web", *pods))
        await served_by(scene.traffic, fresh)


async def route_recreated(scene: Scene) -> None:
    """The routes go and come back; in between a sidecar has the service's default, and a router
    truly has no route."""
    if scene.router:
        scene.traffic.forgiven = frozenset({404})
    scene.control.remove("routes.yaml")
    await asyncio.sleep(GAP)
    await scene.show(("web", "v1", 50), ("web", "v2", 50))
    await asyncio.sleep(0.05)  # what was sent just before is answered
    scene.traffic.forgiven = frozenset()


async def killed(scene: Scene) -> None:
    await scene.control.kill()
    await asyncio.sleep(GAP)
    await scene.control.start()
    await scene.show(("web", "v1", 50), ("web", "v2", 50))


async def killed_and_changed(scene: Scene) -> None:
    """While nobody looks a subset is renamed in the rule only and endpoints move; the routes
    follow after the start."""
    for new in ("v3", "v2"):
        await scene.control.kill()
        scene.control.write("rule.yaml", shop.rule({"v1": "v1", new: "v2"}))
        pods = ("v1b", "v2b") if new == "v3" else ("v1", "v2")
        scene.control.write("slice.yaml", shop.slice_of("web", *pods))
        await scene.control.start()
        await asyncio.sleep(GAP)
        await scene.show(("web", "v1", 50), ("web", new, 50))


CYCLES: dict[str, Cycle] = {
    "weight_flip": weight_flip,
    "rename_rule_first": rename_rule_first,
    "rename_rule_first_gap": rename_rule_first_gap,
    "rename_routes_first": rename_routes_first,
    "rename_routes_first_gap": rename_routes_first_gap,
    "new_service_later": new_service_later,
    "endpoints_replaced": endpoints_replaced,
    "route_recreated": route_recreated,
    "killed": killed,
    "killed_and_changed": killed_and_changed,
}


def proxy_of(kind: ProxyType) -> Proxy:
    sidecar = kind is ProxyType.SIDECAR
    name, ip = ("client", shop.CLIENT) if sidecar else ("edge", shop.ROUTER)
    return Proxy(
        id=node_id(kind, ip=ip, name=name, namespace=shop.NAMESPACE),
        type=kind,
        ip=ip,
        name=name,
        namespace=shop.NAMESPACE,
        dns_domain=f"{shop.NAMESPACE}.svc.cluster.local",
        ips=(ip,),
        labels={"app": name},
        interception=Interception.NONE,
    )


@asynccontextmanager
async def scene(kind: ProxyType, directory: Path) -> AsyncIterator[Scene]:
    """A control plane, one real Envoy of `kind`, backends, and traffic through the Envoy."""
    control = ControlPlane(directory, flags=("--log-level", "info"))
    write_mesh(control)
    proxy = proxy_of(kind)
    boot = bootstrap(proxy, Places(discovery=("127.0.0.1", control.ads)))
    async with backends(shop.PLACES):
        await control.start()
        try:
            async with envoy(boot, directory, name=kind.value, drain_seconds=5) as running:
                await running.wait_ready()
                traffic = Traffic(proxy.ip, shop.PORT, shop.HOST)
                made = Scene(control, running, traffic, router=kind is ProxyType.ROUTER)
                await until(traffic, "x-step", "0", seconds=20.0)
                traffic.start()
                try:
                    yield made
                finally:
                    await traffic.stop()
        finally:
            await control.stop()


def write_mesh(control: ControlPlane) -> None:
    control.write(
        "mesh.yaml",
        *(
            shop.pod(name, address, app="next" if name == "next" else "web", version=name[:2])
            for name, (address, _) in shop.PLACES.items()
        ),
        shop.pod("client", shop.CLIENT, app="client"),
        shop.pod("edge", shop.ROUTER, app="edge"),
        shop.service("web", {"app": "web"}),
        shop.sidecar(shop.PORT),
        shop.gateway(shop.PORT),
    )
    control.write("slice.yaml", shop.slice_of("web", "v1", "v2"))
    control.write("rule.yaml", shop.rule({"v1": "v1", "v2": "v2"}))
    control.write("routes.yaml", shop.routes("0", ("web", "v1", 50), ("web", "v2", 50)))
