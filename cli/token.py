"""`meshpilot token`: what a workload without Kubernetes proves itself with."""

from pathlib import Path
from typing import Annotated

import typer


def token(
    state_dir: Annotated[Path, typer.Option(help="The state directory of the control plane.")],
    namespace: Annotated[str, typer.Option(help="Namespace of the workload.")],
    service_account: Annotated[str, typer.Option(help="Its service account.")] = "default",
    ttl: Annotated[
        int, typer.Option(min=1, max=31_536_000, help="Seconds that the token is good for.")
    ] = 86_400,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="File for it, readable by its owner only; else the terminal."
        ),
    ] = None,
) -> None:
    """Print a token with which a workload proves who it is.

    Whoever can read the state directory can make tokens for everybody: run it where the control
    plane runs. A file is replaced as a whole, so that an Envoy may read it at any time.

    Examples:

      meshpilot token --state-dir ./state --namespace shop --service-account cart

      meshpilot token --state-dir ./state --namespace shop -o cart.token
    """
    from controlplane.tasks import SystemClock
    from sds.ca.files import replace
    from sds.identity import IdentityError
    from sds.secrets import SecretError
    from sds.tokens import LocalTokens

    try:
        made = LocalTokens(state_dir).issue(
            namespace, service_account, seconds=ttl, now=SystemClock().now()
        )
        if output is not None:
            replace(output, made.encode("ascii"))
            return
    except (IdentityError, OSError, SecretError) as error:
        typer.echo(f"meshpilot: {error}", err=True)
        raise typer.Exit(2) from error
    typer.echo(made)
