// SPDX-License-Identifier: Apache-2.0
// The driver and a link that stops: it reads on when it should, and slow handlers share the event loop.

import { expect } from "chai";
import { connect, serve } from "rsocket-rpc/node";
import {
  createTickerClient,
  implementTicker,
  unimplementedTicker,
} from "../../../examples/hello/gen/ticker_rsocket.js";
import { SlabPool } from "../../../runtime/src/bytes/slab.js";
import { Driver } from "../../../runtime/src/engine/driver.js";
import type { FrameLink, LinkHandler } from "../../../runtime/src/engine/link.js";
import { resolveSettings } from "../../../runtime/src/session/settings.js";
import { serverOpening } from "../../../runtime/src/session/setup.js";
import { VirtualScheduler } from "../../../runtime/src/testing/virtual-scheduler.js";
import { type DriverEvents, seatOf } from "../../support/driver-seat.js";
import { bytesOf } from "../../support/frames-dsl.js";
import { SETUP } from "../../support/probe.js";

/** A link in a test's hands: it stops, as links do, when `onFrame` returns false, until it is resumed. */
class StoppingLink implements FrameLink {
  readonly info = { transport: "test", remoteAddress: "", localAddress: "", isSecure: false };
  handler: LinkHandler | undefined;
  isStopped = false;

  setHandler(handler: LinkHandler): void {
    this.handler = handler;
  }

  send(): boolean {
    return true;
  }

  pause(): void {
    this.isStopped = true;
  }

  resume(): void {
    this.isStopped = false;
  }

  close(): void {}

  abort(): void {}

  read(frame: Uint8Array | undefined, partialBytes: number): void {
    this.handler?.onReadStart();
    if (frame !== undefined && this.handler?.onFrame(frame, 0, frame.length) === false) this.isStopped = true;
    this.handler?.onReadEnd(partialBytes);
  }
}

const SILENT_EVENTS: DriverEvents = {
  onSetup() {},
  onEstablished() {},
  onRequest() {},
  onMetadataPush() {},
  onClosed() {},
};

describe("engine/driver, reading", () => {
  it("goes on when a frame that came in pieces behind SETUP turns out to fit what may be held", async () => {
    const scheduler = new VirtualScheduler();
    const link = new StoppingLink();
    const pool = new SlabPool((byteLength) => new Uint8Array(byteLength));
    const driver = new Driver(link, scheduler, seatOf(SILENT_EVENTS), {
      settings: resolveSettings(),
      pool,
      opening: serverOpening,
    });
    driver.start();
    link.read(bytesOf(SETUP), 0);
    link.read(undefined, 39_000);
    const request = new Uint8Array(40_000);
    request.set(bytesOf("00000001 1400"));
    link.read(request, 0);
    expect(link.isStopped).to.equal(false);
    driver.connection.accept();
    await scheduler.settle();
    expect(link.isStopped).to.equal(false);
  });

  it("gives way between the requests of one read when their handlers are slow, and serves them all in order", async () => {
    const served: string[] = [];
    const server = await serve("tcp://127.0.0.1:0", {
      services: [
        implementTicker({
          ...unimplementedTicker,
          last: ({ name }) => {
            const endsAt = performance.now() + 1;
            while (performance.now() < endsAt);
            served.push(name);
            return { symbol: name };
          },
        }),
      ],
    });
    const connection = await connect(server.urls[0] ?? "");
    const ticker = createTickerClient(connection);
    let turns = 0;
    let isDone = false;
    const turn = (): void => {
      turns++;
      if (!isDone) setImmediate(turn);
    };
    const names = Array.from({ length: 200 }, (_, i) => String(i));
    const answers = Promise.all(names.map((name) => ticker.last({ name })));
    setImmediate(turn);
    await answers;
    isDone = true;
    await connection.close();
    await server.close();
    expect(served).to.deep.equal(names);
    // 200 ms of handlers, a turn after each 5 ms and the rest of 8 calls.
    expect(turns).to.be.greaterThan(12);
  });
});
