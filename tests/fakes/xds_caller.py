"""A gRPC client by `xds:///`, as a process: calls on and on, prints who answered, a line a call.

    python -m tests.fakes.xds_caller TARGET

The bootstrap is in GRPC_XDS_BOOTSTRAP_CONFIG. It ends when its standard input does.
"""

import sys
import threading

import grpc

METHOD = "/shop.Web/Who"
PAUSE = 0.005


def main(target: str) -> None:
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    options = [("grpc.enable_retries", 0)]
    with grpc.insecure_channel(f"xds:///{target}", options=options) as channel:
        call = channel.unary_unary(METHOD)
        while not ended.wait(PAUSE):
            try:
                print(call(b"", timeout=10).decode(), flush=True)
            except grpc.RpcError as error:
                print(f"error {error.code().name} {error.details()}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
