"""The sample service's contract, and the code generated from it: never edited by hand.

    python -m grpc_tools.protoc -I. --python_out=. --pyi_out=. examples/demo/proto/greeter.proto
"""
