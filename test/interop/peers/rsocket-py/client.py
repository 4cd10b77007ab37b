# SPDX-License-Identifier: Apache-2.0
"""Runs cases against a server, one after the other: a line for each."""

import asyncio
import contextlib
import os
import random
import ssl
import tempfile
from datetime import timedelta
from urllib.parse import urlsplit

import aiohttp
import interop_pb2 as pb
from google.protobuf.empty_pb2 import Empty
from rsocket.helpers import single_transport_provider
from rsocket.payload import Payload
from rsocket.request_handler import BaseRequestHandler
from rsocket.rsocket_client import RSocketClient
from rsocket.transports.aiohttp_websocket import TransportAioHttpClient
from rsocket.transports.tcp import TransportTCP

from flow import MAX_REQUEST_N, Inbox, Source
from route import COMPOSITE_MIME, SERVICE, encode_composite, encode_rpc
from server import LONGEST_FRAME, READ_BYTES

CASE_SECONDS = 60


class Skipped(Exception):
    """The case can't be run here."""


async def run(options) -> int:
    import cases  # which imports this module

    wanted = list(cases.CASES) if options.case == "all" else options.case.split(",")
    failed = 0
    for name, case in cases.CASES.items():
        if name not in wanted:
            continue
        verdict = await run_case(case, options)
        print(verdict.format(name=name), flush=True)
        failed += verdict.startswith("FAIL")
    return 1 if failed else 0


async def run_case(case, options) -> str:
    async with Peer(options) as peer:
        try:
            await asyncio.wait_for(case(peer), CASE_SECONDS)
            return "PASS {name}"
        except Skipped as why:
            return f"SKIP {{name}}: {one_line(why)}"
        except Exception as error:
            return f"FAIL {{name}}: {one_line(error)}"


def one_line(error: BaseException) -> str:
    text = f"{type(error).__name__}: {error}" if not isinstance(error, (AssertionError, Skipped)) else str(error)
    return repr(text)[1:-1].replace("{", "{{").replace("}", "}}")


class Peer:
    """The server as one case sees it. What the case opens is closed with it."""

    def __init__(self, options):
        self.options = options
        self.is_composite = options.mode == "composite"
        self._closing = contextlib.AsyncExitStack()
        self._keys = 0

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        with contextlib.suppress(Exception):
            await asyncio.wait_for(self._closing.aclose(), 5)

    def key(self, of: str) -> str:
        """One that no other case uses; the same in each run with the same seed."""
        self._keys += 1
        return f"{of}-{self._keys if os.environ.get('INTEROP_SEED') else format(random.getrandbits(64), 'x')}"

    def calls(self, all_: int) -> int:
        return all_ // 10 if self.options.quick else all_

    async def connect(self, url=None, keepalive=(20_000, 90_000), responder=BaseRequestHandler, **more) -> "Session":
        transport = await self._dial(url or self.options.connect)
        interval, lifetime = (timedelta(milliseconds=ms) for ms in keepalive)
        socket = RSocketClient(
            single_transport_provider(transport),
            handler_factory=responder,
            data_encoding=b"application/x-protobuf" if self.is_composite else b"application/binary",
            metadata_encoding=COMPOSITE_MIME if self.is_composite else b"application/binary",
            keep_alive_period=interval,
            max_lifetime_period=lifetime,
            **{"fragment_size_bytes": self.options.mtu or LONGEST_FRAME, **more},
        )
        await self._closing.enter_async_context(socket)
        return Session(socket, self.is_composite)

    async def _dial(self, url: str):
        parts = urlsplit(url)
        security = ssl.create_default_context(cafile=self.options.ca) if parts.scheme in ("tls", "wss") else None
        if parts.scheme in ("ws", "wss"):
            session = await self._closing.enter_async_context(aiohttp.ClientSession())
            websocket = await session.ws_connect(url, max_msg_size=0, ssl=security or True)
            return TransportAioHttpClient(websocket=websocket)
        if parts.scheme == "unix":
            return TransportTCP(*await asyncio.open_unix_connection(parts.path), READ_BYTES)
        return TransportTCP(*await asyncio.open_connection(parts.hostname, parts.port, ssl=security), READ_BYTES)

    async def relay(self) -> "Relay":
        relay = Relay(urlsplit(self.options.connect))
        await relay.start(self._closing)
        return relay


class Session:
    """One connection, set up."""

    def __init__(self, socket: RSocketClient, is_composite: bool):
        self.socket = socket
        self._encode = encode_composite if is_composite else encode_rpc

    def request(self, method: str, message, user=b"", service=SERVICE) -> Payload:
        return Payload(message.SerializeToString(), self._encode(service, method, user))

    async def unary(self, method: str, message, answer, **to):
        received = await self.socket.request_response(self.request(method, message, **to))
        return answer.FromString(bytes(received.data or b""))

    async def unary_call(self, **fields):
        return await self.unary("UnaryCall", pb.SimpleRequest(**fields), pb.SimpleResponse)

    async def empty(self):
        return await self.unary("EmptyCall", Empty(), Empty)

    async def fired(self, key: str):
        return await self.unary("Fired", pb.FiredRequest(key=key), pb.FiredResponse)

    def stream(self, window=None, **fields) -> Inbox:
        inbox = Inbox(window)
        request = self.request("ServerStream", pb.StreamRequest(**fields))
        self.socket.request_stream(request).initial_request_n(window or MAX_REQUEST_N).subscribe(inbox)
        return inbox

    def channel(self, method: str, first, rest) -> tuple[Inbox, Source]:
        """`rest`: an async generator of the messages behind the first."""

        async def payloads():
            async for call in rest:
                yield Payload(call.SerializeToString())

        inbox, source = Inbox(None), Source(payloads())
        requester = self.socket.request_channel(self.request(method, first), source)
        requester.initial_request_n(MAX_REQUEST_N).subscribe(inbox)
        return inbox, source


class Relay:
    """Passes bytes on between a client and the server until it is cut: then both ends lose their connection."""

    def __init__(self, parts):
        self._parts = parts
        self._writers = []
        self.url = ""

    async def start(self, closing: contextlib.AsyncExitStack):
        if self._parts.scheme == "unix":
            path = closing.enter_context(tempfile.TemporaryDirectory()) + "/socket"
            server = await asyncio.start_unix_server(self._join, path)
            self.url = f"unix:{path}"
        else:
            server = await asyncio.start_server(self._join, "127.0.0.1", 0)
            self.url = self._parts._replace(netloc=f"127.0.0.1:{server.sockets[0].getsockname()[1]}").geturl()
        closing.callback(server.close)

    def cut(self):
        for writer in self._writers:
            writer.transport.abort()

    async def _join(self, near_reader, near):
        if self._parts.scheme == "unix":
            far_reader, far = await asyncio.open_unix_connection(self._parts.path)
        else:
            far_reader, far = await asyncio.open_connection(self._parts.hostname, self._parts.port)
        self._writers += [near, far]
        await asyncio.gather(pipe(near_reader, far), pipe(far_reader, near))


async def pipe(reader, writer):
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(READ_BYTES):
            writer.write(data)
            await writer.drain()
    writer.close()
