"""What a test suite in Python does with toxiproxy-python: creates a proxy, breaks it, and mends it again."""

import socket
import sys
import time

from toxiproxy import Toxiproxy
from toxiproxy.api import APIConsumer
from toxiproxy.exceptions import NotFound, ProxyExists


def echoed(listen, text):
    """What comes back, and after how many seconds."""
    host, port = listen.split(":")
    began = time.monotonic()
    with socket.create_connection((host, int(port)), timeout=20) as client:
        client.sendall(text)
        client.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := client.recv(65536):
            answer += piece
    return answer, time.monotonic() - began


def is_reset(listen):
    """Whether the proxy resets a client that only listens: after a reset, shutdown() would say ENOTCONN instead."""
    host, port = listen.split(":")
    try:
        # The reset may be there before connect() has returned.
        with socket.create_connection((host, int(port)), timeout=20) as client:
            client.recv(1)
            return False
    except ConnectionResetError:
        return True


def main(port, upstream):
    APIConsumer.port = port
    server = Toxiproxy()
    assert server.running() and b"2.12.0" in server.version()

    proxy = server.create(name="db", upstream=upstream)
    assert proxy.enabled and server.get_proxy("db").upstream == upstream
    assert echoed(proxy.listen, b"hello")[0] == b"hello"
    try:
        server.create(name="db", upstream=upstream)
        raise AssertionError("created twice")
    except ProxyExists:
        pass

    proxy.add_toxic(name="slow", type="latency", attributes={"latency": 200, "jitter": 10})
    toxic = proxy.get_toxic("slow")
    assert toxic.attributes == {"latency": 200, "jitter": 10}, toxic.attributes
    answer, took = echoed(proxy.listen, b"hello")
    assert answer == b"hello" and took >= 0.19, took
    proxy.destroy_toxic("slow")
    assert proxy.toxics() == {}

    proxy.add_toxic(type="limit_data", attributes={"bytes": 3})
    assert echoed(proxy.listen, b"hello")[0] == b"hel"
    server.reset()
    assert proxy.toxics() == {}

    proxy.add_toxic(type="reset_peer", attributes={"timeout": 0})
    assert is_reset(proxy.listen)
    server.reset()

    with proxy.down():
        try:
            echoed(proxy.listen, b"hello")
            raise AssertionError("not refused")
        except ConnectionRefusedError:
            pass
    assert echoed(proxy.listen, b"again")[0] == b"again"

    server.populate([{"name": "a", "upstream": upstream, "listen": "127.0.0.1:0"}])
    assert sorted(server.proxies()) == ["a", "db"]
    try:
        APIConsumer.get("/proxies/x")
        raise AssertionError("found")
    except NotFound:
        pass
    server.destroy_all()
    assert server.proxies() == {}
    print("done")


main(int(sys.argv[1]), sys.argv[2])
