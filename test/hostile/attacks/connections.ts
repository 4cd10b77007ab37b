// SPDX-License-Identifier: Apache-2.0
// Connections as such: many, slow, half, torn; over TLS and WebSocket, too; and sessions and leases of theirs.

import { once } from "node:events";
import { expect } from "chai";
import { bytesOf, repeat, uint } from "../../support/frames-dsl.js";
import { type Assault, type Attack, expectOutcome, expectServed, STREAMS, sleep } from "../attack.js";
import { Flag, items, resume, setup, simple, stream, unary } from "../bytes.js";
import { message, openSocket, readHead, upgradeRequest } from "../raw-peer.js";

const TOKEN = repeat("ab", 16);
const Opcode = { CONTINUATION: 0, TEXT: 1, BINARY: 2, CLOSE: 8, PING: 9, PONG: 10 } as const;

export const connectionAttacks: readonly (Attack | Assault)[] = [
  {
    threat: 9,
    name: "connections that say nothing",
    at: "brief",
    async run(scene) {
      const sockets = await Promise.all(Array.from({ length: 20 }, () => openSocket(scene.transport, scene.ports)));
      scene.onEnd(() => sockets.forEach((socket) => void socket.destroy()));
      await Promise.all(sockets.map((socket) => endOf(socket.resume())));
    },
  },
  {
    threat: 9,
    name: "a byte every 100 ms",
    at: "brief",
    async run(scene) {
      const peer = await scene.connect();
      const bytes = peer.framed(bytesOf(setup()));
      for (let i = 0; i < bytes.length && peer.end === undefined; i++) {
        peer.write(bytes.subarray(i, i + 1));
        await sleep(100);
        if (i > 30) throw new Error("it may go on for ever");
      }
      await peer.ended();
    },
  },
  {
    threat: 12,
    name: "3,000 connections that say nothing",
    at: "patient",
    timeoutMs: 300_000,
    isLong: true,
    // Node keeps about 15 KiB for each socket, and about 40 for one of TLS.
    costsMiB: 200,
    async run(scene) {
      for (let i = 0; i < 30; i++) await Promise.all(Array.from({ length: 100 }, () => scene.connect()));
      await scene.until("3,000 connections", ({ connections }) => connections >= 3_000, 60_000);
    },
  },
  {
    threat: 12,
    name: "500 connections, set up and left at once",
    async run(scene) {
      for (let i = 0; i < 50; i++) {
        const peers = await Promise.all(Array.from({ length: 10 }, () => scene.open()));
        for (const peer of peers) peer.destroy();
      }
    },
  },
  {
    threat: 12,
    name: "more connections than there is room for",
    at: "brief",
    async run(scene) {
      // A minute of silence is allowed: the first shall still be there when the last comes.
      const opening = setup({ lifetime: "0000ea60" });
      for (let i = 0; i < 30; i++) await Promise.all(Array.from({ length: 10 }, () => scene.open(opening)));
      const last = await scene.open();
      await expectOutcome(last, { ends: "REJECTED_SETUP", saying: /server is full/ });
    },
  },
  {
    threat: 55,
    name: "a reset in the midst of a frame",
    over: ["tcp"],
    async run(scene) {
      const peer = await scene.open();
      await expectServed(peer);
      peer.write(bytesOf("00100000000001"));
      peer.socket.resetAndDestroy();
      await sleep(20);
    },
  },
  {
    threat: 55,
    name: "the end in the midst of a frame",
    over: STREAMS,
    async run(scene) {
      const peer = await scene.open();
      await expectServed(peer);
      peer.write(bytesOf("00100000000001"));
      peer.socket.end();
      await peer.ended();
    },
  },
  {
    threat: 27,
    name: "a client that falls silent",
    async run(scene) {
      const peer = await scene.open(setup({ keepalive: "000001f4", lifetime: "000003e8" }));
      const begunMs = performance.now();
      await expectServed(peer);
      const servedMs = performance.now();
      await peer.ended(3_000);
      expect(performance.now() - begunMs).to.be.above(999);
      expect(performance.now() - servedMs).to.be.below(1_600);
    },
  },
  {
    threat: 28,
    name: "a reader that reads nothing for the stall time",
    at: "brief",
    async run(scene) {
      const peer = await scene.open(setup({ lifetime: "00015f90" }));
      peer.pause();
      peer.send(stream(1, 0x7fffffff, items(65_536)));
      await scene.until("its end", ({ connections }) => connections === 3, 6_000);
    },
  },
  // ── WebSocket ──
  ...webSocketBursts(),
  ...upgrades(),
  {
    threat: 48,
    name: "300,000 pings that are never read",
    over: ["ws"],
    costsMiB: 100,
    async run(scene) {
      const peer = await scene.open();
      peer.pause();
      const pings = Buffer.concat(Array.from({ length: 1_000 }, () => message(Opcode.PING, new Uint8Array(125))));
      for (let i = 0; i < 300 && peer.end === undefined; i++) {
        const isTaken = await Promise.race([peer.writeAll(pings).then(() => true), sleep(500).then(() => false)]);
        if (!isTaken) return;
      }
    },
  },
  {
    threat: 48,
    name: "a message in a million pieces of one byte",
    over: ["ws"],
    timeoutMs: 30_000,
    costsMiB: 250,
    async run(scene) {
      const peer = await scene.open();
      peer.write(message(Opcode.BINARY, new Uint8Array(1), false));
      const pieces = Buffer.concat(
        Array.from({ length: 1_000 }, () => message(Opcode.CONTINUATION, new Uint8Array(1), false)),
      );
      for (let i = 0; i < 1_000 && peer.end === undefined; i++) await peer.writeAll(pieces);
    },
  },
  // ── sessions ──
  {
    threat: 31,
    name: "guesses of resume tokens",
    at: "resumable",
    async run(scene) {
      for (let i = 0; i < 30; i++) {
        const peer = await scene.connect();
        peer.send(resume(uint(i, 16), 0, 0));
        await expectOutcome(peer, { ends: "REJECTED_RESUME", saying: /unknown resume token|too many/ });
      }
    },
  },
  ...["__proto__", "constructor", "toString"].map(
    (name): Attack => ({
      threat: 32,
      name: `a resume token "${name}"`,
      at: "resumable",
      opens: false,
      sends: [resume(Buffer.from(name).toString("hex"), 0, 0)],
      outcome: { ends: "REJECTED_RESUME", saying: /unknown resume token|too many/ },
    }),
  ),
  {
    threat: 33,
    name: "a token that is in use",
    at: "resumable",
    async run(scene) {
      const owner = await scene.open(setup({ token: TOKEN }));
      await expectServed(owner);
      const thief = await scene.open(setup({ token: TOKEN }));
      await expectOutcome(thief, { ends: "REJECTED_SETUP", saying: /in use/ });
      await expectServed(owner);
      owner.send("000000002c0000000102"); // CONNECTION_CLOSE
      await owner.ended();
    },
  },
  {
    threat: 34,
    name: "positions that can't be",
    at: "resumable",
    async run(scene) {
      const token = repeat("cd", 16);
      const owner = await scene.open(setup({ token }));
      await expectServed(owner);
      const forger = await scene.connect();
      forger.send(resume(token, 0x7fffffff, 0x7fffffff));
      await expectOutcome(forger, { ends: "REJECTED_RESUME", saying: /./ });
      owner.send("000000002c0000000102");
      await owner.ended();
    },
  },
  {
    threat: 35,
    name: "2,500 sessions that are left alone",
    at: "resumable",
    timeoutMs: 40_000,
    isLong: true,
    async run(scene) {
      for (let i = 0; i < 250; i++) {
        const peers = await Promise.all(
          Array.from({ length: 10 }, (_, j) => scene.open(setup({ token: uint(1_000_000 + 10 * i + j, 16) }))),
        );
        await sleep(2);
        for (const peer of peers) peer.destroy();
        const { sessions } = await scene.condition();
        expect(sessions).to.be.at.most(1_000);
      }
      await scene.until("no session", ({ sessions }) => sessions === 0, 10_000);
    },
  },
  // ── leases ──
  {
    threat: 37,
    name: "SETUP without leases where they are required",
    at: "leasing",
    outcome: { ends: "REJECTED_SETUP", saying: /lease is required/ },
  },
  {
    threat: 37,
    name: "more requests than the lease allows",
    at: "leasing",
    async run(scene) {
      const peer = await scene.open(setup({ flags: Flag.LEASE }));
      await peer.frame("LEASE", ({ type }) => type === "LEASE");
      for (let i = 0; i < 200; i++) peer.send(unary(2 * i + 1, simple({})));
      await peer.until("200 answers", () => answersOf(peer.tally) === 200);
      expect(peer.tally.get("ERROR 202")).to.be.above(150);
    },
  },
];

function answersOf(tally: ReadonlyMap<string, number>): number {
  return (tally.get("PAYLOAD") ?? 0) + (tally.get("ERROR 202") ?? 0);
}

// Messages and control frames that a WebSocket doesn't allow, or that are no frames of RSocket.
function webSocketBursts(): Assault[] {
  const bursts: readonly [name: string, bytes: Uint8Array, status: number | undefined][] = [
    ["a text message", message(Opcode.TEXT, Buffer.from("hello")), 1003],
    ["a text message that isn't UTF-8", message(Opcode.TEXT, Buffer.from("fffe", "hex")), 1003],
    ["an empty message", message(Opcode.BINARY, new Uint8Array(0)), undefined],
    ["an announcement of 16 MiB", bytesOf(`82ff${uint(0, 4)}${uint(0x1000000, 4)}00000000`), 1009],
    ["an announcement of 2^62 bytes", bytesOf("82ff400000000000000000000000"), 1009],
    ["a message without a mask", bytesOf("8206000000000000"), 1002],
    ["a message with a reserved bit", bytesOf("c28600000000000000000000"), 1002],
    ["an opcode that is reserved", message(3, new Uint8Array(1)), 1002],
    ["a ping of 126 bytes", message(Opcode.PING, new Uint8Array(126)), 1002],
    ["a ping in pieces", message(Opcode.PING, new Uint8Array(1), false), 1002],
    ["a continuation of nothing", message(Opcode.CONTINUATION, new Uint8Array(1)), 1002],
    ["a close frame of one byte", message(Opcode.CLOSE, new Uint8Array(1)), 1002],
    ["a close frame with a reserved status", message(Opcode.CLOSE, bytesOf("03ed")), 1002],
  ];
  return bursts.map(([name, bytes, status]) => ({
    threat: 48,
    name,
    over: ["ws"],
    async run(scene) {
      const peer = await scene.open();
      await expectServed(peer);
      peer.write(bytes);
      await expectOutcome(peer, { closes: true, ...(status === undefined ? {} : { status }) });
    },
  }));
}

// Requests for a WebSocket that must not get one, and one that gets it without what it asks for.
function upgrades(): Assault[] {
  const requests: readonly [threat: number, name: string, text: string, answer: RegExp][] = [
    [47, "a page of another site", upgradeRequest({ Origin: "https://evil.example" }), /^HTTP\/1.1 403/],
    [47, "a page of no site", upgradeRequest({ Origin: "null" }), /^HTTP\/1.1 403/],
    [48, "another path", upgradeRequest({}, "/other"), /^HTTP\/1.1 404/],
    [48, "no WebSocket", "GET /rpc HTTP/1.1\r\nHost: a\r\n\r\n", /^HTTP\/1.1 426/],
    [48, "another version", upgradeRequest({ "Sec-WebSocket-Version": "99" }), /^HTTP\/1.1 4/],
    [48, "a key that is none", upgradeRequest({ "Sec-WebSocket-Key": "x" }), /^HTTP\/1.1 4/],
    [48, "100 KiB of headers", upgradeRequest({ "X-Long": "a".repeat(100_000) }), /^HTTP\/1.1 431/],
    [48, "headers with a line feed too many", "GET /rpc HTTP/1.1\r\nA: b\n\rc\r\n\r\n", /^HTTP\/1.1 400/],
    [
      46,
      "compression, which isn't agreed on",
      upgradeRequest({ "Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits" }),
      /^HTTP\/1.1 101(?![\s\S]*permessage-deflate)/,
    ],
  ];
  return requests.map(([threat, name, text, answer]) => ({
    threat,
    name: `a request for a WebSocket: ${name}`,
    over: ["ws"],
    async run(scene) {
      const socket = await openSocket("tcp", { ...scene.ports, tcp: scene.ports.ws });
      scene.onEnd(() => socket.destroy());
      socket.write(text);
      expect(await readHead(socket)).to.match(answer);
    },
  }));
}

async function endOf(socket: Awaited<ReturnType<typeof openSocket>>): Promise<void> {
  if (!socket.destroyed) await once(socket, "close");
}
