"""On what it was measured: a figure without its machine says nothing."""

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

from tests.fakes.envoy import REPOSITORY, envoy_binary

Facts = dict[str, str]


def facts() -> Facts:
    """What does not change while measuring."""
    memory = field_of(Path("/proc/meminfo").read_text(), "MemTotal")
    return {
        "cores": str(len(os.sched_getaffinity(0))),
        "cpu": field_of(Path("/proc/cpuinfo").read_text(), "model name") or platform.machine(),
        "memory": f"{int(memory.split()[0]) // (1 << 20)} GiB",
        "kernel": platform.release(),
        "python": platform.python_version(),
        "grpcio": version("grpcio"),
        "protobuf": version("protobuf"),
        "uvloop": version("uvloop"),
        "envoy": _envoy(),
        "revision": _revision(),
    }


def load() -> str:
    """The load average of the last 1, 5 and 15 minutes."""
    return " ".join(f"{value:.2f}" for value in os.getloadavg())


def field_of(text: str, name: str) -> str:
    """The first value of `name: value` lines, as the files of /proc are written."""
    for line in text.splitlines():
        key, found, value = line.partition(":")
        if found and key.strip() == name:
            return value.strip()
    return ""


def _envoy() -> str:
    answer = _output(str(envoy_binary()), "--version")
    # `... version: COMMIT/1.40.0/Clean/RELEASE/BoringSSL`
    parts = answer.rpartition("version:")[2].split("/")
    return parts[1] if len(parts) > 1 else answer.strip()


def _revision() -> str:
    head = _output("git", "-C", str(REPOSITORY), "rev-parse", "--short", "HEAD").strip()
    changed = _output("git", "-C", str(REPOSITORY), "status", "--porcelain").strip()
    return f"{head} with local changes" if changed else head


def _output(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
