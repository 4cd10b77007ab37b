// SPDX-License-Identifier: Apache-2.0
// The cases of the interop matrix, called with rsocket-rpc-js.

import { strict as assert } from "node:assert";
import { randomUUID } from "node:crypto";
import { createRequire } from "node:module";
import { connect as connectSocket, createServer } from "node:net";
import { parseArgs } from "node:util";
import { flowableOf, itemsOf, promiseOf, singleOf } from "./flows.js";
import { SERVICE, TestServiceClient, TestServiceServer } from "./stubs.js";

const require = createRequire(import.meta.url);
const { BufferEncoders, RSocketClient } = require("rsocket-core");
const { RequestHandlingRSocket } = require("rsocket-rpc-core");
const TcpClient = require("rsocket-tcp-client").default;
const WebSocketClient = require("rsocket-websocket-client").default;
const WebSocket = require("ws");

const CASE_TIMEOUT_MS = 60_000;
const LARGE = { sent: 271_828, answered: 314_159 };
const SIZES_SENT = [27_182, 8, 1_828, 45_904];
const SIZES_ASKED = [31_415, 9, 2_653, 58_979];
const SPECIAL = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n";

const { values } = parseArgs({
  options: {
    connect: { type: "string" },
    case: { type: "string" },
    mode: { type: "string", default: "rpc" },
    mtu: { type: "string" }, // this runtime sends no fragments
    quick: { type: "boolean", default: false },
  },
});
const share = values.quick ? 0.1 : 1;

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function pattern(byteLength, seed = 0) {
  const bytes = Buffer.alloc(byteLength);
  for (let i = 0; i < byteLength; i++) bytes[i] = (i * 31 + (i >>> 8) * 7 + (i >>> 16) + seed) & 0xff;
  return bytes;
}

const same = (actual, expected, what) =>
  assert.ok(Buffer.compare(actual, expected) === 0, `${what} has ${actual.length} bytes, expected ${expected.length}`);

const keys = new Map();
function freshKey(name) {
  if (process.env.INTEROP_SEED === undefined) return randomUUID();
  keys.set(name, (keys.get(name) ?? 0) + 1);
  return `${name}-${keys.get(name)}`;
}

/** What the server said of why a call failed. */
async function failureOf(promise) {
  try {
    await promise;
  } catch (error) {
    if (error.source === undefined) throw error;
    return error.source;
  }
  throw new Error("the call succeeded, expected it to fail");
}

async function eventually(what, holds) {
  for (const endsAtMs = Date.now() + 2_000; !(await holds()); await sleep(10)) {
    if (Date.now() > endsAtMs) throw new Error(`${what}: not within 2000 ms`);
  }
}

const told = (client, key) =>
  eventually("the server's handler is told", async () => {
    return (await promiseOf(client.fired({ key: `cancelled:${key}` }))).count === 1;
  });

async function drain(flowable, ahead = 16) {
  const all = [];
  for await (const item of itemsOf(flowable, ahead)) all.push(item);
  return all;
}

/** Connections of the case that runs. */
const sockets = [];

async function open({ url = values.connect, setup = {}, service } = {}) {
  const { protocol, hostname, port, href } = new URL(url);
  const transport =
    protocol === "tcp:"
      ? new TcpClient({ host: hostname, port: Number(port) }, BufferEncoders)
      : new WebSocketClient({ url: href, wsCreator: (to) => new WebSocket(to) }, BufferEncoders);
  const responder = new RequestHandlingRSocket();
  if (service !== undefined) responder.addService(SERVICE, new TestServiceServer(service));
  const client = new RSocketClient({
    setup: {
      ...{ dataMimeType: "application/binary", metadataMimeType: "application/binary" },
      ...{ keepAlive: 20_000, lifetime: 90_000, ...setup },
    },
    responder,
    transport,
  });
  const socket = await promiseOf(client.connect());
  sockets.push(socket);
  const state = { status: "CONNECTED" };
  socket.connectionStatus().subscribe({
    onSubscribe: (subscription) => subscription.request(Number.MAX_SAFE_INTEGER),
    onNext: ({ kind }) => {
      state.status = kind;
    },
  });
  return { rsocket: socket, client: new TestServiceClient(socket), state };
}

const CASES = {
  async empty_unary() {
    const { client } = await open();
    assert.deepEqual(await promiseOf(client.emptyCall({})), {});
  },
  async large_unary() {
    const { client } = await open();
    const payload = pattern(LARGE.sent);
    const answer = await promiseOf(client.unaryCall({ payload, responseSize: LARGE.answered }));
    same(answer.payload, Buffer.alloc(LARGE.answered), "the answer");
    same((await promiseOf(client.unaryCall({ payload }))).payload, payload, "the echo");
  },
  async client_streaming() {
    const { client } = await open();
    const requests = flowableOf(async function* () {
      for (const size of SIZES_SENT) yield { payload: pattern(size) };
    });
    const [{ count, bytes }, ...others] = await drain(client.clientStream(requests), 2);
    assert.deepEqual([count, bytes, others.length], [4, 74_922, 0]);
  },
  async server_streaming() {
    const { client } = await open();
    const answers = await drain(client.serverStream({ sizes: SIZES_ASKED }));
    assert.deepEqual(
      answers.map(({ payload }) => payload.length),
      SIZES_ASKED,
    );
  },
  async server_streaming_slow_reader() {
    const { client } = await open();
    let read = 0;
    for await (const { payload } of itemsOf(client.serverStream({ sizes: new Array(1_000).fill(1_024) }), 16)) {
      assert.equal(payload.length, 1_024);
      if (read++ % 20 === 0) await sleep(5);
    }
    assert.equal(read, 1_000);
  },
  async ping_pong() {
    const { client } = await open();
    let answered;
    let isOver = false;
    const pings = flowableOf(async function* () {
      for (const size of SIZES_SENT) {
        const answer = new Promise((resolve) => {
          answered = resolve;
        });
        yield { payload: pattern(size) };
        await answer;
      }
      isOver = true;
    });
    let count = 0;
    for await (const { payload } of itemsOf(client.bidiStream(pings), 8)) {
      same(payload, pattern(SIZES_SENT[count++]), `answer ${count}`);
      answered();
    }
    assert.deepEqual([count, isOver], [4, true]);
  },
  async fire_and_forget() {
    const { client } = await open();
    const key = freshKey("fire_and_forget");
    client.fireAndForget({ key, payload: pattern(100) });
    await eventually("it arrives", async () => (await promiseOf(client.fired({ key }))).count > 0);
    const { count, lastPayload } = await promiseOf(client.fired({ key }));
    assert.equal(count, 1);
    same(lastPayload, pattern(100), "the last payload");
  },
  async custom_metadata() {
    const { client } = await open();
    for (const metadata of [Buffer.from("0001abff", "hex"), Buffer.alloc(0)]) {
      const { requestMetadata } = await promiseOf(client.unaryCall({ payload: Buffer.of(1) }, metadata));
      assert.equal(Buffer.from(requestMetadata).toString("hex"), metadata.toString("hex"));
    }
  },
  async status_code_and_message() {
    const { client } = await open();
    const failWith = { code: 2, message: "test status message" };
    assert.equal((await failureOf(promiseOf(client.unaryCall({ failWith })))).message, failWith.message);
    const requests = flowableOf(async function* () {
      yield { failWith };
      await new Promise(() => {});
    });
    assert.equal((await failureOf(drain(client.bidiStream(requests)))).message, failWith.message);
  },
  async special_status_message() {
    const { client } = await open();
    const failed = await failureOf(promiseOf(client.unaryCall({ failWith: { code: 2, message: SPECIAL } })));
    assert.equal(failed.message, SPECIAL);
  },
  async unimplemented_method() {
    const { rsocket } = await open();
    const { code, message } = await failureOf(
      promiseOf(TestServiceClient.unknown(rsocket, SERVICE, "UnimplementedCall")),
    );
    assert.equal(code, 0x201);
    assert.match(message, /^unknown method/);
  },
  async unimplemented_service() {
    const { rsocket } = await open();
    const service = "rsocket.interop.v1.UnimplementedService";
    const { code, message } = await failureOf(
      promiseOf(TestServiceClient.unknown(rsocket, service, "UnimplementedCall")),
    );
    assert.equal(code, 0x201);
    assert.match(message, /^can not find service/);
  },
  async fail_mid_stream() {
    const { client } = await open();
    const failWith = { code: 10, message: "after three" };
    let count = 0;
    const failed = await failureOf(
      (async () => {
        const answers = client.serverStream({ sizes: [10, 20, 30, 40, 50], failAfter: 3, failWith });
        for await (const { payload } of itemsOf(answers, 16)) assert.equal(payload.length, 10 * ++count);
      })(),
    );
    assert.deepEqual([failed.message, count], ["after three", 3]);
  },
  async cancel_after_begin() {
    const { client } = await open();
    const key = freshKey("cancel_after_begin");
    let sentBoth;
    const sent = new Promise((resolve) => {
      sentBoth = resolve;
    });
    const requests = flowableOf(async function* () {
      yield { payload: pattern(10), key };
      yield { payload: pattern(10) };
      sentBoth();
      await new Promise(() => {});
    });
    let subscription;
    const answers = itemsOf(client.clientStream(requests), 2, (given) => {
      subscription = given;
    });
    void answers.next();
    await sent;
    await sleep(0); // the second is on its way
    subscription.cancel();
    await told(client, key);
  },
  async cancel_after_first_response() {
    const { client } = await open();
    const key = freshKey("cancel_after_first_response");
    const requests = flowableOf(async function* () {
      yield { payload: pattern(10), key };
      await new Promise(() => {});
    });
    let count = 0;
    for await (const _ of itemsOf(client.bidiStream(requests), 8)) {
      count++;
      break;
    }
    assert.equal(count, 1);
    await told(client, key);
  },
  async timeout_on_sleeping_server() {
    const { client } = await open();
    const key = freshKey("timeout_on_sleeping_server");
    // This runtime has no deadlines: a timer of the caller's gives the call up.
    await promiseOf(client.unaryCall({ delayMs: 1_000, key }), AbortSignal.timeout(50)).then(
      () => assert.fail("the call succeeded"),
      (error) => assert.equal(error.message, "cancelled"),
    );
    await told(client, key);
  },
  async concurrent_large_unary() {
    const { client } = await open();
    const payload = pattern(LARGE.sent);
    const expected = Buffer.alloc(LARGE.answered);
    const call = async () => {
      const answer = await promiseOf(client.unaryCall({ payload, responseSize: LARGE.answered }));
      same(answer.payload, expected, "the answer");
    };
    await Promise.all(Array.from({ length: 1_000 * share }, call));
  },
  async many_small() {
    const { client } = await open();
    const calls = 10_000 * share;
    let begun = 0;
    const worker = async () => {
      while (begun < calls) {
        const number = begun++;
        const payload = pattern(64, number);
        payload.writeUInt32BE(number);
        same((await promiseOf(client.unaryCall({ payload }))).payload, payload, `answer ${number}`);
      }
    };
    await Promise.all(Array.from({ length: 128 }, worker));
  },
  async call_back() {
    const unaryCall = ({ payload }) => singleOf(async () => ({ payload: Buffer.from(payload).reverse() }));
    const { client } = await open({ service: { unaryCall } });
    const answer = await promiseOf(client.callBack({ payload: pattern(1_000) }));
    same(answer.payload, pattern(1_000).reverse(), "the answer");
  },
  async big_message() {
    const { client } = await open();
    const payload = pattern(20 * 1024 * 1024);
    same((await promiseOf(client.unaryCall({ payload }))).payload, payload, "the answer");
  },
  async keepalive() {
    const { client, state } = await open({ setup: { keepAlive: 400, lifetime: 1_000 } });
    await sleep(1_250);
    assert.equal(state.status, "CONNECTED");
    assert.deepEqual(await promiseOf(client.emptyCall({})), {});
  },
  async peer_disconnects() {
    const relay = await cuttable();
    const { client } = await open({ url: relay.url });
    const failed = (promise) =>
      promise.then(
        () => assert.fail("the call succeeded"),
        () => {},
      );
    const sleeping = failed(promiseOf(client.unaryCall({ delayMs: 20_000 })));
    let count = 0;
    const streaming = failed(
      (async () => {
        const answers = client.serverStream({ sizes: new Array(1_000).fill(100), intervalMs: 5 });
        for await (const _ of itemsOf(answers, 16)) if (++count === 3) relay.cut();
      })(),
    );
    const late = sleep(2_000 + 500).then(() => "late");
    assert.notEqual(await Promise.race([Promise.all([sleeping, streaming]), late]), "late");
    assert.ok(count >= 3);
    relay.close();
  },
};

/** Something between this client and the server that can be cut. */
async function cuttable() {
  const { hostname, port } = new URL(values.connect);
  const pairs = [];
  const server = createServer((near) => {
    const far = connectSocket(Number(port), hostname);
    for (const socket of [near, far]) socket.on("error", () => {});
    near.pipe(far).pipe(near);
    pairs.push(near, far);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const target = new URL(values.connect);
  target.port = String(server.address().port);
  const cut = () => {
    for (const socket of pairs) socket.resetAndDestroy();
  };
  return { url: target.href, cut, close: () => server.close() };
}

let failures = 0;
for (const name of values.case.split(",")) {
  const run = CASES[name];
  if (run === undefined) {
    console.log(`SKIP ${name}: this client doesn't have it`);
    continue;
  }
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error("the end of the case: not within 60000 ms")), CASE_TIMEOUT_MS);
  });
  try {
    await Promise.race([run(), late]);
    console.log(`PASS ${name}`);
  } catch (error) {
    failures++;
    console.log(`FAIL ${name}: ${error.message.split("\n")[0]}`);
  } finally {
    clearTimeout(timer);
    for (const socket of sockets.splice(0)) socket.close();
    await sleep(5); // the end goes out before the next connection
  }
}
process.exit(failures > 0 ? 1 : 0);
