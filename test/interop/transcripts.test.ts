// SPDX-License-Identifier: Apache-2.0
// Conversations with peers of other makes, had again without them: the frames that their server sent into our client,
// which runs the same case, and those of their client into our server. Ours sends what it sent then, stream by stream.
// What the runner of the matrix records (`npm run interop -- --record`) is all that this takes.

import { expect } from "chai";
import type { Dialer, FrameLink } from "rsocket-rpc";
import { serveWith } from "rsocket-rpc";
import { systemScheduler } from "rsocket-rpc/rsocket";
import { VirtualScheduler } from "rsocket-rpc/testing";
import { describeFrame } from "../../runtime/src/frames/describe.js";
import { hexOf } from "../support/frames-dsl.js";
import { interopService } from "../support/rpc-interop-service.js";
import { compatibilityOf } from "./arguments.js";
import { CASES } from "./cases/table.js";
import { forgetKeys, waitBy } from "./checks.js";
import { placeText } from "./matrix/cells.js";
import { readPeers } from "./matrix/peer-file.js";
import type { PassedFrame } from "./matrix/relay.js";
import { play, RecordedPeer, type Streams } from "./matrix/replay.js";
import { readTranscripts, type Transcript, transcriptBytes, UNRECORDED } from "./matrix/transcript.js";
import { LIMITS } from "./peer.js";
import { runCase } from "./run-case.js";

type Connections = readonly (readonly PassedFrame[])[];

/** All of them together: a clone shouldn't get big by them. */
const MAX_BYTES = 3_000_000;
const SHOWN_BYTES = 48;
const STREAM_ID_BYTES = 4;
/** `timeout_ms` at the beginning of our entry: 17, its name, u24 length, 10, a number below 128. */
const TIMEOUT = /(176d6573736167652f782e72736f636b65742d7270632e7631[0-9a-f]{6}10)[0-7][0-9a-f]/;

describe("transcripts of peers of other makes", function () {
  this.timeout(30_000);

  const transcripts = readTranscripts();
  const seed = process.env["INTEROP_SEED"];

  before(() => {
    process.env["INTEROP_SEED"] = "1";
  });

  after(() => {
    waitBy(systemScheduler);
    if (seed === undefined) delete process.env["INTEROP_SEED"];
    else process.env["INTEROP_SEED"] = seed;
  });

  it("are there for every peer that speaks RPC, and small", () => {
    const recorded = new Set(transcripts.map(({ peer }) => peer));
    const missing = readPeers().filter(({ own, name }) => own === undefined && !recorded.has(name));
    expect(missing.map(({ name }) => name)).to.deep.equal([]);
    expect(transcriptBytes()).to.be.below(MAX_BYTES);
    expect([...UNRECORDED.keys()].filter((name) => !CASES.has(name))).to.deep.equal([]);
  });

  for (const transcript of transcripts) {
    describe(`${transcript.peer} ${transcript.version} as ${placeText(transcript)}`, () => {
      for (const [name, connections] of transcript.cases) {
        it(name, async () => {
          if (transcript.role === "server") await replayToClient(name, connections, transcript);
          else await replayToServer(connections, transcript);
        });
      }
    });
  }
});

// Their server's frames: the case passes, and our client says what it said.
async function replayToClient(
  name: string,
  connections: Connections,
  { mode, mtu, compat }: Transcript,
): Promise<void> {
  const scheduler = new VirtualScheduler();
  waitBy(scheduler);
  forgetKeys();
  const peers: RecordedPeer[] = [];
  const dialer: Dialer = {
    dial: () => {
      const frames = connections[peers.length];
      if (frames === undefined) throw new Error(`there is no connection ${peers.length + 1} in the transcript`);
      const peer = new RecordedPeer(frames, ">", scheduler);
      peers.push(peer);
      return Promise.resolve(peer.link);
    },
  };
  const run = CASES.get(name);
  if (run === undefined) throw new Error(`case ${name} is unknown`);
  if (mode === "own") throw new Error(`${name} was recorded of a peer that speaks no RPC: nobody can replay it`);
  const reach = { dialer, cuttable: undefined };
  let isOver = false;
  const compatibility = compatibilityOf(compat);
  const outcome = runCase(run, { reach, mode, mtu, quick: true, hello: true, scheduler, compatibility }).finally(() => {
    isOver = true;
  });
  await play(peers, scheduler, () => isOver);
  const { verdict, why } = await outcome;
  expect(`${verdict} ${why}`).to.equal("PASS ");
  expect(peers, "connections").to.have.length(connections.length);
  for (const peer of peers) expectSame(peer);
}

// Their client's frames: our server answers as it answered.
async function replayToServer(connections: Connections, { mtu, compat }: Transcript): Promise<void> {
  const scheduler = new VirtualScheduler();
  let take = (_: FrameLink): void => {};
  const starting = serveWith(
    [
      (onLink) => {
        take = onLink;
        return Promise.resolve({ url: "recorded:", close: () => Promise.resolve() });
      },
    ],
    {
      services: [interopService(scheduler)],
      limits: LIMITS,
      compatibility: { leadingDot: true, capitalizedMethods: true, ...compatibilityOf(compat) },
      scheduler,
      observer: {},
      ...(mtu === undefined ? {} : { fragmentBytes: mtu }),
    },
  );
  const server = await scheduler.run(starting);
  for (const frames of connections) {
    const peer = new RecordedPeer(frames, "<", scheduler);
    take(peer.link);
    await play([peer], scheduler, () => peer.isDone);
    expectSame(peer);
    peer.leave();
    await scheduler.settle();
  }
  const closing = server.close();
  await scheduler.advance(2_000);
  await scheduler.run(closing);
}

function expectSame(peer: RecordedPeer): void {
  const { recorded, now } = peer.ours();
  for (const streamId of new Set([...recorded.keys(), ...now.keys()])) {
    const expected = recorded.get(streamId) ?? [];
    const actual = now.get(streamId) ?? [];
    if (isSame(expected, actual) || isAnswerToPoll(streamId, actual, recorded, peer)) continue;
    expect(actual.map(shown), `our frames on stream ${streamId}`).to.deep.equal(expected.map(shown));
    expect(actual.map(masked), `our frames on stream ${streamId}`).to.deep.equal(expected.map(masked));
  }
}

// Clients ask again and again whether something has happened: it may be true sooner now.
function isAnswerToPoll(
  streamId: number,
  actual: readonly Uint8Array[],
  recorded: Streams,
  peer: RecordedPeer,
): boolean {
  const question = withoutStream(peer.requestOf(streamId));
  if (question.length === 0) return false;
  const others = [...recorded].filter(([id]) => Buffer.compare(withoutStream(peer.requestOf(id)), question) === 0);
  return others.some(([, frames]) => isSame(frames.map(withoutStream), actual.map(withoutStream)));
}

function isSame(one: readonly Uint8Array[], other: readonly Uint8Array[]): boolean {
  return one.length === other.length && one.every((bytes, index) => Buffer.compare(bytes, other[index] ?? bytes) === 0);
}

function withoutStream(frame: Uint8Array = new Uint8Array(0)): Uint8Array {
  return frame.subarray(STREAM_ID_BYTES);
}

// A deadline says how much time is left, which is some of it or all.
function masked(frame: Uint8Array): string {
  return hexOf(frame).replace(TIMEOUT, "$1..");
}

function shown(frame: Uint8Array): string {
  return `${describeFrame(frame)} ${masked(frame.subarray(0, SHOWN_BYTES))}`;
}
