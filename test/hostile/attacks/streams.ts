// SPDX-License-Identifier: Apache-2.0
// Stream ids, credit, and frames out of their order (RSocket 1.0 §Stream Identifiers, §Flow Control).

import { bytesOf, repeat } from "../../support/frames-dsl.js";
import { type Assault, type Attack, ErrorCode, expectOutcome, expectServed, sleep } from "../attack.js";
import {
  cancel,
  channel,
  error,
  Flag,
  fireAndForget,
  header,
  items,
  keepalive,
  payload,
  requestN,
  setup,
  simple,
  stream,
  Type,
  unary,
} from "../bytes.js";
import type { RawPeer } from "../raw-peer.js";

const ON_STREAM_0: Readonly<Record<string, string>> = {
  REQUEST_RESPONSE: unary(0),
  REQUEST_FNF: fireAndForget(0),
  REQUEST_STREAM: stream(0, 1),
  REQUEST_CHANNEL: channel(0, 1),
  PAYLOAD: payload(0, "00"),
  REQUEST_N: requestN(0, 1),
  CANCEL: cancel(0),
  RESUME_OK: `${header(0, Type.RESUME_OK)}0000000000000000`,
  "LEASE that nobody asked for": `${header(0, Type.LEASE)}7fffffff7fffffff`,
};

const ON_A_STREAM: Readonly<Record<string, string>> = {
  KEEPALIVE: `${header(1, Type.KEEPALIVE, Flag.RESPOND)}0000000000000000`,
  METADATA_PUSH: header(1, Type.METADATA_PUSH),
  LEASE: `${header(1, Type.LEASE)}0000000100000001`,
  RESUME_OK: `${header(1, Type.RESUME_OK)}0000000000000000`,
  RESUME: header(1, Type.RESUME),
};

/** Codes that only servers send, on stream 0 of a connection that is set up. */
const SETUP_CODES = [0x000, 0x001, 0x002, 0x003, 0x004, 0x103, 0x201, 0xffffffff];

export const streamAttacks: readonly (Attack | Assault)[] = [
  ...Object.entries(ON_STREAM_0).map(
    ([name, frame]): Attack => ({ threat: 16, name: `${name} on stream 0`, sends: [frame], outcome: "ignored" }),
  ),
  ...Object.entries(ON_A_STREAM).map(
    ([name, frame]): Attack => ({ threat: 16, name: `${name} on a stream`, sends: [frame], outcome: "ignored" }),
  ),
  {
    threat: 16,
    name: "an even id",
    sends: [unary(2, simple({}))],
    outcome: { refuses: 2, code: "REJECTED", saying: /stream id 2 is not the requester's/ },
  },
  { threat: 16, name: "an even id, fire-and-forget", sends: [fireAndForget(2)], outcome: "ignored" },
  {
    threat: 16,
    name: "an even id that is cancelled",
    sends: [cancel(2), requestN(2, 1), payload(2, "00")],
    outcome: "ignored",
  },
  { threat: 16, name: "the largest id", sends: [unary(0x7fffffff, simple({}))], outcome: { serves: 0x7fffffff } },
  { threat: 16, name: "an id with the sign bit", sends: [unary(0x80000001, simple({}))], outcome: { serves: 1 } },
  {
    threat: 16,
    name: "ids behind the largest begin anew",
    async run(scene) {
      const peer = await scene.open();
      for (const streamId of [0x7ffffffd, 0x7fffffff, 1, 3]) {
        peer.send(unary(streamId, simple({})));
        await peer.frame("an answer", (frame) => frame.streamId === streamId && frame.type === "PAYLOAD");
      }
    },
  },
  {
    threat: 16,
    name: "an id that is in use",
    async run(scene) {
      const peer = await scene.open();
      peer.send(unary(1, simple({ delayMs: 50, payload: "aa" })), unary(1, simple({ payload: "bb" })), stream(1, 5));
      await expectOutcome(peer, { serves: 1 });
      const answers = peer.frames.filter(({ streamId }) => streamId === 1);
      if (answers.length !== 1) throw new Error(peer.summary());
    },
  },
  {
    threat: 18,
    name: "REQUEST_N of 0 releases nothing",
    async run(scene) {
      const peer = await scene.open();
      peer.send(stream(1, 1, items(10)), requestN(1, 0), requestN(1, 0x80000000));
      await sleep(50);
      await expectServed(peer);
      const count = peer.frames.filter(({ streamId }) => streamId === 1).length;
      if (count !== 1) throw new Error(`${count} items came for a credit of 1`);
      peer.send(cancel(1));
    },
  },
  {
    threat: 18,
    name: "an initial n of 0 releases nothing",
    async run(scene) {
      const peer = await scene.open();
      peer.send(stream(1, 0, items(10)));
      await sleep(50);
      await expectServed(peer);
      if (peer.frames.some(({ streamId }) => streamId === 1)) throw new Error("an item came without credit");
      peer.send(requestN(1, 1));
      await peer.frame("an item", ({ streamId }) => streamId === 1);
      peer.send(cancel(1));
    },
  },
  {
    threat: 18,
    name: "demand whose sum is beyond 2^31-1",
    async run(scene) {
      const peer = await scene.open();
      peer.send(stream(1, 0x7fffffff, items(10, 500)), ...Array<string>(10).fill(requestN(1, 0x7fffffff)));
      await peer.frame("the end", ({ streamId, complete }) => streamId === 1 && complete);
      await expectServed(peer);
    },
  },
  {
    threat: 19,
    name: "65 items beyond the credit of a channel",
    async run(scene) {
      const peer = await scene.open();
      // Its handler reads nothing; four were asked for, with the first.
      peer.send(channel(1, 1, simple({ key: "unread" }), "ClientStream"));
      for (let i = 0; i < 80; i++) peer.send(payload(1, simple({ payload: "00" })));
      await expectOutcome(peer, { refuses: 1, code: "INVALID", saying: /exceed the credit/ });
    },
  },
  {
    threat: 19,
    name: "1 MiB beyond the credit of a channel",
    async run(scene) {
      const peer = await scene.open();
      peer.send(channel(1, 1, simple({ key: "unread" }), "ClientStream"));
      for (let i = 0; i < 16; i++) peer.send(payload(1, simple({ payload: repeat("00", 65_536) })));
      await expectOutcome(peer, { refuses: 1, code: "INVALID", saying: /exceed the credit/ });
    },
  },
  {
    threat: 20,
    name: "items behind the end of a channel",
    async run(scene) {
      const peer = await scene.open();
      peer.send(channel(1, 10, simple({ payload: "aa" })), payload(1, "", Flag.COMPLETE));
      for (let i = 0; i < 20; i++) peer.send(payload(1, simple({ payload: "bb" })));
      await peer.frame("the end", ({ streamId, complete }) => streamId === 1 && complete);
      await expectServed(peer);
    },
  },
  {
    threat: 20,
    name: "items of a call that has none",
    sends: [unary(1, simple({ delayMs: 20 })), payload(1, "aa"), payload(1, "bb", Flag.NEXT | Flag.COMPLETE)],
    outcome: { serves: 1 },
  },
  ...SETUP_CODES.map(
    (code): Attack => ({
      threat: 41,
      name: `ERROR 0x${code.toString(16)} of a client on stream 0`,
      sends: [error(0, code, "nonsense")],
      outcome: "ignored",
    }),
  ),
  {
    threat: 41,
    name: "ERROR on the stream of a call",
    sends: [unary(1, simple({ key: "wait" })), error(1, ErrorCode.REJECTED, "no"), error(1, 0x7fffffff)],
    outcome: "ignored",
  },
  {
    threat: 41,
    name: "CONNECTION_ERROR of a client",
    sends: [error(0, ErrorCode.CONNECTION_ERROR, "bye")],
    outcome: { closes: true },
  },
  {
    threat: 41,
    name: "CONNECTION_CLOSE of a client, and calls behind it",
    sends: [error(0, ErrorCode.CONNECTION_CLOSE, "bye"), unary(1, simple({}))],
    outcome: { closes: true },
  },
  {
    threat: 26,
    name: "KEEPALIVE with a position of all ones, and one that is an answer to nothing",
    sends: [keepalive("aa", Flag.RESPOND, repeat("ff", 8)), keepalive("bb", 0)],
    outcome: "ignored",
  },
  {
    threat: 15,
    name: "handlers of calls that are cancelled, each in its midst",
    async run(scene) {
      const peer = await scene.open();
      const { counts } = await scene.condition();
      for (let i = 0; i < 200; i++) peer.send(stream(2 * i + 1, 1_000, items(10, 0, 5)));
      // A generator that hasn't begun has nothing to clean up.
      await scene.until("200 handlers", (condition) => condition.counts.itemsMade >= counts.itemsMade + 400);
      for (let i = 0; i < 200; i++) peer.send(cancel(2 * i + 1));
      const after = await scene.until("no handler", ({ handlers }) => handlers === 0, 1_000);
      const closed = after.counts.sourcesClosed - counts.sourcesClosed;
      if (closed !== 200) throw new Error(`${closed} sources of 200 were closed`);
    },
  },
  {
    threat: 15,
    name: "handlers of calls whose connection is lost",
    async run(scene) {
      const peer = await scene.open();
      for (let i = 0; i < 100; i++) {
        peer.send(stream(4 * i + 1, 1_000, items(10, 0, 5)), unary(4 * i + 3, simple({ key: "wait" })));
      }
      await scene.until("200 handlers", ({ handlers }) => handlers >= 200);
      peer.destroy();
      await scene.until("no handler", ({ handlers }) => handlers === 0, 1_000);
    },
  },
  {
    threat: 39,
    name: "handlers that fail",
    sends: [unary(1, simple({ key: "fail" }))],
    outcome: { refuses: 1, code: "APPLICATION_ERROR", saying: /as you wished/ },
  },
  {
    threat: 40,
    name: "handlers that throw what is nobody's business",
    sends: [unary(1, simple({ key: "throw" }))],
    outcome: { refuses: 1, code: "APPLICATION_ERROR", saying: /^internal error$/ },
  },
  {
    threat: 39,
    name: "fire-and-forget handlers that throw",
    sends: [fireAndForget(1, simple({ key: "throw" }))],
    outcome: "ignored",
  },
  {
    threat: 39,
    name: "channels whose handler throws midway",
    async run(scene) {
      const peer = await scene.open();
      peer.send(channel(1, 10, simple({ payload: "aa" })));
      await peer.frame("an item", ({ streamId, next }) => streamId === 1 && next);
      peer.send(payload(1, simple({ key: "throw" })));
      await expectOutcome(peer, { refuses: 1, code: "APPLICATION_ERROR", saying: /^internal error$/ });
    },
  },
  {
    threat: 39,
    name: "a METADATA_PUSH of nonsense",
    sends: [header(0, Type.METADATA_PUSH) + repeat("ff", 100)],
    outcome: "ignored",
  },
  {
    threat: 55,
    name: "streams without credit, and the end of the client's half",
    async run(scene) {
      const peer = await scene.open(setup({ keepalive: "7fffffff", lifetime: "000001f4" }));
      for (let i = 0; i < 100; i++) peer.send(stream(2 * i + 1, 0, items(10)));
      await scene.until("100 handlers", ({ handlers }) => handlers >= 100);
      peer.socket.end();
      await scene.until("no handler", ({ handlers }) => handlers === 0, 2_000);
      await peer.ended();
    },
  },
  {
    threat: 55,
    name: "the end of the half of a client that never wants to be judged, and has streams that only it can end",
    at: "brief",
    async run(scene) {
      const peer = await scene.open(setup({ keepalive: "7fffffff", lifetime: "7fffffff" }));
      for (let i = 0; i < 10; i++) peer.send(stream(4 * i + 1, 0, items(10)), channel(4 * i + 3, 1));
      await scene.until("20 handlers", ({ handlers }) => handlers >= 20);
      peer.socket.end();
      await scene.until("no handler", ({ handlers }) => handlers === 0, 4_000);
      await peer.ended();
    },
  },
  {
    threat: 13,
    name: "more streams than there is room for",
    at: "brief",
    async run(scene) {
      const peer = await scene.open();
      for (let i = 0; i < 150; i++) peer.send(stream(2 * i + 1, 0, items(10)));
      await peer.until("50 refusals", () => (peer.tally.get("ERROR 202") ?? 0) >= 50);
      for (let i = 0; i < 150; i++) peer.send(cancel(2 * i + 1));
      await scene.until("no handler", ({ handlers }) => handlers === 0, 1_000);
      await expectServed(peer);
    },
  },
  {
    threat: 14,
    name: "more handlers than there is room for, which don't listen to CANCEL",
    at: "brief",
    async run(scene) {
      const peer = await scene.open();
      const { begun } = (await scene.condition()).counts;
      for (let i = 0; i < 200; i++) peer.send(unary(2 * i + 1, simple({ key: "deaf" })), cancel(2 * i + 1));
      const { handlers } = await scene.until("50 handlers", ({ counts }) => counts.begun >= begun + 50);
      if (handlers > 50) throw new Error(`${handlers} handlers run`);
      await scene.until("no handler", (condition) => condition.handlers === 0, 2_000);
      await expectServed(peer);
    },
  },
  {
    threat: 25,
    name: "an honest client that takes one item of each of 10,000 streams, and cancels it",
    async run(scene) {
      const peer = await scene.open();
      for (let batch = 0; batch < 100; batch++) {
        const ids = Array.from({ length: 100 }, (_, i) => 200 * batch + 2 * i + 1);
        peer.send(...ids.map((id) => stream(id, 1, items(10))));
        await peer.until("an item each", () => peer.tally.get("PAYLOAD") === 100 * (batch + 1));
        peer.send(...ids.map(cancel));
      }
      await expectServed(peer);
    },
  },
  {
    threat: 25,
    name: "an honest client that asks for 20,000 items one by one",
    async run(scene) {
      const peer = await scene.open();
      peer.send(stream(1, 1, items(10)));
      for (let count = 1; count < 20_000; count++) {
        await peer.until("an item", () => (peer.tally.get("PAYLOAD") ?? 0) >= count || peer.end !== undefined);
        peer.send(requestN(1, 1));
      }
      peer.send(cancel(1));
      await expectServed(peer);
    },
  },
  {
    threat: 25,
    name: "an honest client that sends 1,000 messages of 40 KiB in fragments, 100 at once, with KEEPALIVE between them",
    async run(scene) {
      const peer = await scene.open();
      const part = repeat("00", 16_000);
      const length = "0a80f702"; // payload, 48,000 bytes
      for (let batch = 0; batch < 10; batch++) {
        const ids = Array.from({ length: 100 }, (_, i) => 200 * batch + 2 * i + 1);
        peer.send(...ids.map((id) => unary(id, length, "UnaryCall", Flag.FOLLOWS)), keepalive());
        peer.send(...ids.map((id) => payload(id, part, Flag.NEXT | Flag.FOLLOWS)), keepalive());
        peer.send(...ids.map((id) => payload(id, part, Flag.NEXT | Flag.FOLLOWS)), keepalive());
        peer.send(...ids.map((id) => payload(id, part, Flag.NEXT)));
        await peer.until("all answers", () => answered(peer, ids) || peer.end !== undefined, 10_000);
      }
      await expectServed(peer);
    },
  },
  {
    threat: 67,
    name: "an endless stream of a handler that never waits, which is cancelled",
    async run(scene) {
      const peer = await scene.open();
      peer.send(stream(1, 0x7fffffff, items(10)));
      await peer.until("a thousand items", () => (peer.tally.get("PAYLOAD") ?? 0) > 1_000);
      peer.send(cancel(1));
      await scene.until("no handler", ({ handlers }) => handlers === 0, 1_000);
      await expectServed(peer);
    },
  },
  {
    threat: 5,
    name: "frames in pieces of a byte",
    over: ["tcp", "tls"],
    async run(scene) {
      const peer = await scene.connect();
      for (const frame of [setup(), unary(1, simple({ payload: "aabb" }))]) {
        for (const byte of peer.framed(bytesOf(frame))) {
          peer.write(Buffer.from([byte]));
          await new Promise((resolve) => {
            setImmediate(resolve);
          });
        }
      }
      await expectOutcome(peer, { serves: 1 });
    },
  },
  {
    threat: 17,
    name: "frames of 20 streams that have ended",
    async run(scene) {
      const peer = await scene.open();
      for (let i = 0; i < 20; i++) peer.send(unary(2 * i + 1, simple({})));
      await peer.until("20 answers", () => peer.tally.get("PAYLOAD") === 20);
      for (let i = 0; i < 20; i++) peer.send(requestN(2 * i + 1, 1), cancel(2 * i + 1), payload(2 * i + 1, "00"));
      await expectServed(peer);
    },
  },
];

// Each has one at least.
function answered(peer: RawPeer, ids: readonly number[]): boolean {
  const last = ids.at(-1) ?? 0;
  return (peer.tally.get("PAYLOAD") ?? 0) >= (last + 1) / 2;
}
