"""The directory source in real directories: what is emitted is awaited, nothing sleeps."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from controlplane.kinds import Key
from controlplane.sources.changes import Change, Config, Put, file_key
from controlplane.sources.documents import Limits
from controlplane.sources.files import FileSettings, FileSource
from controlplane.sources.settling import Patience
from controlplane.sources.store import Store
from controlplane.tasks import SystemClock

A = Key("Namespace", "", "a")
B = Key("Namespace", "", "b")


def namespace(name: str, **labels: str) -> str:
    written = "".join(f'    {key}: "{value}"\n' for key, value in labels.items())
    block = f"  labels:\n{written}" if labels else ""
    return f"apiVersion: v1\nkind: Namespace\nmetadata:\n  name: {name}\n{block}"


class Watched:
    """A store that a FileSource fills, and what it was told."""

    def __init__(self, root: Path, settings: FileSettings | None = None) -> None:
        self.root = root
        self.store = Store(["files"])
        self.batches: list[list[Change]] = []
        self._news = asyncio.Event()
        self.source = FileSource(
            str(root), emit=self._emit, clock=SystemClock(), settings=settings or FileSettings()
        )

    def _emit(self, changes: list[Change]) -> None:
        self.batches.append(changes)
        self.store.apply(changes)
        self._news.set()

    @property
    def puts(self) -> int:
        return sum(isinstance(change, Put) for batch in self.batches for change in batch)

    async def until(self, condition: Callable[[Config], bool]) -> Config:
        async with asyncio.timeout(10):
            while True:
                config = self.store.take()
                if condition(config):
                    return config
                self._news.clear()
                await self._news.wait()

    def write(self, name: str, text: str) -> Path:
        path = self.root / name
        path.write_text(text)
        return path

    def rename(self, name: str, text: str) -> None:
        temporary = self.root / f".{name}.tmp"
        temporary.write_text(text)
        temporary.rename(self.root / name)


@asynccontextmanager
async def watching(root: Path, settings: FileSettings | None = None) -> AsyncIterator[Watched]:
    watched = Watched(root, settings)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(watched.source.run())
        await watched.until(lambda config: config.synced)
        try:
            yield watched
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


def labels(config: Config, key: Key) -> dict[str, str]:
    found = config.objects.get(key)
    return dict(found.meta.labels) if found else {}


async def test_lists_what_is_there_before_it_is_synced(tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "a.yaml").write_text(namespace("a") + "---\n" + namespace("c"))
    (tmp_path / "deep" / "er" / "b.yml").write_text(namespace("b"))
    (tmp_path / ".hidden.yaml").write_text(namespace("hidden"))
    (tmp_path / "notes.txt").write_text("no")
    async with watching(tmp_path) as watched:
        config = watched.store.take()
        assert {key.name for key in config.objects} == {"a", "b", "c"}
        assert str(config.locations[Key("Namespace", "", "c")]) == f"{tmp_path}/a.yaml:6"
        assert len(watched.batches) == 1


async def test_a_rename_into_place_is_seen_at_once(tmp_path: Path) -> None:
    async with watching(tmp_path) as watched:
        took = []
        for turn in range(20):
            watched.rename("a.yaml", namespace("a", turn=f"t{turn}"))
            began = time.perf_counter()
            await watched.until(lambda config, t=turn: labels(config, A).get("turn") == f"t{t}")
            took.append(time.perf_counter() - began)
        # a file that is waited for takes 30 ms; the median says which way was taken
        assert sorted(took)[10] < 0.015


async def test_half_a_file_and_the_rest_are_read_once(tmp_path: Path) -> None:
    # far longer than the pause between the halves, so that a slow machine changes nothing
    settings = FileSettings(patience=Patience(quiet=0.3))
    async with watching(tmp_path, settings) as watched:
        text = namespace("a") + "---\n" + namespace("b")
        path = tmp_path / "a.yaml"
        path.write_text(text[: len(text) // 2])
        loop = asyncio.get_running_loop()

        def rest() -> None:
            with path.open("a") as file:
                file.write(text[len(text) // 2 :])

        loop.call_later(0.02, rest)
        config = await watched.until(lambda config: B in config.objects)
        assert set(config.objects) == {A, B}
        assert watched.puts == 2


async def test_a_broken_file_keeps_its_objects_and_says_where(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(namespace("a"))
    async with watching(tmp_path) as watched:
        watched.rename("a.yaml", "kind: [\n")
        path = str(tmp_path / "a.yaml")
        config = await watched.until(lambda config: file_key(path) in config.verdicts)
        (verdict,) = config.verdicts[file_key(path)]
        assert verdict.reason == "Unparsable"
        assert "line 2, column 1" in verdict.message
        assert A in config.objects
        watched.rename("a.yaml", namespace("a", fixed="yes"))
        config = await watched.until(lambda config: "fixed" in labels(config, A))
        assert file_key(path) not in config.verdicts


async def test_an_empty_file_deletes_after_a_while(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(namespace("a"))
    settings = FileSettings(patience=Patience(quiet=0.005, blank=0.05))
    async with watching(tmp_path, settings) as watched:
        watched.write("a.yaml", "")
        began = time.perf_counter()
        await watched.until(lambda config: A not in config.objects)
        assert time.perf_counter() - began >= 0.05


async def test_a_deleted_file_deletes_after_a_moment(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(namespace("a"))
    async with watching(tmp_path) as watched:
        path.unlink()
        began = time.perf_counter()
        await watched.until(lambda config: A not in config.objects)
        assert time.perf_counter() - began >= 0.045


async def test_a_file_that_comes_back_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(namespace("a"))
    async with watching(tmp_path) as watched:
        path.unlink()
        watched.rename("a.yaml", namespace("a"))
        watched.rename("b.yaml", namespace("b"))
        await watched.until(lambda config: B in config.objects)
        assert A in watched.store.take().objects
        assert watched.puts == 2


async def test_new_directories_are_watched(tmp_path: Path) -> None:
    async with watching(tmp_path) as watched:
        (tmp_path / "new").mkdir()
        (tmp_path / "new" / "a.yaml").write_text(namespace("a"))
        await watched.until(lambda config: A in config.objects)
        temporary = tmp_path / "new" / ".tmp"
        temporary.write_text(namespace("a", again="yes"))
        temporary.rename(tmp_path / "new" / "a.yaml")
        await watched.until(lambda config: "again" in labels(config, A))


async def test_a_directory_moved_away_takes_its_objects_along(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "sub").mkdir(parents=True)
    (root / "sub" / "a.yaml").write_text(namespace("a"))
    async with watching(root) as watched:
        assert A in watched.store.take().objects
        (root / "sub").rename(tmp_path / "elsewhere")
        await watched.until(lambda config: A not in config.objects)
        (tmp_path / "elsewhere").rename(root / "back")
        await watched.until(lambda config: A in config.objects)


async def test_the_whole_directory_may_be_replaced(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "a.yaml").write_text(namespace("a"))
    async with watching(root) as watched:
        root.rename(tmp_path / "old")
        await watched.until(lambda config: A not in config.objects)
        root.mkdir()
        (root / "b.yaml").write_text(namespace("b"))
        await watched.until(lambda config: B in config.objects)


async def test_a_directory_that_comes_later_is_found(tmp_path: Path) -> None:
    async with watching(tmp_path / "later") as watched:
        (tmp_path / "later").mkdir()
        (tmp_path / "later" / "a.yaml").write_text(namespace("a"))
        await watched.until(lambda config: A in config.objects)


async def test_a_config_map_volume_switches_at_once(tmp_path: Path) -> None:
    def version(name: str, text: str) -> None:
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.yaml").write_text(text)
        link = tmp_path / "..data_tmp"
        link.symlink_to(name)
        link.rename(tmp_path / "..data")

    version("..1", namespace("a"))
    (tmp_path / "a.yaml").symlink_to("..data/a.yaml")
    async with watching(tmp_path) as watched:
        assert A in watched.store.take().objects
        version("..2", namespace("a", second="yes"))
        await watched.until(lambda config: "second" in labels(config, A))


async def test_a_file_that_is_too_large_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(namespace("a"))
    settings = FileSettings(limits=Limits(bytes=20))
    async with watching(tmp_path, settings) as watched:
        config = watched.store.take()
        (verdict,) = config.verdicts[file_key(str(tmp_path / "a.yaml"))]
        assert verdict.reason == "FileTooLarge"
        assert not config.objects


async def test_lost_events_are_found_by_the_next_scan(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text(namespace("a"))
    root = tmp_path / "root"
    root.mkdir()
    (root / "a.yaml").symlink_to(outside)
    async with watching(root, FileSettings(rescan=0.05)) as watched:
        # the target of a link to a file is in no directory that is watched
        outside.write_text(namespace("a", changed="yes"))
        await watched.until(lambda config: "changed" in labels(config, A))


async def test_an_unreadable_file_says_so(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").symlink_to(tmp_path / "loop.yaml")
    (tmp_path / "loop.yaml").symlink_to(tmp_path / "a.yaml")
    os.mkfifo(tmp_path / "pipe.yaml")
    async with watching(tmp_path) as watched:
        assert not watched.store.take().objects
