// SPDX-License-Identifier: Apache-2.0
// Conversations captured from rsocket-rpc-js: its client's frames into our server. Where ours says something else than
// the captured server did, the difference stands here with its reason.

import { once } from "node:events";
import { connect as connectSocket } from "node:net";
import { expect } from "chai";
import { serve } from "rsocket-rpc/node";
import {
  type Conversation,
  conversationsOf,
  RSOCKET_RPC_JS as FILES,
  findConversation as find,
  framesOf,
  isRequestN,
  typeOf,
} from "../support/rpc-captured.js";
import { type Log, simpleServices } from "../support/rpc-simple-service.js";
import { leavesNoTrace, RpcWorld } from "../support/rpc-world.js";

/** What our server says instead of what rsocket-rpc-js said, but for REQUEST_N, and why. */
const SERVER_DIFFERENCES: Readonly<Record<string, { readonly why: string; readonly ours: readonly string[] }>> = {
  "06-bidi/client-cancels": {
    why: "a CANCEL needs no CANCEL back: both halves are closed by it",
    ours: ["0000000128200a076563686f3a6d30"],
  },
  "06-bidi/input-fails": {
    why: "an ERROR closes both halves: it needs no ERROR back, least of all one that wraps the peer's own text",
    ours: ["0000000128200a066563686f3a61"],
  },
  "07-errors/method-not-found": {
    why: "the text names the method",
    ours: [error("01", 0x201, "unknown method io.rsocket.rpc.SimpleService.Nope")],
  },
  "07-errors/method-not-found-stream": {
    why: "the text names the method",
    ours: [error("01", 0x201, "unknown method io.rsocket.rpc.SimpleService.Nope")],
  },
  "07-errors/method-not-found-channel": {
    why: "the text names the method",
    ours: [error("01", 0x201, "unknown method io.rsocket.rpc.SimpleService.Nope")],
  },
  "07-errors/method-of-another-model": {
    why: "the text names method and model",
    ours: [
      error(
        "01",
        0x201,
        "unknown method io.rsocket.rpc.SimpleService.RequestStream for request_response, expected request_stream",
      ),
    ],
  },
  "07-errors/no-method-of-this-model-in-service": {
    why: "the text names method and model",
    ours: [error("01", 0x201, "unknown method peer.shapes.Second.Ping for request_stream, expected request_response")],
  },
  "07-errors/metadata-absent": {
    why: "undecodable metadata is INVALID",
    ours: [error("01", 0x204, "metadata is missing")],
  },
  "07-errors/metadata-absent-channel": {
    why: "undecodable metadata is INVALID",
    ours: [error("01", 0x204, "metadata is missing")],
  },
  "07-errors/metadata-too-short": {
    why: "undecodable metadata is INVALID, and its text is no text of our platform",
    ours: [
      error(
        "01",
        0x204,
        "RPC metadata is cut off in its route at byte 0, expected u16 length + service, u16 length + method",
      ),
    ],
  },
  "07-errors/data-undecodable": {
    why: "an undecodable message is INVALID",
    ours: [
      error("01", 0x204, "io.rsocket.rpc.SimpleService.RequestReply: the request is no io.rsocket.rpc.SimpleRequest"),
    ],
  },
  "07-errors/channel-handler-throws": {
    why: "an ERROR closes both halves: it needs no CANCEL before it, which rsocket-rust takes for the end of the answers",
    ours: [error("01", 0x201, "mapper threw")],
  },
  "07-errors/stream-handler-throws (NO ANSWER: defect)": {
    why: "every request gets an answer",
    ours: [error("01", 0x201, "stream threw: boom")],
  },
};

describe("frames of an rsocket-rpc-js client, served by us", () => {
  afterEach(leavesNoTrace);

  for (const file of FILES) {
    for (const conversation of conversationsOf(file)) {
      const key = `${file}/${conversation.name}`;
      const difference = SERVER_DIFFERENCES[key];
      if (file === "09-server-calls-client") continue;
      it(`${key}: ${difference === undefined ? "the same answers" : `answered otherwise, because ${difference.why}`}`, async () => {
        const ours = await serveConversation(conversation);
        const theirs = framesOf(conversation, "server->client").filter((hex) => !isRequestN(hex));
        const expected = difference?.ours ?? theirs;
        expect(ours.frames.filter((hex) => !isRequestN(hex))).to.deep.equal(expected);
        expect(expected === theirs || JSON.stringify(expected) !== JSON.stringify(theirs), "a difference").to.equal(
          true,
        );
        // Where theirs asked for items so do we, at least once: how many at a time is each side's own choice.
        const asksInTime = framesOf(conversation, "server->client").some(isRequestN) && difference === undefined;
        if (asksInTime && !endsAtOnce(conversation)) expect(ours.frames.some(isRequestN)).to.equal(true);
      });
    }
  }

  it("11-tcp-framing: the same bytes over TCP, with their length prefix", async () => {
    const [conversation] = conversationsOf("11-tcp-framing");
    const server = await serve("tcp://127.0.0.1:0", { services: simpleServices() });
    const socket = connectSocket(Number(new URL(server.urls[0] ?? "").port), "127.0.0.1");
    const expected = framesOf(conversation as Conversation, "server->client").join("");
    let received = "";
    try {
      for (const hex of framesOf(conversation as Conversation, "client->server")) socket.write(Buffer.from(hex, "hex"));
      while (received.length < expected.length) received += ((await once(socket, "data"))[0] as Buffer).toString("hex");
    } finally {
      socket.destroy();
      await server.close();
    }
    expect(received).to.equal(expected);
  });

  it("02-request-response/unary-user-metadata: the handler sees the user's part alone", async () => {
    const { log } = await serveConversation(find("02-request-response", "unary-user-metadata"));
    expect(log).to.deep.equal(["RequestReply hello user=757365722d6d64 trace="]);
  });

  it("03-fire-and-forget/fnf-ok: the handler is called, nothing comes back", async () => {
    expect(await serveConversation(find("03-fire-and-forget", "fnf-ok"))).to.deep.equal({
      log: ["FireAndForget hello"],
      frames: [],
    });
  });

  it("12-tracing/unary+user: the handler sees the trace and the user's part", async () => {
    const { log } = await serveConversation(find("12-tracing", "unary+user"));
    expect(log).to.deep.equal([
      "RequestReply a user=756d trace=x-b3-traceid,463ac35c9f6413ad,x-b3-spanid,a2fb4a1d1a96d312",
    ]);
  });

  it("every difference is of a conversation that exists", () => {
    const keys = FILES.flatMap((file) => conversationsOf(file).map(({ name }) => `${file}/${name}`));
    expect(keys).to.include.members(Object.keys(SERVER_DIFFERENCES));
  });
});

// ── our server ────────────────────────────────────────────────────────────────────────────────────────────────────────

async function serveConversation(
  conversation: Conversation,
): Promise<{ readonly frames: string[]; readonly log: Log }> {
  const log: Log = [];
  const world = new RpcWorld();
  const { peer } = await world.serveScripted({ services: simpleServices(log) });
  for (const hex of framesOf(conversation, "client->server")) {
    peer.send(hex);
    await world.scheduler.settle();
  }
  expect(peer.isClosed, "the connection lives").to.equal(false);
  return { frames: peer.take(), log };
}

// A channel whose requester completes with the first message: nothing need be asked for.
function endsAtOnce(conversation: Conversation): boolean {
  return framesOf(conversation, "client->server").some((hex) => typeOf(hex) === 0x07 && hex.slice(9, 10) === "f");
}

function error(streamId: string, code: number, text: string): string {
  const bytes = Array.from(new TextEncoder().encode(text), (byte) => byte.toString(16).padStart(2, "0"));
  return `000000${streamId}2c00${code.toString(16).padStart(8, "0")}${bytes.join("")}`;
}
