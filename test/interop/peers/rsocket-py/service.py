# SPDX-License-Identifier: Apache-2.0
"""TestService: handlers, and how requests reach them in either mode."""

import asyncio
import contextlib
from collections import defaultdict

import interop_pb2 as pb
from rsocket.helpers import create_future
from rsocket.payload import Payload
from rsocket.request_handler import BaseRequestHandler
from rsocket.routing.request_router import RequestRouter
from rsocket.routing.routing_request_handler import RoutingRequestHandler
from rsocket.streams.error_stream import ErrorStream
from rsocket.streams.null_subscrier import NullSubscriber

from flow import RespondersInbox, Source
from route import COMPOSITE_MIME, SERVICE, decode_rpc, encode_composite, encode_rpc, user_part

# What FireAndForget was called with, by key, of all connections. A cancelled call counts as `cancelled:<key>`.
fired: dict[str, list[bytes]] = defaultdict(list)


@contextlib.contextmanager
def watched(keys: list[str]):
    """`keys`: of the calls that have come by then."""
    try:
        yield
    except (asyncio.CancelledError, GeneratorExit):
        note_cancelled(keys)
        raise


def note_cancelled(keys: list[str]):
    for key in filter(None, keys):
        fired[f"cancelled:{key}"].append(b"")


def fail(failure):
    raise RuntimeError(failure.message)


async def respond(call, sequence: int, user: bytes):
    await asyncio.sleep(call.delay_ms / 1000)
    if call.HasField("fail_with"):
        fail(call.fail_with)
    answer = pb.SimpleResponse(sequence=sequence, request_metadata=user)
    answer.payload = bytes(call.response_size) if call.response_size else call.payload
    if call.HasField("tag"):
        answer.tag = call.tag
    return answer


class TestService:
    """The handlers of one connection, by the name of the method."""

    def __init__(self, connection: "Connection"):
        self._connection = connection
        self.responses = {
            "EmptyCall": self._empty_call,
            "UnaryCall": self._unary_call,
            "Fired": self._fired,
            "CallBack": self._call_back,
        }
        self.streams = {"ServerStream": self._server_stream}
        self.channels = {"ClientStream": self._client_stream, "BidiStream": self._bidi_stream}

    def _empty_call(self, _data, _user):
        return create_future(Payload())

    def _unary_call(self, data, user):
        call = pb.SimpleRequest.FromString(data)
        answer = asyncio.ensure_future(encoded_response(call, user))
        # Not by an exception in the task: it may be cancelled before it begins.
        answer.add_done_callback(lambda _: answer.cancelled() and note_cancelled([call.key]))
        return answer

    def _fired(self, data, _user):
        payloads = fired[pb.FiredRequest.FromString(data).key]
        answer = pb.FiredResponse(count=len(payloads), last_payload=payloads[-1] if payloads else b"")
        return create_future(Payload(answer.SerializeToString()))

    def _call_back(self, data, _user):
        encode = encode_composite if self._connection.is_composite else encode_rpc
        return self._connection.socket.request_response(Payload(data, encode(SERVICE, "UnaryCall")))

    async def _server_stream(self, data):
        call = pb.StreamRequest.FromString(data)
        for sequence, size in enumerate(call.sizes):
            if call.HasField("fail_with") and sequence == call.fail_after:
                break
            if sequence > 0 and call.interval_ms > 0:
                await asyncio.sleep(call.interval_ms / 1000)
            yield pb.SimpleResponse(payload=bytes(size), sequence=sequence)
        if call.HasField("fail_with"):
            fail(call.fail_with)

    async def _client_stream(self, calls, _user):
        answer, keys = pb.AggregateResponse(), []
        with watched(keys):
            async for call in calls:
                keys.append(call.key)
                answer.count += 1
                answer.bytes += len(call.payload)
        yield answer

    async def _bidi_stream(self, calls, user):
        keys, sequence = [], 0
        with watched(keys):
            async for call in calls:
                keys.append(call.key)
                yield await respond(call, sequence, user)
                sequence += 1

    def fire_and_forget(self, data):
        call = pb.SimpleRequest.FromString(data)
        fired[call.key].append(call.payload)


async def encoded(messages):
    async for message in messages:
        yield Payload(message.SerializeToString())


async def encoded_response(call, user: bytes) -> Payload:
    return Payload((await respond(call, 0, user)).SerializeToString())


async def calls_of(first: Payload, inbox: RespondersInbox):
    yield pb.SimpleRequest.FromString(first.data or b"")
    async for next_ in inbox:
        yield pb.SimpleRequest.FromString(next_.data or b"")


# The library reads nothing while it awaits a handler: handlers give futures.


def response_of(handler, payload: Payload, user: bytes) -> asyncio.Future:
    return handler(bytes(payload.data or b""), user)


def stream_of(handler, payload: Payload) -> Source:
    return Source(encoded(handler(bytes(payload.data or b""))))


def channel_of(handler, payload: Payload, user: bytes):
    inbox = RespondersInbox()
    return Source(encoded(handler(calls_of(payload, inbox), user))), inbox


class RpcHandler(BaseRequestHandler):
    """Requests with the metadata of rsocket-rpc."""

    def __init__(self, service: TestService):
        self._service = service

    @staticmethod
    def _find(handlers, payload: Payload):
        service, method, user = decode_rpc(payload.metadata)
        if service != SERVICE:
            raise RuntimeError(f"can not find service {service}")
        if method not in handlers:
            raise RuntimeError(f"unknown method {method}")
        return handlers[method], user

    async def request_response(self, payload):
        handler, user = self._find(self._service.responses, payload)
        return response_of(handler, payload, user)

    async def request_stream(self, payload):
        try:
            handler, _ = self._find(self._service.streams, payload)
        except RuntimeError as error:
            return ErrorStream(error)
        return stream_of(handler, payload)

    async def request_channel(self, payload):
        try:
            handler, user = self._find(self._service.channels, payload)
        except RuntimeError as error:
            return ErrorStream(error), NullSubscriber()
        return channel_of(handler, payload, user)

    async def request_fire_and_forget(self, payload):
        handler, _ = self._find({"FireAndForget": self._service.fire_and_forget}, payload)
        handler(bytes(payload.data or b""))


def router_of(service: TestService) -> RequestRouter:
    """Requests with composite metadata: the library's own router, which binds arguments by their names."""
    router = RequestRouter()
    for method, handler in service.responses.items():
        router.response(f"{SERVICE}.{method}")(_routed(response_of, handler))
    for method, handler in service.channels.items():
        router.channel(f"{SERVICE}.{method}")(_routed(channel_of, handler))
    for method, handler in service.streams.items():
        router.stream(f"{SERVICE}.{method}")(_routed(lambda handler, payload, _: stream_of(handler, payload), handler))

    @router.fire_and_forget(f"{SERVICE}.FireAndForget")
    async def fire_and_forget(payload):
        service.fire_and_forget(bytes(payload.data or b""))

    return router


def _routed(kind, handler):
    async def call(payload, composite_metadata):
        return kind(handler, payload, user_part(composite_metadata))

    return call


class Connection(BaseRequestHandler):
    """The handler of one connection: the mime type in SETUP tells the mode."""

    def __init__(self):
        self.socket = None
        self.is_composite = False
        self._handler = None

    async def on_setup(self, data_encoding, metadata_encoding, payload):
        self.is_composite = metadata_encoding == COMPOSITE_MIME
        service = TestService(self)
        self._handler = RoutingRequestHandler(router_of(service)) if self.is_composite else RpcHandler(service)
        await self._handler.on_setup(data_encoding, metadata_encoding, payload)

    async def request_response(self, payload):
        return await self._handler.request_response(payload)

    async def request_stream(self, payload):
        return await self._handler.request_stream(payload)

    async def request_channel(self, payload):
        return await self._handler.request_channel(payload)

    async def request_fire_and_forget(self, payload):
        await self._handler.request_fire_and_forget(payload)
