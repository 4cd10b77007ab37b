// SPDX-License-Identifier: Apache-2.0
// One connection at work on one link: a write a tick, a timer, reading only while it is wanted, and an end.

import { expect } from "chai";
import { SlabPool } from "../../../runtime/src/bytes/slab.js";
import { Driver } from "../../../runtime/src/engine/driver.js";
import type { FrameBatch, FrameLink, LinkHandler, LinkInfo } from "../../../runtime/src/engine/link.js";
import { ConnectionError } from "../../../runtime/src/session/errors.js";
import { type ConnectionSettingsInit, resolveSettings } from "../../../runtime/src/session/settings.js";
import { serverOpening } from "../../../runtime/src/session/setup.js";
import { SILENT_SINK } from "../../../runtime/src/session/stream.js";
import { VirtualScheduler } from "../../../runtime/src/testing/virtual-scheduler.js";
import { seatOf } from "../../support/driver-seat.js";
import { bytesOf, cutFrames, hexOf } from "../../support/frames-dsl.js";

const KEEPALIVE_R = "000000000c800000000000000000";
const KEEPALIVE = "000000000c000000000000000000";
const SETUP = "0000000004000001000000004e2000015f90016d0164";
const EMPTY = new Uint8Array(0);

/** Writes down what a driver does to it. */
class FakeLink implements FrameLink {
  readonly info: LinkInfo = { transport: "fake", remoteAddress: "", localAddress: "", isSecure: false };
  /** Frames of each write. */
  readonly writes: string[][] = [];
  readonly log: string[] = [];
  takesMore = true;
  unsentBytes = 0;
  handler: LinkHandler | undefined;

  setHandler(handler: LinkHandler): void {
    this.handler = handler;
  }
  send({ chunks, byteLength }: FrameBatch): boolean {
    const bytes = new Uint8Array(byteLength);
    let at = 0;
    for (const chunk of chunks) {
      bytes.set(chunk, at);
      at += chunk.length;
    }
    this.writes.push(cutFrames(bytes).map(hexOf));
    return this.takesMore;
  }
  pause(): void {
    this.log.push("pause");
  }
  resume(): void {
    this.log.push("resume");
  }
  close(): void {
    this.log.push("close");
  }
  abort(): void {
    this.log.push("abort");
  }

  /** One read that brings `frames`. */
  receive(...frames: readonly string[]): void {
    this.handler?.onReadStart();
    for (const frame of frames) {
      const bytes = bytesOf(frame);
      this.handler?.onFrame(bytes, 0, bytes.length);
    }
    this.handler?.onReadEnd(0);
  }
}

describe("the driver", () => {
  let scheduler: VirtualScheduler;
  let link: FakeLink;
  let log: string[];
  beforeEach(() => {
    scheduler = new VirtualScheduler();
    link = new FakeLink();
    log = [];
  });

  function start(side: "client" | "server", init: ConnectionSettingsInit = {}): Driver {
    const driver: Driver = new Driver(
      link,
      scheduler,
      seatOf({
        onSetup: () => {
          log.push("setup");
          driver.connection.accept();
        },
        onEstablished: () => log.push("established"),
        onRequest: (stream) => log.push(`request ${stream.id}`),
        onMetadataPush: (metadata) => log.push(`push ${hexOf(metadata)}`),
        onClosed: ({ code, initiator }) => log.push(`closed 0x${code.toString(16)} ${initiator}`),
      }),
      {
        settings: resolveSettings(init),
        pool: new SlabPool((byteLength) => new Uint8Array(byteLength)),
        ...(side === "server"
          ? { opening: serverOpening }
          : { setup: { metadataMimeType: "m", dataMimeType: "d", metadata: undefined, data: EMPTY } }),
      },
    );
    driver.start();
    return driver;
  }

  const ask = (driver: Driver, data = EMPTY) =>
    driver.connection.openStream("request_response", undefined, data, 1, SILENT_SINK);

  describe("writes", () => {
    it("SETUP alone, then the KEEPALIVE that proves it, with whatever was queued meanwhile", async () => {
      const driver = start("client");
      ask(driver);
      await scheduler.settle();
      expect(link.writes).to.deep.equal([[SETUP], [KEEPALIVE_R, "000000011000"]]);
    });

    it("all frames of a tick at once, and none in a tick without", async () => {
      const driver = start("client");
      await scheduler.settle();
      link.writes.length = 0;
      for (let i = 0; i < 5; i++) ask(driver);
      expect(link.writes).to.deep.equal([]);
      await scheduler.settle();
      expect(link.writes).to.deep.equal([
        ["000000011000", "000000031000", "000000051000", "000000071000", "000000091000"],
      ]);
      await scheduler.settle();
      expect(link.writes).to.have.length(1);
    });

    it("nothing while the link takes nothing, and all of it when it does again", async () => {
      const driver = start("client");
      await scheduler.settle();
      link.takesMore = false;
      ask(driver);
      await scheduler.settle();
      link.writes.length = 0;
      ask(driver);
      ask(driver);
      await scheduler.settle();
      expect(link.writes).to.deep.equal([]);
      link.takesMore = true;
      link.handler?.onDrain();
      await scheduler.settle();
      expect(link.writes).to.deep.equal([["000000031000", "000000051000"]]);
    });
  });

  describe("writes to a link that takes everything at once", () => {
    it("give the event loop a turn each MiB, so that answers are read meanwhile", async () => {
      const driver = start("client");
      await scheduler.settle();
      const payload = new Uint8Array(262_144);
      let left = 64;
      const call = {
        admit: () => {
          ask(driver, payload);
          if (--left > 0) driver.connection.queueCall(call);
        },
        fail: () => {},
      };
      driver.connection.queueCall(call);
      driver.requestFlush();
      const writtenBytes = (): number => link.writes.flat().reduce((sum, frame) => sum + frame.length / 2, 0);
      const bytesByTurn: number[] = [];
      const turn = (): void => {
        bytesByTurn.push(writtenBytes());
        if (bytesByTurn.length < 64) scheduler.yield(turn);
      };
      scheduler.yield(turn);
      await scheduler.settle();
      expect(left).to.equal(0);
      expect(writtenBytes()).to.be.above(64 * payload.length);
      const inOneTurn = bytesByTurn.map((bytes, i) => bytes - (bytesByTurn[i - 1] ?? 0));
      expect(Math.max(...inOneTurn)).to.be.below(1.5 * 1_048_576);
    });
  });

  describe("time", () => {
    it("has one timer, for KEEPALIVE and lifetime together", async () => {
      const driver = start("client", { keepaliveIntervalMs: 1_000, maxLifetimeMs: 2_500 });
      await scheduler.settle();
      link.writes.length = 0;
      for (let i = 0; i < 20; i++) {
        ask(driver);
        await scheduler.settle();
        expect(scheduler.timerCount).to.equal(1);
      }
      link.writes.length = 0;
      await scheduler.advance(1_000);
      expect(link.writes).to.deep.equal([[KEEPALIVE_R]]);
      await scheduler.advance(1_499);
      expect(log).to.deep.equal([]);
      await scheduler.advance(1);
      expect(log).to.deep.equal(["closed 0x101 remote"]);
      expect(link.log).to.deep.equal(["abort"]);
      expect(scheduler.timerCount).to.equal(0);
    });

    it("judges the peer's silence only after what came meanwhile was read", async () => {
      start("client", { keepaliveIntervalMs: 1_000, maxLifetimeMs: 2_500 });
      await scheduler.settle();
      // The process stood still: when it goes on, the timer is due and a KEEPALIVE waits in the socket.
      let read = false;
      scheduler.setTimer(2_500, () => scheduler.yield(() => {}));
      scheduler.setTimer(2_499.9, () => {
        scheduler.yield(() => {
          read = true;
          link.receive(KEEPALIVE);
        });
      });
      await scheduler.advance(2_500);
      expect(read).to.equal(true);
      expect(log).to.deep.equal(["established"]);
    });
  });

  describe("reads", () => {
    it("into the connection, each frame in its place", async () => {
      start("server");
      link.receive(SETUP, "00000001100061", "000000000c800000000000000000", "000000031100000001" + "aa" + "62");
      await scheduler.settle();
      expect(log).to.deep.equal(["setup", "request 1", "request 3"]);
      expect(link.writes.flat()).to.deep.equal([KEEPALIVE]);
    });

    it("no more while what the peer caused waits to be written, and on when it has left", async () => {
      const driver = start("server", { limits: { readPauseBytes: 1_000 } });
      link.receive(SETUP);
      link.takesMore = false;
      link.receive(KEEPALIVE_R);
      await scheduler.settle();
      const echo = `${KEEPALIVE_R}${"61".repeat(600)}`;
      link.receive(echo);
      await scheduler.settle();
      expect(link.log).to.deep.equal([]);
      link.receive(echo);
      await scheduler.settle();
      expect(link.log).to.deep.equal(["pause"]);
      link.takesMore = true;
      link.handler?.onDrain();
      await scheduler.settle();
      expect(link.log).to.deep.equal(["pause", "resume"]);
      driver.abort(new ConnectionError(0x101, "over", "local"));
    });

    it("what can't be cut into frames as the peer's fault, and says so", async () => {
      start("server");
      link.receive(SETUP);
      link.handler?.onMalformed("frame length 99 is above the limit");
      await scheduler.settle();
      expect(log).to.deep.equal(["setup", "closed 0x101 local"]);
      expect(link.writes.at(-1)?.[0]?.slice(0, 20)).to.equal("000000002c0000000101");
      expect(link.log).to.deep.equal(["close"]);
    });
  });

  describe("the end", () => {
    it("in order closes the link behind the last frame", async () => {
      const driver = start("client");
      await scheduler.settle();
      link.receive(KEEPALIVE);
      driver.connection.close("bye");
      driver.requestFlush();
      await scheduler.settle();
      expect(link.writes.at(-1)).to.deep.equal(["000000002c0000000102627965"]);
      expect(link.log).to.deep.equal(["close"]);
      expect(log).to.deep.equal(["established", "closed 0x102 local"]);
      expect(scheduler.timerCount).to.equal(0);
    });

    /** A server whose client, one of ours, is there. */
    async function startForOurs(): Promise<Driver> {
      const driver = start("server");
      link.receive(SETUP);
      driver.connection.peer.receiveHello(1);
      await scheduler.settle();
      return driver;
    }

    it("in order waits, as long as there is time, for what the link took and hasn't got rid of: a stopped reader's last answer", async () => {
      const driver = await startForOurs();
      driver.connection.close("bye", 1_000);
      link.unsentBytes = 100_000;
      driver.requestFlush();
      await scheduler.advance(9_999);
      expect(log).to.deep.equal(["setup"]);
      link.unsentBytes = 0;
      await scheduler.advance(1_000);
      expect(link.log).to.deep.equal(["close"]);
      expect(log).to.deep.equal(["setup", "closed 0x102 local"]);
      expect(scheduler.timerCount).to.equal(0);
    });

    it("in order waits for a peer from which nothing was heard since much was sent: it may not have read it", async () => {
      for (const [byteLength, closes] of [
        [16_000, true],
        [17_000, false],
      ] as const) {
        link = new FakeLink();
        scheduler = new VirtualScheduler();
        const driver = await startForOurs();
        driver.connection.metadataPush(new Uint8Array(byteLength));
        driver.connection.close("bye", 1_000);
        driver.requestFlush();
        await scheduler.advance(11_000);
        expect(link.log, `${byteLength} bytes`).to.deep.equal(closes ? ["close"] : []);
        driver.connection.abandonStreams("bye");
        driver.requestFlush();
        await scheduler.settle();
        expect(link.log, `${byteLength} bytes`).to.deep.equal(["close"]);
        expect(scheduler.timerCount).to.equal(0);
      }
    });

    it("in order waits no longer for a client that has much to read than it may be silent: it is dead", async () => {
      for (const [silentMs, leftMs] of [
        [0, 24_999], // its KEEPALIVE comes each 20 s, a quarter more for what is slow
        [10_000, 14_999],
        [60_000, 999],
      ] as const) {
        link = new FakeLink();
        scheduler = new VirtualScheduler();
        const driver = await startForOurs();
        await scheduler.advance(silentMs);
        driver.connection.metadataPush(new Uint8Array(17_000));
        driver.connection.close("bye", 1_000);
        driver.requestFlush();
        await scheduler.advance(leftMs);
        expect(link.log, `${silentMs} ms`).to.deep.equal([]);
        await scheduler.advance(2_000);
        expect(link.log, `${silentMs} ms`).to.deep.equal(["close"]);
        expect(scheduler.timerCount).to.equal(0);
      }
    });

    it("in order waits on for a client with much to read that says something at its interval", async () => {
      const driver = await startForOurs();
      driver.connection.metadataPush(new Uint8Array(17_000));
      link.unsentBytes = 100_000;
      driver.connection.close("bye", 1_000);
      driver.requestFlush();
      for (let i = 0; i < 4; i++) {
        await scheduler.advance(24_000);
        link.receive(KEEPALIVE);
      }
      expect(link.log).to.deep.equal([]);
      driver.connection.abandonStreams("bye");
      driver.requestFlush();
      await scheduler.settle();
      expect(link.log).to.deep.equal(["close"]);
      expect(scheduler.timerCount).to.equal(0);
    });

    it("in order waits for a peer that is heard, as long as it lives: when it has read that it is to close, it closes", async () => {
      const driver = await startForOurs();
      driver.connection.close("bye", 1_000);
      driver.requestFlush();
      await scheduler.advance(900);
      link.receive(KEEPALIVE);
      await scheduler.advance(89_999);
      expect(link.log).to.deep.equal([]);
      await scheduler.advance(1);
      expect(link.log).to.deep.equal(["abort"]);
      expect(scheduler.timerCount).to.equal(0);
    });

    it("in order waits no more for what the link doesn't get rid of when there is no time left", async () => {
      const driver = await startForOurs();
      driver.connection.close("bye", 1_000);
      link.unsentBytes = 100_000;
      driver.requestFlush();
      await scheduler.advance(9_999);
      driver.connection.abandonStreams("bye");
      driver.requestFlush();
      await scheduler.settle();
      expect(link.log).to.deep.equal(["close"]);
      expect(scheduler.timerCount).to.equal(0);
    });

    it("by force writes why, and tears the link down", async () => {
      const driver = start("client");
      await scheduler.settle();
      driver.abort(new ConnectionError(0x101, "over", "local"));
      expect(link.writes.at(-1)).to.deep.equal(["000000002c00000001016f766572"]);
      expect(link.log).to.include("abort");
      expect(log).to.deep.equal(["closed 0x101 local"]);
      await scheduler.settle();
      expect(scheduler.timerCount).to.equal(0);
    });

    it("of a client that was never heard says nothing in front of its SETUP", async () => {
      const driver = start("client");
      driver.abort(new ConnectionError(0x101, "over", "local"));
      await scheduler.settle();
      expect(link.writes).to.deep.equal([]);
    });

    it("of the link ends the connection once, and nothing is written any more", async () => {
      const driver = start("server");
      link.receive(SETUP, "00000001100061");
      await scheduler.settle();
      link.handler?.onClose(new Error("reset"));
      await scheduler.settle();
      expect(log).to.deep.equal(["setup", "request 1", "closed 0x101 remote"]);
      const written = link.writes.length;
      driver.requestFlush();
      await scheduler.advance(100_000);
      expect(link.writes).to.have.length(written);
      expect(scheduler.timerCount).to.equal(0);
    });
  });
});
