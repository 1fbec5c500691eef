"""Addresses of sockets."""

from envoy.config.core.v3.address_pb2 import Address, SocketAddress


def socket_address(address: str, port: int) -> Address:
    return Address(socket_address=SocketAddress(address=address, port_value=port))
