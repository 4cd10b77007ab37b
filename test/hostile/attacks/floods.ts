// SPDX-License-Identifier: Apache-2.0
// Much of something: lengths that are never filled, streams, cancellations, fragments, answers that nobody reads.

import { bytesOf, repeat } from "../../support/frames-dsl.js";
import { type Assault, expectOutcome, expectServed, STREAMS, sleep } from "../attack.js";
import {
  cancel,
  error,
  Flag,
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

const TOO_MANY = { ends: "CONNECTION_ERROR", saying: /^more than/ } as const;
const KIB_64 = repeat("00", 65_536);

export const floods: readonly Assault[] = [
  {
    threat: 2,
    name: "100 lengths of 4 MiB with 10 bytes behind them",
    over: STREAMS,
    async run(scene) {
      const peers = await many(100, () => scene.open());
      for (const peer of peers) peer.write(bytesOf(`400000${repeat("00", 10)}`));
      await sleep(100);
    },
  },
  {
    threat: 3,
    name: "300 lengths of 16 MiB with 1 MiB behind them, before SETUP",
    over: STREAMS,
    async run(scene) {
      const megabyte = new Uint8Array(1_048_576);
      for (let i = 0; i < 300; i += 10) {
        const peers = await many(10, () => scene.connect());
        await Promise.all(
          peers.map(async (peer) => {
            peer.write("ffffff");
            await peer.writeAll(megabyte);
            await peer.ended();
          }),
        );
      }
    },
  },
  {
    threat: 4,
    name: "three messages of 4 MiB in writes of 1 KiB",
    timeoutMs: 60_000,
    async run(scene) {
      const { cpuMs } = await scene.condition();
      const peer = await scene.open();
      for (const streamId of [1, 3, 5]) {
        const request = unary(streamId, simple({ payload: repeat("00", 4_190_000), size: 1 }));
        const framed = peer.framed(bytesOf(request));
        for (let at = 0; at < framed.length; at += 1_024) await peer.writeAll(framed.subarray(at, at + 1_024));
        await peer.frame("an answer", (frame) => frame.streamId === streamId && frame.type === "PAYLOAD");
      }
      const usedMs = (await scene.condition()).cpuMs - cpuMs;
      if (usedMs > 4_000) throw new Error(`it took ${usedMs} ms of processor time`);
    },
  },
  {
    threat: 13,
    name: "100,000 streams at once",
    at: "edge",
    timeoutMs: 60_000,
    async run(scene) {
      const peer = await scene.open(setup({ lifetime: "000007d0" }));
      const frame = Buffer.from(stream(1, 0, items(1)), "hex");
      await peer.flood(100_000, withId(frame));
      const refused = (): number => peer.tally.get("ERROR 202") ?? 0;
      await peer.until("99,000 refusals", () => refused() >= 99_000 || peer.end !== undefined, 20_000);
      if (refused() !== 99_000) throw new Error(peer.summary());
    },
  },
  {
    threat: 13,
    name: "12,000 calls whose handlers wait for ever: more than there are handlers, for all connections",
    async run(scene) {
      const peer = await scene.open();
      await peer.flood(12_000, withId(Buffer.from(unary(1, simple({ key: "wait" })), "hex")));
      const refused = (): number => peer.tally.get("ERROR 202") ?? 0;
      await peer.until("refusals", () => refused() >= 3_000 || peer.end !== undefined, 15_000);
      const { handlers } = await scene.condition();
      if (handlers > 9_010) throw new Error(`${handlers} handlers run`);
      // The honest client's next calls are served meanwhile.
      await sleep(200);
    },
  },
  {
    threat: 14,
    name: "200,000 requests, each cancelled at once",
    async run(scene) {
      const peer = await scene.open();
      const request = Buffer.from(unary(1, simple({ key: "wait" })), "hex");
      const off = Buffer.from(cancel(1), "hex");
      await peer.flood(400_000, (i) => {
        const frame = i % 2 === 0 ? request : off;
        frame.writeUInt32BE(i - (i % 2) + 1);
        return frame;
      });
      await expectOutcome(peer, TOO_MANY);
    },
  },
  {
    threat: 14,
    name: "200,000 requests in fragments, each cancelled before it is whole",
    async run(scene) {
      const peer = await scene.open();
      const request = Buffer.from(unary(1, "", "UnaryCall", Flag.FOLLOWS), "hex");
      const off = Buffer.from(cancel(1), "hex");
      await peer.flood(400_000, (i) => {
        const frame = i % 2 === 0 ? request : off;
        frame.writeUInt32BE(i - (i % 2) + 1);
        return frame;
      });
      await expectOutcome(peer, TOO_MANY);
    },
  },
  flood(17, "300,000 items of streams that never were", 300_000, payload(0x7fff0001, "00")),
  flood(17, "300,000 REQUEST_N of streams that never were", 300_000, requestN(0x7fff0001, 1)),
  flood(17, "300,000 frames of a type that nobody knows", 300_000, header(0, 0x2a, Flag.IGNORE)),
  flood(10, "300,000 SETUP frames", 300_000, setup()),
  flood(18, "300,000 REQUEST_N of 0 on a stream", 300_000, requestN(1, 0), stream(1, 0, items(1))),
  flood(18, "300,000 REQUEST_N without delivery", 300_000, requestN(1, 1), unary(1, simple({ key: "wait" }))),
  flood(26, "300,000 KEEPALIVE", 300_000, keepalive()),
  flood(26, "300,000 METADATA_PUSH", 300_000, header(0, Type.METADATA_PUSH)),
  flood(41, "300,000 ERROR on stream 0", 300_000, error(0, 0x201)),
  flood(41, "300,000 ERROR of streams that never were", 300_000, error(0x7fff0001, 0x201)),
  {
    threat: 26,
    name: "KEEPALIVE of 64 KiB whose echoes are never read",
    // 24 MiB of echoes may wait, which hold on to what they were read in; the rest is garbage that nobody has collected yet.
    costsMiB: 260,
    async run(scene) {
      const peer = await scene.open();
      peer.pause();
      await unread(peer, 5_000, Buffer.from(keepalive(KIB_64), "hex"));
    },
  },
  {
    threat: 21,
    name: "endless fragments of 64 KiB",
    async run(scene) {
      const peer = await scene.open();
      peer.send(unary(1, "", "UnaryCall", Flag.FOLLOWS));
      const fragment = Buffer.from(payload(1, KIB_64, Flag.FOLLOWS | Flag.NEXT), "hex");
      await peer.flood(200, () => fragment);
      await expectOutcome(peer, {
        refuses: 1,
        code: "INVALID",
        saying: /message of 4259840 bytes is above maxMessageBytes, 4194304/,
      });
    },
  },
  {
    threat: 22,
    name: "2,000 messages that are sent half",
    async run(scene) {
      const peer = await scene.open();
      const half = Buffer.from(unary(1, repeat("00", 60_000), "UnaryCall", Flag.FOLLOWS), "hex");
      await peer.flood(2_000, withId(half));
      await peer.frame("a refusal", ({ type, code }) => type === "ERROR" && code === 0x202);
      await expectServed(peer);
    },
  },
  {
    threat: 23,
    name: "1,500,000 empty fragments",
    timeoutMs: 60_000,
    async run(scene) {
      const peer = await scene.open();
      peer.send(unary(1, "", "UnaryCall", Flag.FOLLOWS));
      const fragment = Buffer.from(payload(1, "", Flag.FOLLOWS | Flag.NEXT), "hex");
      await peer.flood(1_500_000, () => fragment);
      await peer.frame("a refusal", ({ streamId, type }) => type === "ERROR" && streamId === 1);
      await peer.ended(20_000);
    },
  },
  {
    threat: 24,
    name: "fragments whose streams are cancelled, again and again",
    async run(scene) {
      const peer = await scene.open();
      for (let i = 0; i < 500; i++) {
        peer.send(unary(2 * i + 1, KIB_64, "UnaryCall", Flag.FOLLOWS), cancel(2 * i + 1));
      }
      await expectServed(peer);
    },
  },
  {
    threat: 24,
    name: "fragments whose connection is lost",
    async run(scene) {
      for (let i = 0; i < 20; i++) {
        const peer = await scene.open();
        for (let j = 0; j < 10; j++) peer.send(unary(2 * j + 1, KIB_64, "UnaryCall", Flag.FOLLOWS));
        await sleep(10);
        peer.destroy();
      }
    },
  },
  {
    threat: 28,
    name: "an endless stream of 64 KiB items that is never read",
    async run(scene) {
      const peer = await scene.open();
      peer.pause();
      peer.send(stream(1, 0x7fffffff, items(65_536)));
      await sleep(1_000);
      const { itemsMade } = (await scene.condition()).counts;
      await sleep(300);
      const more = (await scene.condition()).counts.itemsMade - itemsMade;
      if (more > 0) throw new Error(`${more} items more were made for somebody who reads nothing`);
    },
  },
  neverRead(50, "50 answers of 1 MiB"),
  neverRead(1_000, "1,000 answers of 1 MiB"),
  {
    threat: 29,
    name: "a reader that comes back after 1.5 s to 60 answers of 1 MiB, and gets them all",
    timeoutMs: 60_000,
    async run(scene) {
      const peer = await scene.open(setup({ lifetime: "00015f90" }));
      peer.pause();
      await peer.flood(60, withId(Buffer.from(unary(1, simple({ size: 1_048_576 })), "hex")));
      await sleep(1_500);
      peer.resume();
      // Each comes in 17 fragments.
      await peer.until("all answers", () => (peer.tally.get("PAYLOAD") ?? 0) >= 1_020, 50_000);
      await expectServed(peer);
    },
  },
  {
    threat: 29,
    name: "a reader that comes back",
    async run(scene) {
      const peer = await scene.open();
      peer.pause();
      peer.send(stream(1, 0x7fffffff, items(8_000, 2_000)));
      await sleep(700);
      peer.resume();
      await peer.until("2,000 items and the end", () => (peer.tally.get("PAYLOAD") ?? 0) >= 2_001);
    },
  },
  {
    threat: 44,
    name: "4 MiB of numbers of one byte, which become objects",
    costsMiB: 170,
    async run(scene) {
      const peer = await scene.open();
      // StreamRequest.sizes, packed.
      peer.send(header(1, Type.REQUEST_STREAM, Flag.METADATA | Flag.FOLLOWS) + stream(1, 1, "").slice(12));
      await sendInFragments(peer, 1, `0afeff ff01${repeat("01", 4_194_302)}`.replaceAll(" ", ""));
      await expectServed(peer);
      peer.send(cancel(1));
    },
  },
  {
    threat: 44,
    name: "4 MiB of unknown fields, which are dropped",
    at: "edge",
    async run(scene) {
      const peer = await scene.open();
      peer.send(unary(1, "", "UnaryCall", Flag.FOLLOWS));
      await sendInFragments(peer, 1, repeat("7801", 2_097_100));
      await peer.frame("an answer", ({ streamId, type }) => streamId === 1 && type === "PAYLOAD");
      await expectServed(peer);
    },
  },
  {
    threat: 44,
    name: "256 KiB of unknown fields",
    async run(scene) {
      const peer = await scene.open();
      peer.send(unary(1, "", "UnaryCall", Flag.FOLLOWS));
      await sendInFragments(peer, 1, repeat("7801", 131_072));
      await peer.frame("an answer", ({ streamId }) => streamId === 1);
      await expectServed(peer);
    },
  },
];

function flood(threat: number, name: string, count: number, frame: string, before?: string): Assault {
  return {
    threat,
    name,
    timeoutMs: 60_000,
    async run(scene) {
      const peer = await scene.open();
      if (before !== undefined) peer.send(before);
      const bytes = Buffer.from(frame, "hex");
      await peer.flood(count, () => bytes);
      await expectOutcome(peer, TOO_MANY);
    },
  };
}

function neverRead(count: number, name: string): Assault {
  return {
    threat: 28,
    name: `${name} that are never read`,
    timeoutMs: 30_000,
    async run(scene) {
      const peer = await scene.open();
      peer.pause();
      const request = Buffer.from(unary(1, simple({ size: 1_048_576 })), "hex");
      await peer.flood(count, withId(request));
      await sleep(500);
    },
  };
}

// Until it is too much, or the server reads no more.
async function unread(peer: RawPeer, count: number, frame: Uint8Array): Promise<void> {
  const framed = peer.framed(frame);
  for (let i = 0; i < count && peer.end === undefined; i++) {
    const isTaken = await Promise.race([peer.writeAll(framed).then(() => true), sleep(500).then(() => false)]);
    if (!isTaken) return;
  }
}

async function sendInFragments(peer: RawPeer, streamId: number, digits: string): Promise<void> {
  const step = 2 * 60_000;
  for (let at = 0; at < digits.length; at += step) {
    const isLast = at + step >= digits.length;
    const frame = payload(streamId, digits.slice(at, at + step), Flag.NEXT | (isLast ? 0 : Flag.FOLLOWS));
    await peer.writeAll(peer.framed(bytesOf(frame)));
  }
}

function withId(frame: Buffer): (i: number) => Uint8Array {
  return (i) => {
    frame.writeUInt32BE(2 * i + 1);
    return frame;
  };
}

async function many<T>(count: number, make: () => Promise<T>): Promise<T[]> {
  return await Promise.all(Array.from({ length: count }, make));
}
