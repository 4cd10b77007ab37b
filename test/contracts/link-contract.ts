// SPDX-License-Identifier: Apache-2.0
// What every transport promises: one suite, run for each of them with frames of three shapes (FRM-01 … FRM-06).

import { expect } from "chai";
import { createBatch, type FrameBatch, REFERENCE_BYTES, SlabPool, SlabWriter } from "../../runtime/src/bytes/slab.js";
import type { FrameLink } from "../../runtime/src/engine/link.js";
import { LinkRecorder, turns } from "./link-contract-recorder.js";

/** Two ends of one connection. */
export interface LinkPair {
  readonly client: FrameLink;
  readonly server: FrameLink;
}

/** A transport under test. */
export interface LinkMaker {
  /** Opens a pair. */
  open(): Promise<LinkPair>;
  /** False where the system knows of no reset: an abort looks like an orderly end at the other end. */
  readonly canReset?: boolean;
  /** Stops listening. */
  close(): Promise<void>;
}

interface Shape {
  readonly name: string;
  /** How many frames go each way. */
  readonly count: number;
  /** Length of frame `index`, without prefix. */
  byteLength(index: number): number;
}

const SHAPES: readonly Shape[] = [
  { name: "plain frames", count: 400, byteLength: (index) => 6 + ((index * 37) % 2_000) },
  // A fragment of 64 bytes counts its prefix.
  { name: "fragments of 64 B", count: 2_000, byteLength: (index) => (index % 9 === 8 ? 20 : 61) },
  { name: "frames of 1 MiB", count: 8, byteLength: () => 1_048_576 },
];

/** More than any system keeps on the way in its own buffers: who isn't stopped by then never is. */
const ENDLESS_BYTES = 134_217_728;
const BATCH_BYTES = 65_536;
const HEADER_BYTES = 6;
/** A close takes one second when the other end doesn't follow. */
const CLOSE_WITHIN_MS = 1_500;
/** Well below that second, and more than any machine takes for a few turns of its event loop. */
const AT_ONCE_MS = 900;

/** Declares the suite for one transport. */
export function linkContract(name: string, openMaker: () => Promise<LinkMaker>): void {
  describe(`the contract of links: ${name}`, function () {
    // Some megabytes in pieces of 61 bytes take a while on a busy machine.
    this.timeout(20_000);
    let maker: LinkMaker;
    let client: FrameLink;
    let server: FrameLink;
    let atClient: LinkRecorder;
    let atServer: LinkRecorder;

    let resources: readonly string[];

    before(async () => {
      resources = networkResources();
      maker = await openMaker();
    });

    beforeEach(async () => {
      ({ client, server } = await maker.open());
      atClient = new LinkRecorder();
      atServer = new LinkRecorder();
    });

    afterEach(async function () {
      client.abort();
      server.abort();
      // What a failed test left half-way says nothing, and a failing hook would skip the tests behind it.
      if (this.currentTest?.state === "failed") return;
      await Promise.all([atClient.untilClosed(), atServer.untilClosed()]);
      await turns();
      expect(atClient.violations, "at the client").to.deep.equal([]);
      expect(atServer.violations, "at the server").to.deep.equal([]);
      expect([atClient.closes.length, atServer.closes.length], "calls of onClose").to.deep.equal([1, 1]);
    });

    after(async () => {
      await maker.close();
      // Sockets are closed a turn or two after their links.
      for (let i = 0; i < 100 && networkResources().length > resources.length; i++) await turns();
      // What other files had left behind may have gone meanwhile.
      expect(networkResources().length, `what keeps the process alive: ${networkResources().join()}`).to.be.at.most(
        resources.length,
      );
    });

    function listen(): void {
      client.setHandler(atClient);
      server.setHandler(atServer);
    }

    // Sends batches until nothing goes any more, what the system takes by itself included; returns how many frames.
    async function sendUntilBlocked(shape: Shape): Promise<number> {
      const step = countOf(shape, BATCH_BYTES);
      let count = 0;
      let drains: number;
      do {
        drains = atClient.drains;
        let goOn = true;
        while (goOn) {
          goOn = client.send(batchOf(shape, count, count + step));
          count += step;
          if (count * shape.byteLength(1) > ENDLESS_BYTES) expect.fail("never stopped");
        }
        await turns();
        // A platform that doesn't tell of drains is asked now and then.
        if (client.unsentBytes === 0) await atClient.until(() => atClient.drains > drains);
      } while (atClient.drains > drains);
      return count;
    }

    for (const shape of SHAPES) {
      describe(shape.name, () => {
        it("come whole and in order, both ways at once", async () => {
          listen();
          const [up, down] = [sendAll(client, atClient, shape), sendAll(server, atServer, shape)];
          await Promise.all([up, down, atServer.untilFrames(shape.count), atClient.untilFrames(shape.count)]);
          expectFrames(atServer, shape);
          expectFrames(atClient, shape);
        });

        it("wait for the handler when they come before it", async () => {
          client.setHandler(atClient);
          const sent = sendAll(client, atClient, shape);
          await turns();
          server.setHandler(atServer);
          await Promise.all([sent, atServer.untilFrames(shape.count)]);
          expectFrames(atServer, shape);
        });

        for (const how of ["has paused", "returned false", "isn't there yet"]) {
          it(`stop their sender when the reader ${how}, and nothing is lost when it goes on`, async () => {
            client.setHandler(atClient);
            if (how === "has paused") server.pause();
            if (how !== "isn't there yet") server.setHandler(atServer);
            if (how === "returned false") atServer.whenFrame = () => atServer.frames.length !== 1;
            const count = await sendUntilBlocked(shape);
            expect(atServer.frames.length, "frames that came").to.equal(how === "returned false" ? 1 : 0);
            expect(client.unsentBytes ?? 1, "bytes left").to.be.above(0);
            const { drains } = atClient;
            if (how === "isn't there yet") server.setHandler(atServer);
            else server.resume();
            await atClient.until(() => atClient.drains === drains + 1);
            await atServer.untilFrames(count);
            expectFrames(atServer, shape, count);
            await turns();
            expect(client.unsentBytes ?? 0, "bytes left").to.equal(0);
          });
        }

        it("stop within a read when onFrame returns false, and go on behind the same frame", async () => {
          listen();
          atServer.whenFrame = () => atServer.frames.length !== 2;
          const sent = sendAll(client, atClient, shape);
          await atServer.untilFrames(2);
          await turns();
          expect(atServer.frames.length).to.equal(2);
          server.resume();
          await Promise.all([sent, atServer.untilFrames(shape.count)]);
          expectFrames(atServer, shape);
        });

        it("stop within a read when the handler pauses, and go on whenever it resumes", async () => {
          listen();
          atServer.whenFrame = () => {
            server.pause();
            // Each resume lets at least one frame through.
            setImmediate(() => server.resume());
            return true;
          };
          const few = Math.min(shape.count, 50);
          client.send(batchOf(shape, 0, few));
          await atServer.untilFrames(few);
          expectFrames(atServer, shape, few);
        });

        it("come all before the end, when the sender closes behind them", async () => {
          listen();
          await sendAll(client, atClient, shape);
          client.close();
          await atServer.untilClosed();
          expectFrames(atServer, shape);
          expect(atServer.closes).to.deep.equal([undefined]);
        });
      });
    }

    it("closes in order at both ends when one closes", async () => {
      listen();
      server.close();
      server.close();
      await Promise.all([atClient.untilClosed(), atServer.untilClosed()]);
      expect([...atClient.closes, ...atServer.closes]).to.deep.equal([undefined, undefined]);
    });

    it("closes in order when both ends close at once", async () => {
      listen();
      client.close();
      server.close();
      await Promise.all([atClient.untilClosed(), atServer.untilClosed()]);
      expect([...atClient.closes, ...atServer.closes]).to.deep.equal([undefined, undefined]);
    });

    it("says so to the other end when one aborts, and only there", async () => {
      listen();
      client.abort();
      client.abort();
      await Promise.all([atClient.untilClosed(), atServer.untilClosed()]);
      expect(atClient.closes).to.deep.equal([undefined]);
      if (maker.canReset !== false) expect(atServer.closes[0]).to.be.an.instanceOf(Error);
    });

    it("closes without delay when it is paused itself", async () => {
      listen();
      server.pause();
      client.send(batchOf(smallShape, 0, 100));
      const startMs = performance.now();
      server.close();
      await Promise.all([atClient.untilClosed(), atServer.untilClosed()]);
      expect(performance.now() - startMs).to.be.below(AT_ONCE_MS);
      expect(atServer.frames).to.deep.equal([]);
    });

    it("stays paused when a pause follows a resume", async () => {
      listen();
      atServer.whenFrame = () => false;
      client.send(batchOf(smallShape, 0, 10));
      await atServer.untilFrames(1);
      server.resume();
      server.pause();
      await turns();
      expect(atServer.frames.length).to.equal(1);
      server.resume();
      await atServer.untilFrames(2);
    });

    it("is closed a second after close() when the other end doesn't read", async () => {
      listen();
      server.pause();
      for (let bytes = 0; bytes < ENDLESS_BYTES; bytes += 1_048_576) {
        if (!client.send(batchOf(bigShape, 0, 1))) break;
      }
      const startMs = performance.now();
      client.close();
      await atClient.untilClosed();
      expect(performance.now() - startMs).to.be.below(CLOSE_WITHIN_MS);
      server.resume();
      await atServer.untilClosed();
    });

    it("drops what is sent after close() and abort(), without a complaint", async () => {
      listen();
      client.close();
      expect(client.send(batchOf(smallShape, 0, 1))).to.equal(true);
      server.abort();
      expect(server.send(batchOf(smallShape, 0, 1))).to.equal(true);
      await Promise.all([atClient.untilClosed(), atServer.untilClosed()]);
      expect(client.send(batchOf(smallShape, 0, 1))).to.equal(true);
      client.close();
      client.pause();
      client.resume();
      client.abort();
      expect([...atClient.frames, ...atServer.frames]).to.deep.equal([]);
    });

    it("brings nothing to a handler that has closed", async () => {
      listen();
      atServer.whenFrame = () => {
        server.close();
        return true;
      };
      client.send(batchOf(smallShape, 0, 100));
      await atServer.untilClosed();
      expect(atServer.frames.length).to.equal(1);
    });

    it("can be used within every call of the handler without being called back there", async () => {
      listen();
      atServer.whenFrame = (frame) => {
        server.pause();
        server.send(batchOf(smallShape, frame[3] ?? 0, (frame[3] ?? 0) + 1));
        server.resume();
        return true;
      };
      client.send(batchOf(smallShape, 0, 200));
      await atClient.untilFrames(200);
      expectFrames(atClient, smallShape, 200);
    });

    it("pauses before there is a handler, too", async () => {
      server.pause();
      client.setHandler(atClient);
      client.send(batchOf(smallShape, 0, 3));
      server.setHandler(atServer);
      await turns();
      expect(atServer.frames.length).to.equal(0);
      server.resume();
      await atServer.untilFrames(3);
    });

    it("leaves frames alone once they were passed on, whatever comes behind them", async () => {
      listen();
      client.send(batchOf(smallShape, 0, 100));
      await atServer.untilFrames(100);
      client.send(batchOf(smallShape, 100, 200));
      await atServer.untilFrames(200);
      expectFrames(atServer, smallShape, 200);
    });

    it("loses its link but nothing else when the handler throws", async () => {
      listen();
      atServer.whenFrame = () => {
        throw new Error("a bug of the handler");
      };
      client.send(batchOf(smallShape, 0, 3));
      await Promise.all([atClient.untilClosed(), atServer.untilClosed()]);
      expect(atServer.frames.length).to.equal(1);
      expect(atServer.closes[0]).to.have.property("message", "a bug of the handler");
    });

    it("refuses a frame above the handler's limit, which may change from frame to frame", async () => {
      listen();
      atServer.maxFrameBytes = 61;
      atServer.whenFrame = () => {
        atServer.maxFrameBytes = 60;
        return true;
      };
      client.send(batchOf(smallShape, 0, 100));
      await atServer.until(() => atServer.malformed.length > 0);
      await turns();
      expect(atServer.frames.length).to.equal(1);
      expect(atServer.malformed.length).to.equal(1);
      expect(atServer.malformed[0]).to.match(/61.*60/);
    });

    it("lets the handler answer what it can't read, then close", async () => {
      listen();
      atServer.maxFrameBytes = 60;
      client.send(batchOf(smallShape, 0, 1));
      await atServer.until(() => atServer.malformed.length > 0);
      server.send(batchOf(smallShape, 0, 1));
      server.close();
      await atClient.untilClosed();
      expectFrames(atClient, smallShape, 1);
      // A WebSocket says why by its code, too (RFC 6455 §7.4.1).
      expect(atClient.closes.map((error) => error?.message ?? "in order")[0]).to.match(/in order|code 1009$/);
    });
  });
}

function networkResources(): readonly string[] {
  return process.getActiveResourcesInfo().filter((name) => /TCP|Connect|Pipe|Immediate/.test(name));
}

const smallShape: Shape = { name: "small", count: 0, byteLength: () => 61 };
const bigShape: Shape = { name: "big", count: 0, byteLength: () => 1_048_576 };

/** Frames `start` … `end - 1` of `shape`, as connections write them: large ones by reference. */
export function batchOf(shape: Pick<Shape, "byteLength">, start: number, end: number): FrameBatch {
  const writer = new SlabWriter(new SlabPool((byteLength) => new Uint8Array(byteLength)));
  for (let index = start; index < end; index++) writeFrame(writer, frameOf(shape, index));
  const batch = createBatch();
  writer.takeInto(batch, Number.POSITIVE_INFINITY);
  return batch;
}

function writeFrame(writer: SlabWriter, frame: Uint8Array): void {
  const byReference = frame.length >= REFERENCE_BYTES;
  const copied = byReference ? frame.subarray(0, HEADER_BYTES) : frame;
  const at = writer.reserve(3 + copied.length);
  writer.bytes.set([frame.length >>> 16, frame.length >>> 8, frame.length], at);
  writer.bytes.set(copied, at + 3);
  if (byReference) writer.pushReference(frame.subarray(HEADER_BYTES));
}

// Stream `index`, PAYLOAD, and bytes that are different in every frame.
function frameOf(shape: Pick<Shape, "byteLength">, index: number): Uint8Array {
  const frame = new Uint8Array(shape.byteLength(index));
  for (let at = HEADER_BYTES; at < frame.length; at++) frame[at] = (at * 7 + index * 13) >>> 1;
  frame.set([0, index >>> 16, index >>> 8, index, 0x28, 0x20]);
  return frame;
}

function countOf(shape: Shape, byteLength: number): number {
  return Math.max(1, Math.floor(byteLength / shape.byteLength(1)));
}

// As a connection does it: a batch at a time, while the link takes them.
async function sendAll(link: FrameLink, recorder: LinkRecorder, shape: Shape): Promise<void> {
  for (let start = 0; start < shape.count; start += countOf(shape, BATCH_BYTES)) {
    const end = Math.min(shape.count, start + countOf(shape, BATCH_BYTES));
    const { drains } = recorder;
    if (!link.send(batchOf(shape, start, end))) await recorder.until(() => recorder.drains > drains);
  }
}

function expectFrames(
  recorder: LinkRecorder,
  shape: Pick<Shape, "byteLength"> & Partial<Shape>,
  count = shape.count ?? 0,
): void {
  expect(recorder.frames.length, "frames").to.equal(count);
  recorder.frames.forEach((frame, index) => {
    if (Buffer.compare(frame, frameOf(shape, index)) !== 0) expect.fail(`frame ${index} isn't what was sent`);
  });
}
