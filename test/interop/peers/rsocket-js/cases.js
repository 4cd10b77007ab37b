// SPDX-License-Identifier: Apache-2.0
// The cases, from this driver's side: the sizes and codes of docs/interop.md.

import assert from "node:assert/strict";
import {
  collect,
  eventually,
  expectBytes,
  expectHandlerTold,
  failureOf,
  freshKey,
  pattern,
  pause,
  Skipped,
  within,
} from "./checks.js";
import { responderOf } from "./responder.js";

const LARGE = { sentBytes: 271_828, answeredBytes: 314_159 };
const SIZES_SENT = [27_182, 8, 1_828, 45_904];
const SIZES_ASKED = [31_415, 9, 2_653, 58_979];
const BIG_BYTES = 20 * 1024 * 1024;
const LEAST_MTU_FOR_BIG = 1_024;
const SLOW = { items: 1_000, itemBytes: 1_024, window: 16, itemsPerRest: 20, restMs: 5 };
const STREAM = { messages: 10_000, messagesPerCut: 100, sizes: 251 };
const RAW = Buffer.of(0x00, 0x01, 0xab, 0xff);
const MESSAGE = "test status message";
const SPECIAL_MESSAGE = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n";
const UNKNOWN = 2;
const ABORTED = 10;

async function emptyUnary(peer) {
  const { client } = await peer.connect();
  assert.deepEqual(await client.unary("EmptyCall", {}), {});
}

async function largeUnary(peer) {
  const { client } = await peer.connect();
  const payload = pattern(LARGE.sentBytes);
  const answer = await client.unary("UnaryCall", { payload, responseSize: LARGE.answeredBytes });
  expectBytes(answer.payload, Buffer.alloc(LARGE.answeredBytes), "the answer");
  expectBytes((await client.unary("UnaryCall", { payload })).payload, payload, "the echo");
}

async function clientStreaming(peer) {
  const { client } = await peer.connect();
  const messages = SIZES_SENT.map((size) => ({ payload: pattern(size) }));
  assert.deepEqual(await collect(client.channel("ClientStream", messages)), [{ count: 4, bytes: 74_922 }]);
}

async function serverStreaming(peer) {
  const { client } = await peer.connect();
  const answers = await collect(client.stream("ServerStream", { sizes: SIZES_ASKED }));
  assert.deepEqual(
    answers.map(({ payload }) => payload.length),
    SIZES_ASKED,
  );
  for (const { payload } of answers) expectBytes(payload, Buffer.alloc(payload.length), "an answer");
}

async function slowReader(peer) {
  const { client } = await peer.connect();
  let inbox;
  const watch = (made) => {
    inbox = made;
  };
  const sizes = new Array(SLOW.items).fill(SLOW.itemBytes);
  let read = 0;
  for await (const { payload } of client.stream("ServerStream", { sizes }, { window: SLOW.window, watch })) {
    assert.equal(payload.length, SLOW.itemBytes);
    assert.ok(inbox.received <= inbox.granted, `${inbox.received} came, ${inbox.granted} were asked for`);
    if (read++ % SLOW.itemsPerRest === 0) await pause(SLOW.restMs);
  }
  assert.equal(read, SLOW.items);
}

async function pingPong(peer) {
  const { client } = await peer.connect();
  let answered;
  async function* pings() {
    for (const size of SIZES_SENT) {
      const answer = new Promise((resolve) => {
        answered = resolve;
      });
      yield { payload: pattern(size) };
      await answer;
    }
  }
  let count = 0;
  for await (const { payload } of client.channel("BidiStream", pings())) {
    expectBytes(payload, pattern(SIZES_SENT[count++]), `answer ${count}`);
    answered();
  }
  assert.equal(count, SIZES_SENT.length);
}

async function emptyStream() {
  throw new Skipped("the driver opens a channel with a first payload, there is none without");
}

async function fireAndForget(peer) {
  const { client } = await peer.connect();
  const key = freshKey("fire_and_forget");
  const payload = pattern(100);
  await client.forget("FireAndForget", { key, payload });
  await eventually("it arrives", async () => (await client.unary("Fired", { key })).count > 0);
  const { count, lastPayload } = await client.unary("Fired", { key });
  assert.equal(count, 1);
  expectBytes(lastPayload, payload, "the last payload");
}

async function customMetadata(peer) {
  const { client } = await peer.connect();
  for (const user of [RAW, Buffer.alloc(0)]) {
    const { requestMetadata } = await client.unary("UnaryCall", { payload: Buffer.of(1) }, { user });
    assert.equal(Buffer.from(requestMetadata).toString("hex"), user.toString("hex"));
  }
}

async function expectMessage(peer, message) {
  const { client } = await peer.connect();
  const failWith = { code: UNKNOWN, message };
  assert.equal((await failureOf(client.unary("UnaryCall", { failWith }))).message, message);
  assert.equal((await failureOf(collect(client.channel("BidiStream", [{ failWith }])))).message, message);
}

async function unimplementedMethod(peer) {
  const { client } = await peer.connect();
  const call = client.call("rsocket.interop.v1.TestService", "UnimplementedCall", Buffer.alloc(0));
  assert.match((await failureOf(call)).message, /^unknown method/);
}

async function unimplementedService(peer) {
  const { client } = await peer.connect();
  const call = client.call("rsocket.interop.v1.UnimplementedService", "UnimplementedCall", Buffer.alloc(0));
  assert.match((await failureOf(call)).message, /^can not find service/);
}

async function failMidStream(peer) {
  const { client } = await peer.connect();
  const failWith = { code: ABORTED, message: "after three" };
  const sizes = [];
  const receive = async () => {
    const request = { sizes: [10, 20, 30, 40, 50], failAfter: 3, failWith };
    for await (const { payload } of client.stream("ServerStream", request)) sizes.push(payload.length);
  };
  assert.equal((await failureOf(receive())).message, "after three");
  assert.deepEqual(sizes, [10, 20, 30]);
}

async function cancelAfterBegin(peer) {
  const { client } = await peer.connect();
  const key = freshKey("cancel_after_begin");
  const controller = new AbortController();
  const { promise: sent, resolve: sentBoth } = deferred();
  async function* messages() {
    yield { payload: pattern(10), key };
    yield { payload: pattern(10) };
    sentBoth();
    await pause(60_000);
  }
  const failure = failureOf(collect(client.channel("ClientStream", messages(), { signal: controller.signal })));
  await Promise.race([sent, failure]);
  controller.abort();
  await within(1_000, "the end of the call", failure);
  await expectHandlerTold(client, key);
}

async function cancelAfterFirstResponse(peer) {
  const { client } = await peer.connect();
  const key = freshKey("cancel_after_first_response");
  const controller = new AbortController();
  async function* messages() {
    yield { payload: pattern(10), key };
    await pause(60_000);
  }
  let count = 0;
  const receive = async () => {
    for await (const _ of client.channel("BidiStream", messages(), { signal: controller.signal })) {
      count++;
      controller.abort();
    }
  };
  await within(1_000, "the end of the call", failureOf(receive()));
  assert.equal(count, 1);
  await expectHandlerTold(client, key);
}

async function timeoutOnSleepingServer(peer) {
  const { client } = await peer.connect();
  const key = freshKey("timeout_on_sleeping_server");
  const signal = AbortSignal.timeout(50);
  const failure = await within(
    200,
    "the end",
    failureOf(client.unary("UnaryCall", { delayMs: 1_000, key }, { signal })),
  );
  assert.equal(failure.name, "TimeoutError");
  await expectHandlerTold(client, key);
}

async function concurrentLargeUnary(peer) {
  const { client } = await peer.connect();
  const payload = pattern(LARGE.sentBytes);
  const expected = Buffer.alloc(LARGE.answeredBytes);
  const call = async () => {
    const answer = await client.unary("UnaryCall", { payload, responseSize: LARGE.answeredBytes });
    expectBytes(answer.payload, expected, "an answer");
  };
  await Promise.all(Array.from({ length: peer.options.quick ? 100 : 1_000 }, call));
}

async function manySmall(peer) {
  const { client } = await peer.connect();
  const calls = peer.options.quick ? 1_000 : 10_000;
  let begun = 0;
  const worker = async () => {
    while (begun < calls) {
      const payload = pattern(64);
      payload.writeUInt32BE(begun++);
      expectBytes((await client.unary("UnaryCall", { payload })).payload, payload, "an answer");
    }
  };
  await Promise.all(Array.from({ length: 128 }, worker));
}

async function callBack(peer) {
  const handlers = { UnaryCall: ({ payload }) => ({ payload: Buffer.from(payload).reverse() }) };
  const { client } = await peer.connect({ responder: (format) => responderOf(handlers, format) });
  const payload = pattern(1_000);
  const { payload: answer } = await client.unary("CallBack", { payload });
  expectBytes(answer, payload.reverse(), "the answer");
}

async function fragmented(peer) {
  const { mtu: only } = peer.options;
  for (const mtu of only === undefined ? [64, 16_384] : [only]) {
    const small = { connect: (setup) => peer.connect({ ...setup, mtu }) };
    for (const run of [largeUnary, serverStreaming, clientStreaming, pingPong]) await run(small);
  }
}

async function bigMessage(peer) {
  const { mtu = 65_536 } = peer.options;
  if (mtu < LEAST_MTU_FOR_BIG) throw new Skipped(`not run with an mtu of ${mtu}`);
  const { client } = await peer.connect({ mtu });
  const payload = pattern(BIG_BYTES);
  expectBytes((await client.unary("UnaryCall", { payload })).payload, payload, "the answer");
}

async function keepalive(peer) {
  const { client, isClosed } = await peer.connect({ keepAlive: { keepAlive: 400, lifetime: 1_000 } });
  await pause(1_250);
  assert.equal(isClosed(), false, "the connection has ended");
  assert.deepEqual(await client.unary("EmptyCall", {}), {});
}

async function peerDisconnects(peer) {
  const { client, cut, ended } = await peer.connectCuttable();
  const sleeping = failureOf(client.unary("UnaryCall", { delayMs: 20_000 }));
  let count = 0;
  const receive = async () => {
    const request = { sizes: new Array(1_000).fill(100), intervalMs: 5 };
    for await (const _ of client.stream("ServerStream", request)) if (++count === 3) cut();
  };
  const streaming = failureOf(receive());
  await Promise.race([sleeping, streaming]);
  assert.ok(count >= 3, "messages before the end");
  await within(2_000, "the end of both calls", Promise.all([sleeping, streaming, ended]));
}

// The driver tells nobody what a LEASE says. Refusing what has no lease, it counts one lease; waiting, it needs two for
// one call more.
async function lease(peer) {
  const refusing = await peer.connect({ lease: { maxPendingRequests: 0 } });
  const isRefused = ({ message }) => message === "No available lease given";
  const call = ({ client }) => client.unary("UnaryCall", { payload: pattern(100) });
  await within(
    1_500,
    "the first lease",
    untilAnswered(refusing, () => call(refusing), isRefused),
  );
  let granted = 1;
  for (;;) {
    try {
      await call(refusing);
      granted++;
    } catch (error) {
      if (!isRefused(error)) throw error;
      break;
    }
  }
  assert.ok(granted < 10_000, `requests of a lease: ${granted}`);
  const patient = await peer.connect({ lease: {} });
  const calls = Array.from({ length: granted + 1 }, () => call(patient).then(() => performance.now()));
  const times = await within(5_000, "the answers of two leases", Promise.all(calls));
  times.sort((left, right) => left - right);
  const waitedMs = times[granted] - times[granted - 1];
  assert.ok(waitedMs > 300, `ms that the call above the lease waited: ${waitedMs}`);
}

async function untilAnswered({ isClosed, ended }, call, isExpected) {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (isClosed()) throw new Skipped(`the server refuses it: ${(await ended)?.message}`);
      if (!isExpected(error)) throw error;
      await pause(10);
    }
  }
}

async function resume(peer) {
  const messages = STREAM.messages * (peer.options.quick ? 0.1 : 1);
  const token = Buffer.from(freshKey("resume"));
  const resuming = { tokenGenerator: () => token, reconnectFunction: () => pause(1) };
  const { client, cut, isClosed, ended } = await peer.connectCuttable({ resume: resuming });
  await client.unary("EmptyCall", {}).catch(async (error) => {
    if (isClosed()) throw new Skipped(`the server refuses it: ${(await ended)?.message}`);
    throw error;
  });
  const sizes = Array.from({ length: messages }, (_, at) => at % STREAM.sizes);
  let count = 0;
  const receive = async () => {
    for await (const { payload, sequence } of client.stream("ServerStream", { sizes }, { window: 64 })) {
      assert.deepEqual([sequence, payload.length], [count, sizes[count]]);
      if (++count % STREAM.messagesPerCut === 0 && count < messages) cut();
    }
  };
  await within(40_000, "the end of the stream", receive());
  assert.equal(count, messages);
  assert.deepEqual(await client.unary("EmptyCall", {}), {});
}

async function compositeRouting(peer) {
  const composite = {
    options: peer.options,
    connect: (setup) => peer.connect({ ...setup, mode: "composite" }),
  };
  const calls = { emptyUnary, largeUnary, clientStreaming, serverStreaming, pingPong, fireAndForget, callBack };
  const others = { customMetadata, unimplementedMethod, unimplementedService };
  for (const run of Object.values({ ...calls, ...others })) await run(composite);
  await expectMessage(composite, MESSAGE);
}

function deferred() {
  let resolve;
  const promise = new Promise((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

/** By name, in the order of docs/interop.md. */
export const CASES = new Map(
  Object.entries({
    empty_unary: emptyUnary,
    large_unary: largeUnary,
    client_streaming: clientStreaming,
    server_streaming: serverStreaming,
    server_streaming_slow_reader: slowReader,
    ping_pong: pingPong,
    empty_stream: emptyStream,
    fire_and_forget: fireAndForget,
    custom_metadata: customMetadata,
    status_code_and_message: (peer) => expectMessage(peer, MESSAGE),
    special_status_message: (peer) => expectMessage(peer, SPECIAL_MESSAGE),
    unimplemented_method: unimplementedMethod,
    unimplemented_service: unimplementedService,
    fail_mid_stream: failMidStream,
    cancel_after_begin: cancelAfterBegin,
    cancel_after_first_response: cancelAfterFirstResponse,
    timeout_on_sleeping_server: timeoutOnSleepingServer,
    concurrent_large_unary: concurrentLargeUnary,
    many_small: manySmall,
    call_back: callBack,
    fragmented,
    big_message: bigMessage,
    keepalive,
    peer_disconnects: peerDisconnects,
    lease,
    resume,
    composite_routing: compositeRouting,
  }),
);
