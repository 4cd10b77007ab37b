// SPDX-License-Identifier: Apache-2.0
// The unit tests of session/outbound.ts.
import { expect } from "chai";
import { createBatch, SlabPool } from "../../../runtime/src/bytes/slab.js";
import { encodeCancel, encodeKeepalive } from "../../../runtime/src/frames/encode.js";
import { Flag, FrameType } from "../../../runtime/src/frames/layout.js";
import { Fragmenter } from "../../../runtime/src/session/fragmenter.js";
import { OutboundQueue, StreamBacklog } from "../../../runtime/src/session/outbound.js";
import { type Limits, resolveLimits } from "../../../runtime/src/session/settings.js";
import { bytesOf, cutFrames, type SeenFrame, seeFrame } from "../../support/frames-dsl.js";

const MEBIBYTE = 1_048_576;

function newQueue(limits: Partial<Limits> = {}, fragmentBytes = 64): OutboundQueue {
  return new OutboundQueue(
    new SlabPool((byteLength) => new Uint8Array(byteLength)),
    resolveLimits(limits),
    fragmentBytes,
  );
}

function payload(streamId: number, byteLength: number): Fragmenter {
  return new Fragmenter(streamId, FrameType.PAYLOAD, -1, undefined, new Uint8Array(byteLength), false);
}

function queue(outbound: OutboundQueue, streamId: number, byteLength: number, onEmpty = (): void => {}): StreamBacklog {
  const backlog = new StreamBacklog(streamId, onEmpty);
  outbound.queuePayload(backlog, payload(streamId, byteLength));
  return backlog;
}

/** The frames of one batch, or undefined when there is none. */
function take(outbound: OutboundQueue): SeenFrame[] | undefined {
  const batch = createBatch();
  if (!outbound.takeInto(batch)) return undefined;
  return cutFrames(Uint8Array.from(Buffer.concat(batch.chunks))).map(seeFrame);
}

function takeAll(outbound: OutboundQueue): SeenFrame[] {
  const frames: SeenFrame[] = [];
  for (let some = take(outbound); some !== undefined; some = take(outbound)) frames.push(...some);
  return frames;
}

function order(frames: readonly SeenFrame[]): string {
  return frames
    .map(({ streamId, type, follows }) => `${streamId}${type === "PAYLOAD" ? (follows ? "…" : ".") : type}`)
    .join(" ");
}

describe("session/outbound", () => {
  it("is empty at first", () => {
    const outbound = newQueue();
    expect(take(outbound)).to.equal(undefined);
    expect([outbound.byteLength, outbound.backlogCount, outbound.peerCausedBytes]).to.deep.equal([0, 0, 0]);
  });

  it("sends stream 0's frames first, then short frames in order, then fragments", () => {
    const outbound = newQueue();
    queue(outbound, 1, 60);
    outbound.writePayload(3, FrameType.PAYLOAD, Flag.NEXT, -1, undefined, bytesOf("61"));
    encodeCancel(outbound.data, 5);
    encodeKeepalive(outbound.priority, true, 0, bytesOf(""));
    expect(order(takeAll(outbound))).to.equal("0KEEPALIVE 3. 5CANCEL 1… 1.");
    expect(outbound.byteLength).to.equal(0);
  });

  it("gives each stream a fragment in turn", () => {
    const outbound = newQueue();
    for (const id of [1, 3, 5]) queue(outbound, id, 55 * id);
    expect(order(takeAll(outbound))).to.equal("1. 3… 5… 3… 5… 3. 5… 5… 5.");
  });

  it("lets stream 0 and short frames pass between the batches of a large payload", () => {
    const outbound = newQueue({}, 65_536);
    queue(outbound, 1, 3 * MEBIBYTE);
    const first = take(outbound) ?? [];
    const sent = first.reduce((sum, frame) => sum + frame.byteLength, 0);
    expect(sent).to.be.within(200_000, 262_144 + 65_536);
    encodeKeepalive(outbound.priority, true, 0, bytesOf(""));
    outbound.writePayload(3, FrameType.PAYLOAD, Flag.NEXT, -1, undefined, bytesOf("61"));
    const next = take(outbound) ?? [];
    expect(next.slice(0, 2).map(({ streamId, type }) => [streamId, type])).to.deep.equal([
      [0, "KEEPALIVE"],
      [3, "PAYLOAD"],
    ]);
    const rest = takeAll(outbound);
    const bytes = [...first, ...next, ...rest]
      .filter(({ streamId }) => streamId === 1)
      .reduce((sum, { data }) => sum + data.length, 0);
    expect(bytes).to.equal(3 * MEBIBYTE);
  });

  it("sends nothing for a stream between its fragments: items, COMPLETE and REQUEST_N wait, each behind a whole payload", () => {
    const outbound = newQueue();
    const backlog = queue(outbound, 1, 120);
    backlog.requestN = 5;
    outbound.queuePayload(backlog, payload(1, 10));
    outbound.queuePayload(backlog, payload(1, 60));
    outbound.queueComplete(backlog, bytesOf("6d"));
    queue(outbound, 3, 60);
    const frames = takeAll(outbound);
    expect(order(frames.filter(({ streamId }) => streamId === 1))).to.equal("1… 1… 1. 1REQUEST_N 1. 1… 1. 1.");
    expect(frames.filter(({ streamId }) => streamId === 1).at(-1)).to.deep.include({ complete: true, next: false });
    expect(backlog.queue.length).to.equal(0);
  });

  it("sends ERROR behind what its stream had queued", () => {
    const outbound = newQueue();
    const backlog = queue(outbound, 1, 60);
    outbound.queueError(backlog, 0x201, bytesOf("61"));
    expect(order(takeAll(outbound))).to.equal("1… 1. 1ERROR");
  });

  it("tells a stream once when all it had queued is written", () => {
    const outbound = newQueue();
    let empty = 0;
    const backlog = queue(outbound, 1, 60, () => empty++);
    outbound.queueComplete(backlog, undefined);
    expect(empty).to.equal(0);
    takeAll(outbound);
    expect(empty).to.equal(1);
  });

  it("fragments at most 8 MiB of payloads at once, the others wait whole and in order", () => {
    const outbound = newQueue({}, 65_536);
    for (const id of [1, 3, 5]) queue(outbound, id, 4 * MEBIBYTE);
    const started = new Set<number>();
    const finished: number[] = [];
    for (const frame of takeAll(outbound)) {
      if (!started.has(frame.streamId) && frame.streamId === 5) expect(finished).to.have.length.above(0);
      started.add(frame.streamId);
      if (!frame.follows) finished.push(frame.streamId);
    }
    expect(finished.at(-1)).to.equal(5);
  });

  it("fragments one payload at least, however large", () => {
    const outbound = newQueue({ maxFragmentingBytes: 100 });
    queue(outbound, 1, 500);
    queue(outbound, 3, 60);
    queue(outbound, 5, 30);
    expect(order(takeAll(outbound))).to.equal("1… 1… 1… 1… 1… 1… 1… 1… 1… 1. 3… 5. 3.");
  });

  it("counts messages without bytes that wait behind a long one, and takes them in time", function () {
    this.timeout(10_000);
    const outbound = newQueue();
    const backlog = queue(outbound, 1, 1_000);
    const before = outbound.byteLength;
    for (let i = 0; i < 100_000; i++) outbound.queuePayload(backlog, payload(1, 0));
    expect(outbound.byteLength).to.equal(before + 100_000 * 256);
    const beganAtMs = performance.now();
    takeAll(outbound);
    // Each at the cost of the first: it took minutes.
    expect(performance.now() - beganAtMs).to.be.below(5_000);
    expect([outbound.byteLength, backlog.queue.length]).to.deep.equal([0, 0]);
  });

  it("counts payloads that wait by their bytes, and what it takes to keep them, until they are written", () => {
    const outbound = newQueue();
    const backlog = queue(outbound, 1, 1_000);
    queue(outbound, 3, 500);
    expect([outbound.byteLength, outbound.backlogCount]).to.deep.equal([1_500 + 2 * 256, 2]);
    outbound.drop(backlog);
    expect([outbound.byteLength, outbound.backlogCount]).to.deep.equal([500 + 256, 1]);
    takeAll(outbound);
    expect([outbound.byteLength, outbound.backlogCount]).to.deep.equal([0, 0]);
  });

  it("forgets a dropped stream in the midst of its fragments, and gives its place to the next", () => {
    const outbound = newQueue({ maxFragmentingBytes: 400_000 });
    const backlog = queue(outbound, 1, 400_000);
    queue(outbound, 3, 60);
    const first = take(outbound) ?? [];
    expect(new Set(first.map(({ streamId }) => streamId))).to.deep.equal(new Set([1]));
    outbound.drop(backlog);
    expect(order(takeAll(outbound))).to.equal("3… 3.");
  });

  it("knows what has left: whole frames of streams, in the order of their encoding", () => {
    const outbound = newQueue();
    expect(outbound.takenBytes).to.equal(0);
    const before = outbound.encodedBytes;
    outbound.writePayload(1, FrameType.PAYLOAD, Flag.NEXT, -1, undefined, bytesOf("61"));
    expect(outbound.takenBytes).to.equal(before);
    take(outbound);
    expect(outbound.takenBytes).to.equal(before + 10);
  });

  it("counts short frames only: fragments leave with the poll that writes them", () => {
    const outbound = newQueue();
    const backlog = queue(outbound, 1, 60, () => {
      const encodedBefore = outbound.data.byteLength;
      encodeCancel(outbound.data, 1);
      outbound.countEncoded(encodedBefore);
    });
    backlog.requestN = 5;
    takeAll(outbound);
    expect(outbound.encodedBytes).to.equal(9); // CANCEL
    expect(outbound.takenBytes).to.equal(9);
    expect(outbound.byteLength).to.equal(0);
  });

  it("takes bytes that the peer caused off its count as bytes leave", () => {
    const outbound = newQueue({}, 65_536);
    for (let i = 0; i < 16; i++) {
      outbound.writePayload(1, FrameType.PAYLOAD, Flag.NEXT, -1, undefined, new Uint8Array(60_000));
      outbound.addPeerCaused(60_012);
    }
    const before = outbound.peerCausedBytes;
    take(outbound);
    expect(outbound.peerCausedBytes).to.be.within(before * 0.6, before * 0.8);
    takeAll(outbound);
    expect(outbound.peerCausedBytes).to.equal(0);
  });

  it("forgets everything of streams at the end, and keeps stream 0's last words", () => {
    const outbound = newQueue();
    queue(outbound, 1, 500);
    outbound.writePayload(3, FrameType.PAYLOAD, Flag.NEXT, -1, undefined, bytesOf("61"));
    encodeKeepalive(outbound.priority, true, 0, bytesOf(""));
    outbound.clearStreams();
    expect(order(takeAll(outbound))).to.equal("0KEEPALIVE");
    expect([outbound.byteLength, outbound.backlogCount]).to.deep.equal([0, 0]);
  });

  it("counts payloads that wait for their turn with those that have it", () => {
    const outbound = newQueue({ maxFragmentingBytes: 1_000 });
    for (const [id, byteLength] of [
      [1, 400],
      [3, 600],
      [5, 300],
    ] as const)
      queue(outbound, id, byteLength);
    expect(outbound.backlogCount).to.equal(3);
    const began = new Set((take(outbound) ?? []).slice(0, 6).map(({ streamId }) => streamId));
    expect(began, "400 and 600 fit 1,000, 300 more don't").to.deep.equal(new Set([1, 3]));
  });

  it("gives the room of a dropped stream to others, and none for one that had none", () => {
    const outbound = newQueue({ maxFragmentingBytes: 1_000 });
    const first = queue(outbound, 1, 600);
    queue(outbound, 3, 300);
    outbound.drop(queue(outbound, 5, 600));
    queue(outbound, 7, 300);
    outbound.drop(first);
    queue(outbound, 9, 300);
    const frames = (take(outbound) ?? []).slice(0, 9).map(({ streamId }) => streamId);
    expect(frames).to.deep.equal([3, 7, 9, 3, 7, 9, 3, 7, 9]);
    const other = newQueue({ maxFragmentingBytes: 1_000 });
    queue(other, 1, 600);
    other.drop(queue(other, 3, 600));
    queue(other, 5, 600);
    expect(new Set((take(other) ?? []).slice(0, 9).map(({ streamId }) => streamId))).to.deep.equal(new Set([1]));
  });

  it("counts each short frame once, whatever waits before it", () => {
    const outbound = newQueue();
    for (let i = 0; i < 3; i++) outbound.writePayload(1, FrameType.PAYLOAD, Flag.NEXT, -1, undefined, bytesOf("61"));
    expect([outbound.encodedBytes, outbound.takenBytes]).to.deep.equal([30, 0]);
    const before = outbound.data.byteLength;
    encodeCancel(outbound.data, 1);
    outbound.countEncoded(before);
    expect([outbound.encodedBytes, outbound.takenBytes]).to.deep.equal([39, 0]);
  });

  it("takes what a dropped stream would have sent off what the peer caused, and nothing when nothing waits", () => {
    const outbound = newQueue();
    const backlog = queue(outbound, 1, 600);
    queue(outbound, 3, 600);
    outbound.addPeerCaused(1_200);
    outbound.drop(backlog);
    expect(outbound.peerCausedBytes).to.equal(600);
    takeAll(outbound);
    outbound.drop(backlog);
    expect(outbound.peerCausedBytes).to.equal(0);
  });

  it("gives fragments the rest of a batch, not a batch of their own", () => {
    const outbound = newQueue({}, 1_024);
    queue(outbound, 1, 1_000_000);
    for (let i = 0; i < 500; i++)
      outbound.writePayload(3, FrameType.PAYLOAD, Flag.NEXT, -1, undefined, new Uint8Array(1_000));
    const batch = createBatch();
    outbound.takeInto(batch);
    expect(batch.byteLength).to.be.within(262_144 - 1_024, 262_144 + 1_024);
  });

  it("takes stream 0's frames alone, and says when there are none", () => {
    const outbound = newQueue();
    outbound.writePayload(3, FrameType.PAYLOAD, Flag.NEXT, -1, undefined, bytesOf("61"));
    const batch = createBatch();
    expect(outbound.takePriority(batch)).to.equal(false);
    encodeKeepalive(outbound.priority, true, 0, bytesOf(""));
    expect(outbound.takePriority(batch)).to.equal(true);
    expect(cutFrames(Uint8Array.from(Buffer.concat(batch.chunks))).map((frame) => seeFrame(frame).type)).to.deep.equal([
      "KEEPALIVE",
    ]);
  });

  it("takes one frame alone, ahead of all that waits", () => {
    const outbound = newQueue();
    encodeKeepalive(outbound.priority, true, 0, bytesOf(""));
    const batch = createBatch();
    outbound.takeAlone(batch, (writer) => encodeCancel(writer, 9));
    expect(cutFrames(Uint8Array.from(Buffer.concat(batch.chunks))).map((frame) => seeFrame(frame).type)).to.deep.equal([
      "CANCEL",
    ]);
    expect(order(takeAll(outbound))).to.equal("0KEEPALIVE");
  });
});
