"""Which specs outlive the process."""

import asyncio
from pathlib import Path

from controlplane.keeping import Keeping, NotKeeping, kept_objects
from controlplane.kinds import Key
from controlplane.sources.lastgood import FILE, LastGood
from tests.fakes import keys, shop
from tests.fakes.pipeline import Document, Pipeline
from tests.features.client import until

ROUTES = Key("VirtualService", shop.NAMESPACE, "web")
RULE = Key("DestinationRule", shop.NAMESPACE, "web")
SERVICE = Key("Service", shop.NAMESPACE, "web")


class Stand:
    """Documents through the World into a journal."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.worlds = Pipeline()
        self.keeping = Keeping(LastGood(str(directory)))

    def put(self, *documents: Document) -> None:
        before = self.worlds.world
        self.keeping.keep(before, self.worlds.put(*documents))

    def delete(self, *keys: tuple[str, str]) -> None:
        before = self.worlds.world
        self.keeping.keep(before, self.worlds.delete(*keys))

    async def written(self) -> dict[Key, object]:
        """What the next process would find, after this one has ended."""
        task = asyncio.create_task(self.keeping.run())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        found = kept_objects(LastGood(str(self.directory)), "exact")
        return {key: item.raw for key, item in found.items()}


def shopful() -> list[Document]:
    return [
        shop.service("web", {"app": "web"}),
        shop.rule({"v1": "v1", "v2": "v2"}),
        *(shop.pod(n, shop.PLACES[n][0], app="web", version=n) for n in ("v1", "v2")),
        shop.routes("1", ("web", "v1", 90), ("web", "v2", 10), gateways=False),
    ]


async def test_what_is_written_by_people_is_kept_and_what_only_is_is_not(tmp_path: Path) -> None:
    stand = Stand(tmp_path)
    stand.put(*shopful())
    assert (await stand.written()).keys() == {SERVICE, RULE, ROUTES}


async def test_secrets_are_never_written_down(tmp_path: Path) -> None:
    stand = Stand(tmp_path)
    stand.put(*shopful(), keys.tls_secret("cert", keys.pair()))
    assert (await stand.written()).keys() == {SERVICE, RULE, ROUTES}
    assert "tls.key" not in (tmp_path / FILE).read_text()


async def test_a_held_object_is_kept_as_it_is_in_force(tmp_path: Path) -> None:
    stand = Stand(tmp_path)
    stand.put(*shopful())
    stand.put(shop.routes("2", ("nowhere", "", 100), gateways=False))
    found = await stand.written()
    assert found[ROUTES] == shop.routes("1", ("web", "v1", 90), ("web", "v2", 10), gateways=False)


async def test_a_refused_object_is_kept_as_it_was_good(tmp_path: Path) -> None:
    stand = Stand(tmp_path)
    stand.put(*shopful())
    stand.put(shop.routes("2", ("web", "v1", 60), ("web", "v2", 60), gateways=False))
    found = await stand.written()
    assert found[ROUTES] == shop.routes("1", ("web", "v1", 90), ("web", "v2", 10), gateways=False)


async def test_a_rule_whose_subset_is_still_used_stays_as_it_was(tmp_path: Path) -> None:
    stand = Stand(tmp_path)
    stand.put(*shopful())
    stand.put(shop.rule({"v1": "v1", "v3": "v2"}))
    assert (await stand.written())[RULE] == shop.rule({"v1": "v1", "v2": "v2"})
    stand.put(shop.routes("2", ("web", "v3", 100), gateways=False))
    assert (await stand.written())[RULE] == shop.rule({"v1": "v1", "v3": "v2"})


async def test_what_is_gone_is_forgotten(tmp_path: Path) -> None:
    stand = Stand(tmp_path)
    stand.put(*shopful())
    stand.delete(("VirtualService", "web"), ("DestinationRule", "web"))
    assert (await stand.written()).keys() == {SERVICE}


async def test_it_is_written_while_running(tmp_path: Path) -> None:
    stand = Stand(tmp_path)
    task = asyncio.create_task(stand.keeping.run())
    stand.put(*shopful())
    journal = tmp_path / FILE

    def written() -> bool:
        # only read: a journal has one writer
        return journal.exists() and "VirtualService" in journal.read_text()

    await until(written, "the routes are written")
    task.cancel()
    await asyncio.wait([task])


async def test_what_no_longer_decodes_is_left_out(tmp_path: Path) -> None:
    journal = LastGood(str(tmp_path))
    broken = shop.routes("2", ("web", "v1", 60), ("web", "v2", 60), gateways=False)
    journal.record([(ROUTES, broken), (SERVICE, shop.service("web", {}))])
    assert kept_objects(LastGood(str(tmp_path)), "exact").keys() == {SERVICE}
    assert kept_objects(LastGood(str(tmp_path)), "relative").keys() == {SERVICE, ROUTES}


async def test_without_a_directory_nothing_is_kept() -> None:
    worlds = Pipeline()
    before = worlds.world
    keeping = NotKeeping()
    keeping.keep(before, worlds.put(*shopful()))
    await keeping.run()
