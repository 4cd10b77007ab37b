# SPDX-License-Identifier: Apache-2.0
"""What a case does is said in ../../cases."""

import argparse
import asyncio
import functools
import time

import interop_pb2 as pb
from google.protobuf.empty_pb2 import Empty
from rsocket.helpers import create_future
from rsocket.payload import Payload
from rsocket.request_handler import BaseRequestHandler

from client import Peer, Session, Skipped
from route import SERVICE

PING_SIZES = [27182, 8, 1828, 45904]
MESSAGE = "test status message"
SPECIAL_MESSAGE = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n"


# Steps of 31 within a row of 256, and each row shifted against the one before: a lost, doubled or misplaced piece shows.
ROWS = [bytes((column * 31 + shift) & 255 for column in range(256)) for shift in range(256)]


@functools.cache
def pattern(length: int) -> bytes:
    return b"".join(ROWS[(row * 7 + (row >> 8)) & 255] for row in range(length // 256 + 1))[:length]


def equal(what: str, got: bytes, wanted: bytes):
    assert got == wanted, f"{what}: {len(got)} bytes aren't the {len(wanted)} expected"


async def eventually(what: str, holds):
    for _ in range(200):
        if await holds():
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"{what}: not within 2 s")


async def expect_handler_told(session: Session, key: str):
    async def told():
        return (await session.fired(f"cancelled:{key}")).count == 1

    await eventually("the server's handler is told", told)


async def failure_of(awaitable) -> Exception:
    try:
        await awaitable
    except Exception as error:
        return error
    raise AssertionError("the call succeeded, expected it to fail")


async def none():
    return
    yield


async def later(*calls):
    for call in calls:
        yield call


async def empty_unary(peer: Peer):
    await (await peer.connect()).empty()


async def large(session: Session):
    answer = await session.unary_call(payload=pattern(271_828), response_size=314_159)
    equal("the answer", answer.payload, bytes(314_159))


async def echo(session: Session, payload: bytes):
    equal("the echo", (await session.unary_call(payload=payload)).payload, payload)


async def large_unary(peer: Peer):
    session = await peer.connect()
    await large(session)
    await echo(session, pattern(271_828))


async def big_message(peer: Peer):
    if peer.options.mtu is not None and peer.options.mtu < 1024:
        raise Skipped(f"not run with an mtu of {peer.options.mtu}")
    payload = pattern(20 * 1024 * 1024)  # before SETUP, which the server doesn't wait for very long
    await echo(await peer.connect(), payload)


async def client_streaming(peer: Peer):
    calls = [pb.SimpleRequest(payload=pattern(size)) for size in PING_SIZES]
    inbox, _ = (await peer.connect()).channel("ClientStream", calls[0], later(*calls[1:]))
    answers = [pb.AggregateResponse.FromString(answer.data) async for answer in inbox]
    assert len(answers) == 1 and answers[0].count == 4 and answers[0].bytes == 74_922, f"the answers are {answers}"


async def server_streaming(peer: Peer):
    sizes = [31415, 9, 2653, 58979]
    received = [received async for received in (await peer.connect()).stream(sizes=sizes)]
    assert len(received) == 4, f"{len(received)} messages"
    for size, payload in zip(sizes, received, strict=True):
        equal("a message", pb.SimpleResponse.FromString(bytes(payload.data)).payload, bytes(size))


async def slow_reader(peer: Peer):
    count = 0
    async for received in (await peer.connect()).stream(window=16, sizes=[1024] * 1000):
        answer = pb.SimpleResponse.FromString(bytes(received.data))
        assert answer.sequence == count and len(answer.payload) == 1024, f"message {count} is number {answer.sequence}"
        count += 1
        if count % 20 == 0:
            await asyncio.sleep(0.005)
    assert count == 1000, f"{count} messages"


async def ping_pong(peer: Peer):
    answered = asyncio.Queue()

    async def pings():
        for size in PING_SIZES[1:]:
            await answered.get()
            yield pb.SimpleRequest(payload=pattern(size))
        await answered.get()

    first = pb.SimpleRequest(payload=pattern(PING_SIZES[0]))
    inbox, _ = (await peer.connect()).channel("BidiStream", first, pings())
    count = 0
    async for received in inbox:
        equal(f"answer {count}", pb.SimpleResponse.FromString(bytes(received.data)).payload, pattern(PING_SIZES[count]))
        count += 1
        answered.put_nowait(None)
    assert count == 4, f"{count} answers"


async def empty_stream(_: Peer):
    raise Skipped("the library takes the first message together with the call: there is no channel without one")


async def fire_and_forget(peer: Peer):
    session, key = await peer.connect(), peer.key("fire_and_forget")
    call = pb.SimpleRequest(key=key, payload=pattern(100))
    await session.socket.fire_and_forget(session.request("FireAndForget", call))

    async def arrived():
        return (await session.fired(key)).count > 0

    await eventually("it arrives", arrived)
    answer = await session.fired(key)
    assert answer.count == 1, f"it arrived {answer.count} times"
    equal("the last payload", answer.last_payload, pattern(100))


async def custom_metadata(peer: Peer):
    session = await peer.connect()
    for user in (b"\x00\x01\xab\xff", b""):
        call = pb.SimpleRequest(payload=b"\x01")
        answer = await session.unary("UnaryCall", call, pb.SimpleResponse, user=user)
        equal("metadata that the handler saw", answer.request_metadata, user)


def status_message(text: str):
    async def run(peer: Peer):
        session = await peer.connect()
        failing = pb.SimpleRequest(fail_with=pb.Failure(code=2, message=text))
        unary = await failure_of(session.unary("UnaryCall", failing, pb.SimpleResponse))
        inbox, _ = session.channel("BidiStream", failing, none())
        channel = await failure_of(anext(inbox))
        for error in (unary, channel):
            assert str(error) == text, f"{error!r}, expected the message {text!r}"

    return run


def unimplemented(service: str, text: str):
    async def run(peer: Peer):
        session = await peer.connect()
        error = await failure_of(session.unary("UnimplementedCall", Empty(), Empty, service=service))
        assert str(error).startswith(text), f"{error!r}, expected {text!r} …"

    return run


async def fail_mid_stream(peer: Peer):
    failure = pb.Failure(code=10, message="after three")
    inbox = (await peer.connect()).stream(sizes=[10, 20, 30, 40, 50], fail_after=3, fail_with=failure)
    for size in (10, 20, 30):
        answer = pb.SimpleResponse.FromString(bytes((await anext(inbox)).data))
        assert len(answer.payload) == size, f"a message of {len(answer.payload)} bytes, expected {size}"
    error = await failure_of(anext(inbox))
    assert str(error) == "after three", f"it ended with {error!r}"


async def hold(*calls):
    for call in calls:
        yield call
    await asyncio.Event().wait()


async def cancel_after_begin(peer: Peer):
    session, key, both = await peer.connect(), peer.key("cancel_after_begin"), asyncio.Event()

    async def rest():
        yield pb.SimpleRequest(payload=pattern(10))
        both.set()
        await asyncio.Event().wait()

    inbox, source = session.channel("ClientStream", pb.SimpleRequest(key=key, payload=pattern(10)), rest())
    await both.wait()
    source.cancel()
    inbox.subscription.cancel()
    await expect_handler_told(session, key)


async def cancel_after_first_response(peer: Peer):
    session, key = await peer.connect(), peer.key("cancel_after_first_response")
    inbox, source = session.channel("BidiStream", pb.SimpleRequest(key=key, payload=pattern(10)), hold())
    await anext(inbox)
    source.cancel()
    inbox.subscription.cancel()
    await expect_handler_told(session, key)


async def timeout_on_sleeping_server(peer: Peer):
    session, key = await peer.connect(), peer.key("timeout_on_sleeping_server")
    begun = time.monotonic()
    error = await failure_of(asyncio.wait_for(session.unary_call(delay_ms=1000, key=key), 0.05))
    took = time.monotonic() - begun
    assert isinstance(error, TimeoutError) and took < 0.2, f"it ended after {took:.3f} s with {error!r}"
    await expect_handler_told(session, key)


async def concurrent_large_unary(peer: Peer):
    session = await peer.connect()
    await asyncio.gather(*(large(session) for _ in range(peer.calls(1000))))


async def many_small(peer: Peer):
    session, numbers = await peer.connect(), iter(range(peer.calls(10_000)))

    async def worker():
        for number in numbers:
            await echo(session, number.to_bytes(4, "big") * 16)

    await asyncio.gather(*(worker() for _ in range(128)))


class Backwards(BaseRequestHandler):
    """So that it is the client's answer for certain."""

    async def request_response(self, payload):
        call = pb.SimpleRequest.FromString(bytes(payload.data))
        return create_future(Payload(pb.SimpleResponse(payload=call.payload[::-1]).SerializeToString()))


async def call_back(peer: Peer):
    session = await peer.connect(responder=Backwards)
    answer = await session.unary("CallBack", pb.SimpleRequest(payload=pattern(1000)), pb.SimpleResponse)
    equal("the answer", answer.payload, pattern(1000)[::-1])


async def fragmented(peer: Peer):
    for mtu in [peer.options.mtu] if peer.options.mtu else [64, 16_384]:
        for case in (large_unary, server_streaming, ping_pong):
            await changed(peer, case, f"mtu {mtu}", mtu=mtu)


async def changed(peer: Peer, case, what: str, **options):
    async with Peer(argparse.Namespace(**{**vars(peer.options), **options})) as other:
        try:
            await case(other)
        except Exception as error:
            raise AssertionError(f"{what}: {error!r}") from error


async def keepalive(peer: Peer):
    # Whole seconds: the library rounds. Three intervals are longer than the lifetime.
    session = await peer.connect(keepalive=(1000, 2000))
    await asyncio.sleep(3.2)
    assert session.socket.is_server_alive(), "the library holds the server for dead"
    await session.empty()


async def peer_disconnects(peer: Peer):
    relay = await peer.relay()
    session = await peer.connect(relay.url)
    sleeping = asyncio.ensure_future(session.unary_call(delay_ms=20_000))
    inbox = session.stream(sizes=[100] * 1000, interval_ms=5)
    for _ in range(3):
        await anext(inbox)
    relay.cut()

    async def drain():
        async for _ in inbox:
            pass

    endings = await asyncio.wait_for(asyncio.gather(failure_of(sleeping), failure_of(drain())), 2)
    assert not any(isinstance(error, AssertionError) for error in endings), f"the calls ended with {endings}"


async def lease(peer: Peer):
    session = await peer.connect(honor_lease=True)
    begun = time.monotonic()
    await asyncio.wait_for(asyncio.gather(*(session.empty() for _ in range(6))), 5)
    took = time.monotonic() - begun
    assert took > 0.5, f"six calls were answered within {took:.3f} s, with five requests a second"


async def resume(_: Peer):
    raise Skipped("the library doesn't resume")


async def composite_routing(peer: Peer):
    names = (
        "empty_unary large_unary client_streaming server_streaming ping_pong fire_and_forget call_back"
        " custom_metadata status_code_and_message unimplemented_method"
    )
    for name in names.split():
        await changed(peer, CASES[name], name, mode="composite")


CASES = {
    "empty_unary": empty_unary,
    "large_unary": large_unary,
    "client_streaming": client_streaming,
    "server_streaming": server_streaming,
    "server_streaming_slow_reader": slow_reader,
    "ping_pong": ping_pong,
    "empty_stream": empty_stream,
    "fire_and_forget": fire_and_forget,
    "custom_metadata": custom_metadata,
    "status_code_and_message": status_message(MESSAGE),
    "special_status_message": status_message(SPECIAL_MESSAGE),
    "unimplemented_method": unimplemented(SERVICE, "unknown method"),
    "unimplemented_service": unimplemented("rsocket.interop.v1.UnimplementedService", "can not find service"),
    "fail_mid_stream": fail_mid_stream,
    "cancel_after_begin": cancel_after_begin,
    "cancel_after_first_response": cancel_after_first_response,
    "timeout_on_sleeping_server": timeout_on_sleeping_server,
    "concurrent_large_unary": concurrent_large_unary,
    "many_small": many_small,
    "call_back": call_back,
    "fragmented": fragmented,
    "big_message": big_message,
    "keepalive": keepalive,
    "peer_disconnects": peer_disconnects,
    "lease": lease,
    "resume": resume,
    "composite_routing": composite_routing,
}
