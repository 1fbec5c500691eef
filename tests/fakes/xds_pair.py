"""A gRPC server or client that lets xDS decide how connections are secured, as a process.

    python -m tests.fakes.xds_pair serve ADDRESS:PORT     prints "ready" when it is served
    python -m tests.fakes.xds_pair call TARGET            prints the answer, or the error's code
    python -m tests.fakes.xds_pair plain ADDRESS:PORT     the same without xDS, in plaintext

The bootstrap is in GRPC_XDS_BOOTSTRAP_CONFIG. `serve` ends when its standard input does.
"""

import sys
from concurrent import futures

import grpc
from grpc.experimental import insecure_channel_credentials

SERVICE, METHOD = "shop.Web", "Who"


def _caller(_: bytes, context: grpc.ServicerContext) -> bytes:
    """The caller's SPIFFE id, as its certificate says."""
    return b" ".join(context.auth_context().get("peer_spiffe_id", [b"nobody"]))


def serve(address: str) -> None:
    server = grpc.server(futures.ThreadPoolExecutor(2), xds=True)
    handler = grpc.unary_unary_rpc_method_handler(_caller)
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(SERVICE, {METHOD: handler}),)
    )
    credentials = grpc.xds_server_credentials(grpc.insecure_server_credentials())
    server.add_secure_port(address, credentials)
    server.start()
    print("ready", flush=True)
    sys.stdin.read()
    server.stop(0).wait()


def call(target: str, *, xds: bool) -> None:
    credentials = grpc.xds_channel_credentials(insecure_channel_credentials())
    with (
        grpc.secure_channel(f"xds:///{target}", credentials)
        if xds
        else grpc.insecure_channel(target)
    ) as channel:
        try:
            answer = channel.unary_unary(f"/{SERVICE}/{METHOD}")(b"", timeout=10)
            print(answer.decode(), flush=True)
        except grpc.RpcError as error:
            print(error.code().name, error.details(), flush=True)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["serve", address]:
            serve(address)
        case [how, target]:
            call(target, xds=how == "call")
