# SPDX-License-Identifier: Apache-2.0
"""Serves at every URL until SIGTERM or SIGINT."""

import asyncio
import signal
import ssl
from datetime import timedelta
from urllib.parse import urlsplit

from aiohttp import web
from reactivestreams.publisher import Publisher
from rsocket.lease import DefinedLease
from rsocket.rsocket_server import RSocketServer
from rsocket.transports.aiohttp_websocket import TransportAioHttpWebsocket
from rsocket.transports.tcp import TransportTCP

from service import Connection

# Below the longest frame that the wire has a length for: the library doesn't split what is longer unless it is told to.
LONGEST_FRAME = 16_000_000
READ_BYTES = 65_536


async def serve(options) -> int:
    for url in options.listen:
        print(f"LISTENING {await listen(url, options)}", flush=True)
    ended = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, ended.set)
    await ended.wait()
    return 0


async def listen(url: str, options) -> str:
    parts = urlsplit(url)
    security = None
    if parts.scheme in ("tls", "wss"):
        security = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        security.load_cert_chain(options.cert, options.key)
    if parts.scheme in ("ws", "wss"):
        return await listen_websocket(parts, security, options)

    async def accept(reader, writer):
        open_server(TransportTCP(reader, writer, READ_BYTES), options)

    if parts.scheme == "unix":
        await asyncio.start_unix_server(accept, parts.path)
        return url
    server = await asyncio.start_server(accept, parts.hostname, parts.port, ssl=security)
    return with_port(parts, server.sockets[0].getsockname()[1])


async def listen_websocket(parts, security, options) -> str:
    async def accept(request):
        socket = web.WebSocketResponse(max_msg_size=0)
        await socket.prepare(request)
        transport = TransportAioHttpWebsocket(socket)
        server = open_server(transport, options)
        await transport.handle_incoming_ws_messages()
        await server.close()  # the library doesn't see the end of a WebSocket by itself
        server.stop_all_streams()
        return socket

    app = web.Application()
    app.router.add_get(parts.path or "/", accept)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, parts.hostname, parts.port, ssl_context=security)
    await site.start()
    return with_port(parts, runner.addresses[0][1])


def with_port(parts, port: int) -> str:
    return parts._replace(netloc=f"{parts.hostname}:{port}").geturl()


def open_server(transport, options) -> RSocketServer:
    connection = Connection()
    connection.socket = RSocketServer(
        transport,
        handler_factory=lambda: connection,
        fragment_size_bytes=options.mtu or LONGEST_FRAME,
        lease_publisher=EverySecond(options.lease) if options.lease else None,
    )
    return connection.socket


class EverySecond(Publisher):
    """As many requests a second as it is told."""

    def __init__(self, requests: int):
        self._requests = requests

    def subscribe(self, subscriber):
        self._task = asyncio.create_task(self._grant(subscriber))

    async def _grant(self, subscriber):
        while True:
            subscriber.on_next(DefinedLease(self._requests, timedelta(seconds=1)))
            await asyncio.sleep(1)
