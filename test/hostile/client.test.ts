// SPDX-License-Identifier: Apache-2.0
// Hostile servers against a client process: whatever they answer, the calls of that connection end, each once, and nothing
// else does.

import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { expect } from "chai";
import { bytesOf, repeat } from "../support/frames-dsl.js";
import { error, Flag, header, keepalive, payload, requestN, Type } from "./bytes.js";
import type { Report } from "./client.js";
import { Child } from "./world.js";

const ACCEPTED = keepalive("", 0);
const ITEM = payload(3, "");
const LAST = payload(1, "", Flag.NEXT | Flag.COMPLETE);
const END = payload(3, "", Flag.COMPLETE);

/** What a server answers to SETUP, and to the calls 1 (unary) and 3 (stream), in hex; bytes are without a frame around. */
interface HostileServer {
  readonly name: string;
  readonly opens?: readonly string[];
  readonly answers?: readonly string[];
  readonly bytes?: string;
  /** It ends the connection behind that. */
  readonly leaves?: boolean;
  /** How connecting, the unary call and the stream end. */
  readonly outcomes: readonly RegExp[];
}

const OK = /^ok$/;
const FAILS = /^\[(unavailable|internal|unknown|invalid_argument|resource_exhausted|cancelled)\]/;
const LATE = /^\[deadline_exceeded\]/;
const ALL_FAIL = [OK, FAILS, FAILS];

const SERVERS: readonly HostileServer[] = [
  { name: "that answers as it should", answers: [LAST, ITEM, END], outcomes: [OK, OK, OK] },
  { name: "that says nothing at all", opens: [], outcomes: [/^\[/] },
  { name: "that closes at once", opens: [], leaves: true, outcomes: [/^\[unavailable\]/] },
  { name: "that refuses with garbage", opens: [error(0, 0x003, "\u0000\ufffd")], outcomes: [/^\[/] },
  { name: "that never answers calls", outcomes: [OK, LATE, LATE] },
  { name: "that leaves amid the calls", leaves: true, outcomes: ALL_FAIL },
  {
    name: "that answers streams that never were",
    answers: [
      payload(7, "aa"),
      payload(2, "bb"),
      requestN(99, 1),
      error(9, 0x201),
      header(4, Type.CANCEL),
      LAST,
      ITEM,
      END,
    ],
    outcomes: [OK, OK, OK],
  },
  {
    name: "that sends a thousand items more than were asked for",
    answers: [LAST, ...Array<string>(1_500).fill(ITEM), END],
    outcomes: [OK, OK, /^(ok|\[internal\])/],
  },
  {
    name: "that answers a unary call twice, and behind its end",
    answers: [LAST, LAST, payload(1, "00"), ITEM, END],
    outcomes: [OK, OK, OK],
  },
  {
    name: "that grants 2^31 requests unasked",
    opens: [ACCEPTED, `${header(0, Type.LEASE)}ffffffffffffffff`],
    answers: [LAST, ITEM, END],
    outcomes: [OK, OK, OK],
  },
  {
    name: "that takes all leases back",
    opens: [ACCEPTED, `${header(0, Type.LEASE)}0000000100000000`],
    outcomes: [OK, /^\[/, /^\[/],
  },
  {
    name: "that says RESUME_OK to nobody's RESUME",
    opens: [ACCEPTED, `${header(0, Type.RESUME_OK)}7fffffffffffffff`],
    answers: [LAST, ITEM, END],
    outcomes: [OK, OK, OK],
  },
  {
    name: "that sends SETUP, RESUME and SETUP again",
    opens: [ACCEPTED, header(0, Type.SETUP), header(0, Type.RESUME)],
    answers: [LAST, ITEM, END],
    outcomes: [OK, OK, OK],
  },
  {
    name: "that asks for echoes of 4 MiB",
    answers: [keepalive(repeat("00", 4_190_000)), LAST, ITEM, END],
    outcomes: [OK, OK, OK],
  },
  { name: "that floods with KEEPALIVE", answers: Array<string>(10_000).fill(keepalive()), outcomes: ALL_FAIL },
  {
    name: "that floods with frames of no stream",
    answers: Array<string>(10_000).fill(payload(0x7ffffffe, "00")),
    outcomes: ALL_FAIL,
  },
  {
    name: "that never ends a message",
    answers: Array<string>(80).fill(payload(1, repeat("00", 65_000), Flag.FOLLOWS | Flag.NEXT)),
    outcomes: [OK, /^\[/, LATE],
  },
  {
    name: "that answers with a message of 5 MiB",
    bytes: `500000${payload(1, repeat("00", 5_242_874))}`,
    outcomes: ALL_FAIL,
  },
  { name: "that announces 16 MiB", bytes: "ffffff", outcomes: ALL_FAIL },
  { name: "that sends frames of 5 bytes", bytes: "0000050000000000", outcomes: ALL_FAIL },
  {
    name: "that speaks HTTP",
    opens: [],
    bytes: Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n").toString("hex"),
    outcomes: [/^\[/],
  },
  {
    name: "that answers no protobuf",
    answers: [payload(1, "ffffffff", Flag.NEXT | Flag.COMPLETE), payload(3, "ffffffff")],
    outcomes: [OK, /^\[internal\]/, /^\[internal\]/],
  },
  {
    name: "that fails calls with codes nobody knows",
    answers: [error(1, 0xfffffffe, "x"), error(3, 0x000, "")],
    outcomes: [OK, /^\[/, /^\[/],
  },
  {
    name: "that fails calls with our own format, cut off",
    answers: [`${header(1, Type.ERROR)}0000020100ffffff`, `${header(3, Type.ERROR)}0000020100`],
    outcomes: [OK, /^\[/, /^\[/],
  },
  {
    name: "whose metadata is beyond the frame",
    answers: [`${header(1, Type.PAYLOAD, Flag.METADATA | Flag.NEXT)}ffffff00`],
    outcomes: ALL_FAIL,
  },
  {
    name: "that pushes metadata of nonsense",
    opens: [ACCEPTED, header(0, Type.METADATA_PUSH) + repeat("ff", 100)],
    answers: [LAST, ITEM, END],
    outcomes: [OK, OK, OK],
  },
  {
    name: "that calls the client, by ids of the client, too",
    answers: [
      `${header(2, Type.REQUEST_RESPONSE)}00`,
      `${header(5, Type.REQUEST_RESPONSE)}00`,
      `${header(1, Type.REQUEST_RESPONSE)}00`,
      LAST,
      ITEM,
      END,
    ],
    outcomes: [OK, OK, OK],
  },
  { name: "that sends an unknown type", answers: [header(0, 0x2a)], outcomes: ALL_FAIL },
];

for (const door of ["rsocket-rpc", "rsocket-rpc/lite"]) {
  describe(`a client of a hostile server, by ${door}`, function () {
    this.timeout(20_000);
    let client: Child;
    let server: Server;
    const sockets = new Set<Socket>();
    let current: HostileServer;

    before(async () => {
      client = new Child("client.ts", door === "rsocket-rpc/lite" ? ["lite"] : []);
      await client.firstMessage();
      server = createServer((socket) => {
        sockets.add(socket);
        behave(socket, current);
      }).listen(0, "127.0.0.1");
      await once(server, "listening");
    });

    after(async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await client.stop();
    });

    for (const hostile of SERVERS) {
      it(`${hostile.name} fares as it must, and no other connection does`, async () => {
        current = hostile;
        const answer = once(client.process, "message");
        client.process.send(`tcp://127.0.0.1:${(server.address() as AddressInfo).port}`);
        const [{ outcomes, honestFailures }] = (await answer) as [Report];
        expect(honestFailures).to.deep.equal([]);
        expect(outcomes, JSON.stringify(outcomes)).to.have.length(hostile.outcomes.length);
        hostile.outcomes.forEach((expected, i) => {
          expect(outcomes[i]).to.match(expected);
        });
        expect(client.process.exitCode, client.output).to.equal(null);
        expect(client.output).to.equal("");
      });
    }
  });
}

function behave(socket: Socket, { opens = [ACCEPTED], answers = [], bytes, leaves = false }: HostileServer): void {
  socket.on("error", () => {});
  let unread = Buffer.alloc(0);
  socket.on("data", (chunk: Buffer) => {
    unread = Buffer.concat([unread, chunk]);
    while (unread.length >= 3 && unread.length >= 3 + unread.readUIntBE(0, 3)) {
      const frame = unread.subarray(3, 3 + unread.readUIntBE(0, 3));
      unread = unread.subarray(3 + frame.length);
      const isSetup = frame.readUInt8(4) >> 2 === Type.SETUP;
      const isStream = frame.readUInt8(4) >> 2 === Type.REQUEST_STREAM;
      if (isSetup) write(socket, opens);
      const isDue = opens.length === 0 ? isSetup : isStream;
      if (!isDue) continue;
      write(socket, answers);
      if (bytes !== undefined) socket.write(bytesOf(bytes));
      if (leaves) socket.end();
    }
  });
}

function write(socket: Socket, frames: readonly string[]): void {
  for (const frame of frames) {
    const length = Buffer.alloc(3);
    length.writeUIntBE(frame.length / 2, 0, 3);
    socket.write(Buffer.concat([length, bytesOf(frame)]));
  }
}
