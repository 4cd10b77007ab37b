// SPDX-License-Identifier: Apache-2.0
// Conversations captured from clients of other makes and languages, replayed into our server: each request is answered
// with the messages that it was answered with then, and the connection lives.

import { expect } from "chai";
import { bytesOf, hexOf, seeFrame } from "../support/frames-dsl.js";
import { type CapturedFrame, conversationsOf, typeOf } from "../support/rpc-captured.js";
import { interopService } from "../support/rpc-interop-service.js";
import { leavesNoTrace, RpcWorld } from "../support/rpc-world.js";

const PEERS = ["js-rpc", "java-rpc-0.2", "java-rpc-0.3", "go", "java", "py", "rust", "spring", "js-alpha"];

interface Request {
  readonly isUnary: boolean;
  cancelled: boolean;
}

/** Whose BidiStream left `sequence` out. */
const NUMBERLESS = new Set(["java-rpc-0.2", "java-rpc-0.3", "java"]);

/** What a stream was answered with, put together. */
interface Answer {
  readonly items: string[];
  end: "complete" | "error" | "none";
}

/** Conversations whose answers can't be compared, each with its reason; that they are survived is tested all the same. */
const INCOMPARABLE: Readonly<Record<string, string>> = {
  "spring/empty_stream": "Spring takes a REQUEST_CHANNEL without data for none; it is a message of defaults",
  "spring/auth-wrong-request-empty_unary": "our server asks nobody for credentials here",
  "spring/auth-none-empty_unary": "our server asks nobody for credentials here",
  "rust/call_back": "the captured server called on stream 0, and so the client answered there",
  "py/server-mtu64-server_streaming": "the captured server mixed up the fragments of its items",
  "go/cancel_after_begin":
    "rsocket-rpc-go sends no CANCEL on channels: the handler hears of it with the lost connection",
  "go/cancel_after_first_response": "rsocket-rpc-go sends no CANCEL on channels",
  "rust/cancel_after_begin": "rsocket-rust sends COMPLETE where it means CANCEL",
};

/** Conversations about what our server doesn't do: it refuses the SETUP. */
const REFUSED = /lease|resume/;

describe("frames of clients in other languages, served by us", () => {
  afterEach(leavesNoTrace);

  for (const peer of PEERS) {
    describe(peer, () => {
      for (const { name, frames } of conversationsOf(peer)) {
        if (REFUSED.test(name)) continue;
        for (const [connection, sent] of byConnection(frames)) {
          const why = INCOMPARABLE[`${peer}/${name}`];
          it(`${name}${connection === "1" ? "" : ` (connection ${connection})`}${why === undefined ? "" : ` is survived: ${why}`}`, async () => {
            const ours = await replay(peer, sent);
            if (why !== undefined) return;
            const theirs = answersOf(
              sent.filter(({ direction }) => direction === "server->client").map(({ hex }) => hex),
            );
            for (const [streamId, request] of requestsOf(sent)) {
              const answer = ours.get(streamId) ?? { items: [], end: "none" };
              const expected = theirs.get(streamId) ?? { items: [], end: "none" };
              const what = `stream ${streamId}`;
              if (request.cancelled)
                expect(answer.items.slice(0, expected.items.length), what).to.deep.equal(
                  expected.items.slice(0, answer.items.length),
                );
              else if (expected.end === "none") expect(answer.end, what).to.not.equal("none");
              else expect(answer, what).to.deep.equal(request.isUnary ? withEmptyMessage(expected) : expected);
            }
          });
        }
      }

      for (const { name, frames } of conversationsOf(peer).filter((conversation) => REFUSED.test(conversation.name))) {
        for (const [connection, sent] of byConnection(frames)) {
          it(`${name} (connection ${connection}) is survived`, async () => {
            await replay(peer, sent, true);
          });
        }
      }
    });
  }
});

// Sends what the client sent, in its order, and lets time pass for handlers that wait.
async function replay(name: string, frames: readonly CapturedFrame[], mayClose = false): Promise<Map<number, Answer>> {
  const world = new RpcWorld();
  const { peer, server } = await world.serveScripted({
    services: [interopService(world.scheduler, !NUMBERLESS.has(name))],
  });
  for (const { direction, hex } of frames) {
    if (direction === "client->server" && hex !== "") peer.send(hex);
    await world.scheduler.settle();
  }
  for (let i = 0; i < 30 && server.runningHandlers > 0; i++) await world.scheduler.advance(100);
  const saysGoodbye = frames.some(
    ({ direction, hex }) => direction === "client->server" && typeOf(hex) === 0x0b && hex.startsWith("00000000"),
  );
  if (!mayClose) expect(peer.isClosed, "the connection lives until the client ends it").to.equal(saysGoodbye);
  return answersOf(peer.take());
}

// COMPLETE alone is an empty message: rsocket-py answers so.
function withEmptyMessage({ items, end }: Answer): Answer {
  return items.length === 0 && end === "complete" ? { items: [""], end } : { items, end };
}

function byConnection(frames: readonly CapturedFrame[]): [string, CapturedFrame[]][] {
  const connections = new Map<string, CapturedFrame[]>();
  for (const frame of frames) {
    const number = /connection (\d+)\b/.exec(frame.meaning)?.[1] ?? "1";
    const known = connections.get(number);
    if (known === undefined) connections.set(number, [frame]);
    else known.push(frame);
  }
  return [...connections];
}

// The requests of the client that the server got whole, with whether they were given up.
function requestsOf(frames: readonly CapturedFrame[]): Map<number, Request> {
  const requests = new Map<number, Request>();
  for (const { direction, hex } of frames) {
    if (direction !== "client->server" || hex === "") continue;
    const { type, streamId } = seeFrame(bytesOf(hex));
    if (["REQUEST_RESPONSE", "REQUEST_STREAM", "REQUEST_CHANNEL"].includes(type))
      requests.set(streamId, { isUnary: type === "REQUEST_RESPONSE", cancelled: false });
    const request = requests.get(streamId);
    if (request !== undefined && (type === "CANCEL" || type === "ERROR")) request.cancelled = true;
  }
  return requests;
}

function answersOf(frames: readonly string[]): Map<number, Answer> {
  const answers = new Map<number, Answer>();
  const parts = new Map<number, string>();
  for (const hex of frames) {
    if (hex === "") continue;
    const { type, streamId, next, complete, follows, data } = seeFrame(bytesOf(hex));
    if (streamId === 0) continue;
    const answer = answers.get(streamId) ?? { items: [], end: "none" };
    answers.set(streamId, answer);
    if (type === "ERROR" && answer.end === "none") answer.end = "error";
    if (type !== "PAYLOAD") continue;
    const whole = (parts.get(streamId) ?? "") + hexOf(data);
    if (follows) parts.set(streamId, whole);
    else if (next || parts.has(streamId)) {
      parts.delete(streamId);
      answer.items.push(whole);
    }
    if (complete && !follows && answer.end === "none") answer.end = "complete";
  }
  return answers;
}
