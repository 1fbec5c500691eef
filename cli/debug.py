"""How the commands ask a running control plane: the debug pages of its HTTP port."""

import json
import os
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

import typer

ADDRESS = "http://127.0.0.1:8080"
_SECONDS = 10.0
# what a page in a browser cannot send by itself
_CONFIRMED = "X-Meshpilot"


def get(address: str, path: str, **query: str) -> Any:
    """The JSON of a debug page. What goes wrong is said, and ends the command with code 2; an
    answer that there is no such thing ends it with code 1."""
    url = f"{address.rstrip('/')}{path}"
    if query:
        url += f"?{urllib.parse.urlencode(query)}"
    return _ask(urllib.request.Request(_checked(url, address), headers=_proof()))


def post(address: str, path: str) -> Any:
    """Tell the control plane to do something; its answer as of `get`."""
    url = _checked(f"{address.rstrip('/')}{path}", address)
    headers = {_CONFIRMED: "1", **_proof()}
    return _ask(urllib.request.Request(url, data=b"", headers=headers, method="POST"))


def _proof() -> dict[str, str]:
    """From another machine a token is needed."""
    token = os.environ.get("MESHPILOT_TOKEN", "").strip()
    return {"Authorization": f"Bearer {token}"} if token else {}


def _checked(url: str, address: str) -> str:
    if not url.startswith(("http://", "https://")):
        raise typer.BadParameter(
            f"{address!r} is no URL: write http://HOST:PORT", param_hint="--address"
        )
    return url


def _ask(request: urllib.request.Request) -> Any:
    url = request.full_url
    # a proxy of the environment has no business between an operator and a loopback port
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=_SECONDS) as answer:
            return json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            text = error.read().decode(errors="replace")
        _refused(url, error.code, text)
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        typer.echo(
            f"meshpilot: cannot read {url}: {reason}\n"
            "Is meshpilot serve running there? Give its --http-address as --address.",
            err=True,
        )
        raise typer.Exit(2) from error


def _refused(url: str, status: int, text: str) -> None:
    try:
        answer = json.loads(text)
    except ValueError:
        answer = None
    if not isinstance(answer, dict) or "error" not in answer:
        typer.echo(f"meshpilot: {url} answers {status}: {text.strip()}", err=True)
        raise typer.Exit(2)
    typer.echo(f"meshpilot: {answer['error']}", err=True)
    for connection in answer.get("connections", ()):
        typer.echo(f"  {connection}", err=True)
    raise typer.Exit(1)
