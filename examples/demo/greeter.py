"""The sample gRPC service: greets who calls, and says which version and Pod it is."""

import argparse
import asyncio
import signal

import grpc

from examples.demo.proof import HEADER, proven
from examples.demo.proto.greeter_pb2 import HelloReply, HelloRequest, TallyReply, TallyRequest

SAY_HELLO = "/demo.Greeter/SayHello"
TALLY = "/demo.Greeter/Tally"
GRACE_SECONDS = 2.0


class Greeter:
    def __init__(self, *, version: str, pod: str) -> None:
        self._version = version
        self._pod = pod
        self._served = 0

    async def say_hello(
        self, request: HelloRequest, context: grpc.aio.ServicerContext[HelloRequest, HelloReply]
    ) -> HelloReply:
        self._served += 1
        metadata = context.invocation_metadata() or ()
        shown = next((str(value) for key, value in metadata if key == HEADER), "")
        who = proven(shown)
        return HelloReply(
            message=f"Hello, {who.identity or request.name}!",
            version=self._version,
            pod=self._pod,
            caller=who.identity,
            certificate=who.certificate,
        )

    async def tally(
        self, _: TallyRequest, __: grpc.aio.ServicerContext[TallyRequest, TallyReply]
    ) -> TallyReply:
        return TallyReply(served=self._served)

    def handler(self) -> grpc.GenericRpcHandler:
        return grpc.method_handlers_generic_handler(
            "demo.Greeter",
            {
                "SayHello": grpc.unary_unary_rpc_method_handler(
                    self.say_hello,
                    request_deserializer=HelloRequest.FromString,
                    response_serializer=HelloReply.SerializeToString,
                ),
                "Tally": grpc.unary_unary_rpc_method_handler(
                    self.tally,
                    request_deserializer=TallyRequest.FromString,
                    response_serializer=TallyReply.SerializeToString,
                ),
            },
        )


async def serve(listen: str, *, version: str, pod: str) -> None:
    """Until SIGTERM; requests under way are finished."""
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers((Greeter(version=version, pod=pod).handler(),))
    server.add_insecure_port(listen)
    await server.start()
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
    await server.stop(GRACE_SECONDS)


def main() -> None:
    parser = argparse.ArgumentParser(description="A gRPC service that greets.")
    parser.add_argument("--listen", required=True, metavar="HOST:PORT")
    parser.add_argument("--version", required=True)
    parser.add_argument("--pod", required=True)
    given = parser.parse_args()
    asyncio.run(serve(given.listen, version=given.version, pod=given.pod))


if __name__ == "__main__":
    main()
