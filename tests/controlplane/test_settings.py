"""Flags become settings, or an error that says what is wrong."""

from pathlib import Path

import pytest

from controlplane.settings import Settings, host_and_port


def test_ports_are_istios_and_on_loopback() -> None:
    settings = Settings(config_dir=Path())
    assert settings.ads_address == "127.0.0.1:15010"
    assert settings.http_address == "0.0.0.0:8080"
    assert settings.metrics_address == "0.0.0.0:15014"


@pytest.mark.parametrize("name", ["ready_wait", "stage_wait", "drain"])
def test_times_are_not_negative(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} is a time in seconds"):
        Settings(config_dir=Path(), **{name: -1.0})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:15010", ("127.0.0.1", 15010)),
        ("[::1]:0", ("::1", 0)),
        ("localhost:80", ("localhost", 80)),
        (":80", ("", 80)),
    ],
)
def test_an_address_taken_apart(text: str, expected: tuple[str, int]) -> None:
    assert host_and_port(text) == expected


@pytest.mark.parametrize("text", ["127.0.0.1", "127.0.0.1:", "a:b", "a:70000", "a:-1", ""])
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(ValueError, match="is no address: write host:port"):
        host_and_port(text)
