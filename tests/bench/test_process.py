import os

from bench.process import cpu_seconds, mebibytes, usage


def test_cpu_is_user_and_system_time_whatever_the_name() -> None:
    stat = "42 (a (b) c) S 1 42 42 0 -1 4194560 100 0 0 0 150 50 0 0 20 0 8 0 1000 0 0"
    assert cpu_seconds(stat, 100) == 2.0


def test_memory_comes_in_kilobytes() -> None:
    assert mebibytes("2048 kB") == 2.0
    assert mebibytes("") == 0.0


def test_of_a_living_process() -> None:
    found = usage(os.getpid())
    assert found.cpu > 0
    assert 0 < found.rss <= found.peak
