// SPDX-License-Identifier: Apache-2.0
// Links over streams that no socket behaves like: what byte-stream.ts may rely on, and what it may not.

import { Duplex } from "node:stream";
import { expect } from "chai";
import { createByteStreamLink } from "../../../runtime/src/transports/byte-stream.js";
import { LinkRecorder, turns } from "../../contracts/link-contract-recorder.js";
import { bytesOf, hex, hexOf } from "../../support/frames-dsl.js";

const INFO = { transport: "fake", remoteAddress: "", localAddress: "", isSecure: true };
const CANCEL = hex`
  000006     // 6 bytes follow
  00000001   // stream 1
  2400       // CANCEL
`;

/** A stream whose other end is the test: `written` is what came, each write or writev an entry. */
class FakeStream extends Duplex {
  readonly written: Buffer[][] = [];
  isStuck = false;
  #callback: ((error?: Error) => void) | undefined;

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, callback: (error?: Error) => void): void {
    this.written.push([chunk]);
    this.#finish(callback);
  }

  override _writev(chunks: { chunk: Buffer }[], callback: (error?: Error) => void): void {
    this.written.push(chunks.map(({ chunk }) => chunk));
    this.#finish(callback);
  }

  /** Is done with what was written last. */
  flush(): void {
    const callback = this.#callback;
    this.#callback = undefined;
    callback?.();
  }

  #finish(callback: (error?: Error) => void): void {
    if (this.isStuck) this.#callback = callback;
    else callback();
  }
}

describe("a link over a byte stream", () => {
  it("writes one chunk as it is, and several in one go, never a copy of them", () => {
    const stream = new FakeStream();
    const link = createByteStreamLink(stream, INFO);
    const header = bytesOf(CANCEL);
    const body = new Uint8Array(10_000);
    link.send({ chunks: [header], byteLength: 9 });
    link.send({ chunks: [header, body, header], byteLength: 10_018 });
    expect(stream.written.map((chunks) => chunks.length)).to.deep.equal([1, 3]);
    expect(stream.written.flat().map(({ buffer }) => buffer)).to.deep.equal(
      [header, header, body, header].map((chunk) => chunk.buffer),
    );
  });

  it("writes nothing for an empty batch", () => {
    const stream = new FakeStream();
    const link = createByteStreamLink(stream, INFO);
    expect(link.send({ chunks: [], byteLength: 0 })).to.equal(true);
    expect(stream.written).to.deep.equal([]);
  });

  it("passes frames on as ranges of what was read", async () => {
    const stream = new FakeStream();
    const handler = new LinkRecorder();
    createByteStreamLink(stream, INFO).setHandler(handler);
    const chunk = Buffer.from(bytesOf(CANCEL + CANCEL));
    stream.push(chunk);
    await handler.untilFrames(2);
    expect(handler.frames.map(({ buffer }) => buffer)).to.deep.equal([chunk.buffer, chunk.buffer]);
    expect(handler.frames.map(hexOf)).to.deep.equal([CANCEL.slice(6), CANCEL.slice(6)]);
  });

  it("is blocked above 128 KiB until all of it is gone", async () => {
    const stream = new FakeStream();
    const handler = new LinkRecorder();
    const link = createByteStreamLink(stream, INFO);
    link.setHandler(handler);
    stream.isStuck = true;
    expect(link.send({ chunks: [new Uint8Array(131_072)], byteLength: 131_072 })).to.equal(true);
    expect(link.send({ chunks: [new Uint8Array(1)], byteLength: 1 })).to.equal(false);
    stream.flush();
    await turns();
    expect(handler.drains, "while one byte is left").to.equal(0);
    stream.flush();
    await handler.until(() => handler.drains === 1);
  });

  it("isn't blocked by a stream that takes more than that, and would never tell when it has drained", () => {
    const stream = new FakeStream({ highWaterMark: 1_048_576 });
    const link = createByteStreamLink(stream, INFO);
    stream.isStuck = true;
    expect(link.send({ chunks: [new Uint8Array(500_000)], byteLength: 500_000 })).to.equal(true);
    expect(link.send({ chunks: [new Uint8Array(600_000)], byteLength: 600_000 })).to.equal(false);
  });

  it("isn't told of a drain that it didn't wait for", async () => {
    const stream = new FakeStream({ highWaterMark: 10 });
    const handler = new LinkRecorder();
    const link = createByteStreamLink(stream, INFO);
    link.setHandler(handler);
    let drains = 0;
    stream.on("drain", () => drains++);
    stream.isStuck = true;
    link.send({ chunks: [new Uint8Array(100)], byteLength: 100 });
    stream.flush();
    await turns();
    expect([drains, handler.drains]).to.deep.equal([1, 0]);
  });

  it("loses its link when it throws in onDrain", async () => {
    const stream = new FakeStream();
    const handler = new LinkRecorder();
    const link = createByteStreamLink(stream, INFO);
    link.setHandler(handler);
    handler.whenDrained = () => {
      throw new Error("a bug of the handler");
    };
    stream.isStuck = true;
    link.send({ chunks: [new Uint8Array(200_000)], byteLength: 200_000 });
    stream.flush();
    await handler.untilClosed();
    expect(handler.closes[0]).to.have.property("message", "a bug of the handler");
  });

  it("ends its own half when the other end has, also where the stream doesn't by itself", async () => {
    const stream = new FakeStream({ allowHalfOpen: true });
    const handler = new LinkRecorder();
    createByteStreamLink(stream, INFO).setHandler(handler);
    stream.push(null);
    await handler.untilClosed();
    expect(stream.writableFinished).to.equal(true);
    expect(handler.closes).to.deep.equal([undefined]);
  });

  it("leaves its half open to a handler that wants to answer after the end, until it closes", async () => {
    const stream = new FakeStream({ allowHalfOpen: true });
    const handler = new LinkRecorder();
    let ends = 0;
    const link = createByteStreamLink(stream, INFO);
    link.setHandler(Object.assign(handler, { onPeerEnd: () => void ends++ }));
    stream.push(Buffer.from(bytesOf(CANCEL)));
    stream.push(null);
    await handler.untilFrames(1);
    await turns();
    expect([ends, handler.closes.length]).to.deep.equal([1, 0]);
    link.send({ chunks: [bytesOf(CANCEL)], byteLength: 9 });
    link.close();
    await handler.untilClosed();
    expect(stream.written.flat().map(hexOf)).to.deep.equal([CANCEL]);
    expect(handler.closes).to.deep.equal([undefined]);
  });

  it("ends its half at once when the end came within a frame, whatever the handler wants", async () => {
    const stream = new FakeStream({ allowHalfOpen: true });
    const handler = new LinkRecorder();
    let ends = 0;
    createByteStreamLink(stream, INFO).setHandler(Object.assign(handler, { onPeerEnd: () => void ends++ }));
    stream.push(Buffer.from(bytesOf(CANCEL).subarray(0, 5)));
    stream.push(null);
    await handler.untilClosed();
    expect(ends).to.equal(0);
    expect(handler.closes[0]).to.have.property("message", "the stream ended 5 bytes into a frame");
  });

  it("tells a stream that was closed before its end, and an error of the stream", async () => {
    for (const error of [undefined, new Error("broken")]) {
      const stream = new FakeStream();
      const handler = new LinkRecorder();
      createByteStreamLink(stream, INFO).setHandler(handler);
      stream.destroy(error);
      await handler.untilClosed();
      expect(handler.closes[0]).to.have.property("message", error?.message ?? "the stream was closed before its end");
    }
  });

  it("tells a handler that comes too late", async () => {
    const stream = new FakeStream();
    const link = createByteStreamLink(stream, INFO);
    stream.destroy(new Error("broken"));
    await turns();
    const handler = new LinkRecorder();
    link.setHandler(handler);
    expect(handler.closes.length, "within setHandler").to.equal(0);
    await handler.untilClosed();
    expect(handler.closes[0]).to.have.property("message", "broken");
  });

  it("tears the stream down in its own way", async () => {
    const stream = new FakeStream();
    let resets = 0;
    const link = createByteStreamLink(stream, INFO, {
      reset: () => {
        resets++;
        stream.destroy();
      },
    });
    const handler = new LinkRecorder();
    link.setHandler(handler);
    link.abort();
    await handler.untilClosed();
    expect(resets).to.equal(1);
    expect(handler.closes).to.deep.equal([undefined]);
  });

  it("leaves no listener on the stream", async () => {
    const stream = new FakeStream();
    const names = ["data", "end", "drain", "error", "close"];
    const before = names.map((name) => stream.listenerCount(name));
    const link = createByteStreamLink(stream, INFO);
    const handler = new LinkRecorder();
    link.setHandler(handler);
    link.close();
    stream.push(null);
    await handler.untilClosed();
    expect(names.map((name) => stream.listenerCount(name))).to.deep.equal(before);
  });

  it("reads nothing while it is paused but what was read already", async () => {
    const stream = new FakeStream();
    const handler = new LinkRecorder();
    const link = createByteStreamLink(stream, INFO);
    link.setHandler(handler);
    handler.whenFrame = () => false;
    stream.push(Buffer.from(bytesOf(CANCEL + CANCEL)));
    await handler.untilFrames(1);
    expect(stream.isPaused()).to.equal(true);
    expect(handler.partialBytes).to.deep.equal([9]);
    link.resume();
    await handler.untilFrames(2);
    expect(stream.isPaused()).to.equal(true);
    link.resume();
    await turns();
    expect(stream.isPaused()).to.equal(false);
  });

  it("passes a long frame on in the pieces that it came in to a handler that takes them, and joined to one that doesn't", async () => {
    const frame = new Uint8Array(3 + 20_000).fill(0x61);
    frame.set(bytesOf("004e20" + "00000001" + "2820")); // 20,000 bytes of PAYLOAD, N, stream 1
    for (const takesPieces of [true, false]) {
      const stream = new FakeStream();
      const handler = new LinkRecorder();
      const pieces: (readonly Uint8Array[])[] = [];
      if (takesPieces) Object.assign(handler, { onPieces: (cut: readonly Uint8Array[]) => pieces.push(cut) > 0 });
      createByteStreamLink(stream, INFO).setHandler(handler);
      stream.push(Buffer.from(frame.slice(0, 12_000)));
      stream.push(Buffer.from(frame.slice(12_000)));
      stream.push(Buffer.from(bytesOf(CANCEL)));
      await handler.untilFrames(takesPieces ? 1 : 2);
      expect(pieces.map((cut) => cut.map(({ length }) => length))).to.deep.equal(takesPieces ? [[11_997, 8_003]] : []);
      expect(pieces.flat().map((piece) => Object.getPrototypeOf(piece) === Uint8Array.prototype)).not.to.include(false);
      expect(handler.frames.map(({ length }) => length)).to.deep.equal(takesPieces ? [6] : [20_000, 6]);
      expect(handler.partialBytes.slice(0, 2)).to.deep.equal([12_000, 0]);
      stream.destroy();
      await handler.untilClosed();
    }
  });

  it("stops behind a long frame in pieces whose handler says so, and reads on when it is resumed", async () => {
    const frame = new Uint8Array(3 + 20_000).fill(0x61);
    frame.set(bytesOf("004e20" + "00000001" + "2820")); // as above
    const stream = new FakeStream();
    const handler = new LinkRecorder();
    Object.assign(handler, { onPieces: () => false });
    const link = createByteStreamLink(stream, INFO);
    link.setHandler(handler);
    stream.push(Buffer.from(frame.slice(0, 12_000)));
    stream.push(Buffer.concat([frame.slice(12_000), bytesOf(CANCEL)]));
    await turns(3);
    expect(stream.isPaused()).to.equal(true);
    expect(handler.frames).to.deep.equal([]);
    link.resume();
    await handler.untilFrames(1);
    expect(handler.frames.map(hexOf)).to.deep.equal([CANCEL.slice(6)]);
    stream.destroy();
    await handler.untilClosed();
  });
});
