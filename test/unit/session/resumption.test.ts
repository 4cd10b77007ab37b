// SPDX-License-Identifier: Apache-2.0
// The unit tests of session/resumption.ts: what counts, whom to believe, and who may come back.

import { expect } from "chai";
import { createBatch } from "../../../runtime/src/bytes/slab.js";
import { FrameType } from "../../../runtime/src/frames/layout.js";
import { Keepalive } from "../../../runtime/src/session/keepalive.js";
import { ResumeLedger } from "../../../runtime/src/session/resume-store.js";
import { Resumption, refuseResume } from "../../../runtime/src/session/resumption.js";

/** With three frames of 7 bytes sent: positions 0, 7, 14 and 21. */
function begun(maxBytes = 1_000): Resumption {
  const resumption = new Resumption(new Uint8Array(16), maxBytes, new ResumeLedger(1_000));
  for (let i = 0; i < 3; i++) {
    const batch = createBatch();
    batch.chunks.push(Uint8Array.of(0, 0, 7, 0, 0, 0, 1, 0x28, 0x20, 0x61));
    resumption.store.append(batch, 0);
  }
  return resumption;
}

describe("session/resumption", () => {
  it("has been full since the peer last confirmed something: a slow one isn't a silent one", () => {
    const resumption = begun(10);
    resumption.fullSinceMs = 1_000;
    resumption.receiveAcknowledgement(6, true, true);
    expect([resumption.store.byteLength, resumption.fullSinceMs], "nothing").to.deep.equal([30, 1_000]);
    resumption.receiveAcknowledgement(7, true, true);
    expect([resumption.store.byteLength, resumption.fullSinceMs, resumption.store.isFull]).to.deep.equal([
      20,
      undefined,
      true,
    ]);
  });

  it("counts what belongs to streams, and nothing of the connection", () => {
    const resumption = begun();
    const counted = Array.from({ length: 0x40 }, (_, type) => {
      const before = resumption.receivedPosition;
      resumption.countReceived(type, 10);
      return resumption.receivedPosition > before ? type : -1;
    });
    expect(counted.filter((type) => type >= 0)).to.deep.equal([4, 5, 6, 7, 8, 9, 10, 11]);
    expect(resumption.receivedPosition).to.equal(80);
  });

  it("lets the peer ask once for each 64 KiB received", () => {
    const resumption = begun();
    const count = (byteLength: number): boolean => resumption.countReceived(FrameType.PAYLOAD, byteLength);
    expect([count(65_535), count(1), count(65_535), count(1), count(200_000)]).to.deep.equal([
      false,
      true,
      false,
      true,
      true,
    ]);
  });

  it("is live at first, and in no other stage", () => {
    const resumption = begun();
    expect([resumption.isLive, resumption.isKeeping, resumption.isAsking]).to.deep.equal([true, true, false]);
    for (const stage of ["detached", "resume-due", "awaiting-ok", "ok-due"] as const) {
      resumption.stage = stage;
      expect(resumption.isLive, stage).to.equal(false);
    }
  });

  it("forgets what the peer says it has, of a question as of an answer", () => {
    const resumption = begun();
    resumption.receiveAcknowledgement(7, false, false);
    expect(resumption.store.firstPosition).to.equal(7);
    resumption.receiveAcknowledgement(14, true, false);
    expect(resumption.store.firstPosition).to.equal(14);
  });

  it("believes no answer that may be an echo of its own number, but of a peer that has shown that it counts", () => {
    const asking = (): Resumption => {
      const resumption = begun();
      resumption.countReceived(FrameType.PAYLOAD, 14);
      resumption.ask();
      resumption.countReceived(FrameType.PAYLOAD, 1);
      return resumption;
    };
    const stranger = asking();
    expect(stranger.isAsking).to.equal(true);
    stranger.receiveAcknowledgement(14, true, false);
    expect([stranger.store.firstPosition, stranger.isAsking]).to.deep.equal([0, false]);
    stranger.receiveAcknowledgement(14, false, false);
    expect(stranger.store.firstPosition, "a question of its own").to.equal(14);
    const ours = asking();
    ours.receiveAcknowledgement(14, true, true);
    expect(ours.store.firstPosition).to.equal(14);
    const proven = asking();
    proven.prove();
    proven.receiveAcknowledgement(14, true, false);
    expect(proven.store.firstPosition).to.equal(14);
  });

  it("goes on asking when a question of the peer comes", () => {
    const resumption = begun();
    resumption.ask();
    resumption.receiveAcknowledgement(0, false, false);
    expect(resumption.isAsking).to.equal(true);
  });

  it("has been full only as long as it is", () => {
    const resumption = begun(30);
    resumption.fullSinceMs = 5;
    resumption.receiveAcknowledgement(0, false, false);
    expect(resumption.fullSinceMs).to.equal(5);
    resumption.receiveAcknowledgement(7, false, false);
    expect(resumption.fullSinceMs).to.equal(undefined);
  });

  it("keeps nothing that was sent once the end is announced, but what is to be sent again", () => {
    const resumption = begun();
    resumption.store.rewind(14);
    resumption.fullSinceMs = 5;
    resumption.stopKeeping();
    expect([resumption.isKeeping, resumption.fullSinceMs]).to.deep.equal([false, undefined]);
    expect([resumption.store.firstPosition, resumption.store.hasUnsent]).to.deep.equal([14, true]);
    const sent = begun();
    sent.stopKeeping();
    expect(sent.store.byteLength).to.equal(0);
  });

  it("takes a client back that has a frame's end and lacks nothing, and tells any other why not", () => {
    const resumption = begun();
    resumption.countReceived(FrameType.PAYLOAD, 10);
    const ask = (lastReceivedServerPosition: number, firstAvailableClientPosition: number): string | undefined =>
      refuseResume(resumption, {
        type: FrameType.RESUME,
        streamId: 0,
        majorVersion: 1,
        minorVersion: 0,
        resumeToken: new Uint8Array(16),
        lastReceivedServerPosition,
        firstAvailableClientPosition,
      });
    expect([ask(0, 0), ask(7, 10), ask(21, 10)]).to.deep.equal([undefined, undefined, undefined]);
    expect(ask(0, 11)).to.equal("client keeps frames from 11 on, received are 10 bytes");
    expect(ask(8, 0)).to.equal("client has received 8 bytes, expected the end of a frame in 0 … 21");
  });
});

describe("session/keepalive, a new link", () => {
  it("counts silence and interval from now", () => {
    const keepalive = new Keepalive(100, 1_000, 0);
    keepalive.restart(950);
    expect([keepalive.overdueMs(1_949), keepalive.overdueMs(1_950)]).to.deep.equal([undefined, 1_000]);
    expect([keepalive.takeSendDue(1_049), keepalive.takeSendDue(1_050)]).to.deep.equal([false, true]);
  });

  it("sends nothing by itself afterwards if it didn't before", () => {
    const keepalive = new Keepalive(0, 1_000, 0);
    keepalive.restart(950);
    expect([keepalive.takeSendDue(1e9), keepalive.nextTimeoutMs]).to.deep.equal([false, 1_950]);
  });

  it("is overdue exactly at its lifetime", () => {
    const keepalive = new Keepalive(0, 1_000, 0);
    expect([keepalive.overdueMs(999), keepalive.overdueMs(1_000)]).to.deep.equal([undefined, 1_000]);
  });
});
