// SPDX-License-Identifier: Apache-2.0
// A link over a port whose other end is the test: what is posted, and what becomes of messages that no link would send.

import { expect } from "chai";
import type { FrameBatch, FrameLink } from "../../../runtime/src/engine/link.js";
import { openPortLink, type PortLike } from "../../../runtime/src/transports/message-port.js";
import { LinkRecorder, turns } from "../../contracts/link-contract-recorder.js";
import { bytesOf, hex, hexOf } from "../../support/frames-dsl.js";

const CANCEL = hex`
  000006     // 6 bytes follow
  00000001   // stream 1
  2400       // CANCEL
`;
const WINDOW_BYTES = 524_288;
const OPEN = { rsocket: "open", windowBytes: WINDOW_BYTES, isAnswer: false };
const ANSWER = { ...OPEN, isAnswer: true };
const CLOSE = { rsocket: "close" };
const ABORT = { rsocket: "abort" };

/** A port as Node's Worker is one: it can't be closed. */
class FakePort {
  readonly sent: unknown[] = [];
  readonly listeners = new Map<string, (value: unknown) => void>();

  on(event: string, listener: (value: unknown) => void): void {
    this.listeners.set(event, listener);
  }

  off(event: string): void {
    this.listeners.delete(event);
  }

  postMessage(message: unknown, transfer: readonly ArrayBuffer[]): void {
    // As the platform does: what is transferred is gone here.
    const clone = structuredClone(message, { transfer: [...transfer] });
    this.sent.push(clone instanceof ArrayBuffer ? hexOf(new Uint8Array(clone)) : clone);
  }

  emit(event: string, value?: unknown): void {
    this.listeners.get(event)?.(value);
  }

  receive(...messages: unknown[]): void {
    for (const message of messages) this.emit("message", message);
  }
}

/** Tasks run when the test says so. */
class Tasks {
  #tasks: (() => void)[] = [];
  readonly yield = (task: () => void): void => void this.#tasks.push(task);

  run(): void {
    for (const task of this.#tasks.splice(0)) task();
  }
}

function batchOf(digits: string): FrameBatch {
  const bytes = bytesOf(digits);
  return { chunks: [bytes], byteLength: bytes.length };
}

function framesOf(digits: string): ArrayBuffer {
  return Uint8Array.from(bytesOf(digits)).buffer;
}

// One frame with prefix, `byteLength` bytes together.
function frameOf(byteLength: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(byteLength);
  const rest = byteLength - 3;
  bytes.set([rest >>> 16, rest >>> 8, rest, 0, 0, 0, 1, 0x24, 0]);
  return bytes;
}

/** The other end holds a lock. */
const HELD = { rsocket: "held", name: "rsocket-rpc-port 000102030405060708090a0b0c0d0e0f" };

describe("a link over a port", () => {
  let port: FakePort;
  let tasks: Tasks;
  let handler: LinkRecorder;
  let link: FrameLink | undefined;
  let failures: string[];
  let giveUp: () => void;

  beforeEach(() => {
    port = new FakePort();
    tasks = new Tasks();
    handler = new LinkRecorder();
    link = undefined;
    failures = [];
    giveUp = openPortLink(port as PortLike, tasks, {
      onOpen: (opened) => {
        link = opened;
      },
      onFailed: ({ message }) => failures.push(message),
    });
  });

  afterEach(() => {
    giveUp();
    tasks.run();
    expect(handler.violations).to.deep.equal([]);
    expect([...port.listeners.keys()], "listeners left").to.deep.equal([]);
  });

  function open(): FrameLink {
    port.receive(OPEN);
    if (link === undefined) throw new Error("it didn't open");
    link.setHandler(handler);
    port.sent.length = 0;
    return link;
  }

  describe("opening", () => {
    it("says open, answers the other end's, and is open with either of both", () => {
      expect(port.sent).to.deep.equal([OPEN]);
      port.receive(OPEN);
      expect(port.sent).to.deep.equal([OPEN, ANSWER]);
      expect(link?.info).to.deep.equal({
        transport: "message-port",
        remoteAddress: "",
        localAddress: "",
        isSecure: true,
      });
      const first = link;
      port.receive(ANSWER);
      expect(link).to.equal(first);
    });

    it("opens by the answer alone, when the other end's open was lost", () => {
      port.receive(ANSWER);
      expect(link).to.not.equal(undefined);
      expect(port.sent).to.deep.equal([OPEN]);
    });

    for (const [what, message] of [
      ["closes", CLOSE],
      ["aborts", ABORT],
      ["sends frames first", framesOf(CANCEL)],
      ["sends something else", "hello"],
      ["would have everything posted, read or not", { ...OPEN, windowBytes: 33_554_433 }],
    ] as const) {
      it(`fails when the other end ${what}`, () => {
        port.receive(message);
        expect(failures).to.have.length(1);
        expect(link).to.equal(undefined);
      });
    }

    it("fails when the worker is gone", () => {
      port.emit("exit", 1);
      expect(failures).to.deep.equal(["the worker exited with code 1"]);
    });

    it("takes a window of up to 32 MiB", () => {
      port.receive({ ...OPEN, windowBytes: 33_554_432 });
      expect([failures, link?.info.transport]).to.deep.equal([[], "message-port"]);
    });

    it("can be given up", () => {
      giveUp();
      tasks.run();
      expect(port.sent).to.deep.equal([OPEN, ABORT]);
      expect(failures).to.deep.equal(["the port was closed"]);
    });

    for (const what of [{}, "port", { postMessage() {} }]) {
      it(`throws for ${JSON.stringify(what)}, which is no port`, () => {
        const opening = { onOpen: () => {}, onFailed: () => {} };
        expect(() => openPortLink(what as unknown as PortLike, tasks, opening)).to.throw(TypeError, /is no port/);
      });
    }

    it("throws for a window", () => {
      const window: Record<string, unknown> = { postMessage() {}, addEventListener() {} };
      window["window"] = window;
      const opening = { onOpen: () => {}, onFailed: () => {} };
      expect(() => openPortLink(window as unknown as PortLike, tasks, opening)).to.throw(TypeError, /portToFrame/);
    });
  });

  describe("credit", () => {
    it("posts a batch as one buffer of its own and leaves the slab alone", () => {
      const batch = batchOf(CANCEL + CANCEL);
      expect(open().send(batch)).to.equal(true);
      expect(port.sent).to.deep.equal([CANCEL + CANCEL]);
      expect(batch.chunks[0]?.length).to.equal(18);
    });

    it("posts nothing while the other end's window is used up, goes on with its acknowledgement, and tells", () => {
      port.receive({ ...OPEN, windowBytes: 18 });
      port.sent.length = 0;
      link?.setHandler(handler);
      expect(link?.send(batchOf(CANCEL))).to.equal(true);
      expect(link?.send(batchOf(CANCEL))).to.equal(false);
      expect(link?.send(batchOf(CANCEL))).to.equal(false);
      expect(port.sent).to.deep.equal([CANCEL, CANCEL]);
      expect(link?.unsentBytes).to.equal(27);
      port.receive({ rsocket: "ack", byteLength: 9 });
      expect(port.sent).to.deep.equal([CANCEL, CANCEL, CANCEL]);
      expect(handler.drains).to.equal(0);
      port.receive({ rsocket: "ack", byteLength: 18 });
      expect(handler.drains).to.equal(1);
      expect(link?.unsentBytes).to.equal(0);
    });

    it("acknowledges what the handler took, an eighth of the window at a time and after a turn", () => {
      open();
      port.receive(frameOf(65_535).buffer);
      tasks.run();
      expect(port.sent).to.deep.equal([]);
      port.receive(framesOf(CANCEL), framesOf(CANCEL));
      expect(port.sent).to.deep.equal([]);
      tasks.run();
      expect(port.sent).to.deep.equal([{ rsocket: "ack", byteLength: 65_553 }]);
    });

    it("acknowledges nothing that a paused handler has still to take", () => {
      open().pause();
      port.receive(frameOf(300_000).buffer);
      tasks.run();
      expect(port.sent).to.deep.equal([]);
      link?.resume();
      tasks.run();
      expect(handler.frames.length).to.equal(1);
      tasks.run();
      expect(port.sent).to.deep.equal([{ rsocket: "ack", byteLength: 300_000 }]);
    });

    it("takes one message more than the window, and refuses the next of a peer that ignores the credit", () => {
      open().pause();
      port.receive(frameOf(WINDOW_BYTES - 9).buffer, frameOf(4_000_000).buffer);
      expect(handler.malformed).to.deep.equal([]);
      port.receive(framesOf(CANCEL), framesOf(CANCEL));
      expect(handler.malformed).to.deep.equal(["9 bytes beyond the 524288 that may be on their way"]);
      link?.resume();
      tasks.run();
      expect(handler.frames.length).to.equal(0);
    });
  });

  describe("what isn't of a link", () => {
    const shared = new SharedArrayBuffer(9);
    const cases: readonly (readonly [what: string, message: unknown, complaint: RegExp])[] = [
      ["a text", "hello", /none of this link/],
      ["nothing", undefined, /none of this link/],
      ["null", null, /none of this link/],
      ["an object of the user", { type: "progress" }, /none of this link/],
      ["bytes that aren't a buffer", bytesOf(CANCEL), /none of this link/],
      ["shared memory", shared, /none of this link/],
      ["an unknown word", { rsocket: "reset" }, /none of this link/],
      ["an open without a window", { rsocket: "open", isAnswer: false }, /none of this link/],
      ["an acknowledgement of nothing", { rsocket: "ack", byteLength: 0 }, /none of this link/],
      ["an acknowledgement of half a byte", { rsocket: "ack", byteLength: 0.5 }, /none of this link/],
      ["an acknowledgement of NaN", { rsocket: "ack", byteLength: Number.NaN }, /none of this link/],
      ["an acknowledgement of text", { rsocket: "ack", byteLength: "9" }, /none of this link/],
      ["an acknowledgement of what wasn't sent", { rsocket: "ack", byteLength: 1 }, /of 1 bytes, 0 were posted/],
      ["a second open", OPEN, /second open/],
      ["a lock of no name", { rsocket: "held" }, /none of this link/],
      ["a lock that may be the program's", { rsocket: "held", name: "save" }, /none of this link/],
      ["an empty buffer", new ArrayBuffer(0), /message of 0 bytes/],
      ["a buffer above any batch", new ArrayBuffer(33_554_433), /message of 33554433 bytes/],
      ["two bytes", framesOf("0000"), /ends 2 bytes into a frame/],
      ["a cut frame", framesOf(CANCEL.slice(0, -2)), /ends 8 bytes into a frame/],
      ["a frame that is too short", framesOf("0000050000000124"), /frame length 5, expected 6 … 4194304/],
      ["a frame that is too long", frameOf(4_194_308).buffer, /frame length 4194305, expected 6 … 4194304/],
    ];
    for (const [what, message, complaint] of cases) {
      it(`is told once, and what follows is dropped: ${what}`, () => {
        open();
        port.receive(framesOf(CANCEL));
        port.receive(message, framesOf(CANCEL), "hello");
        expect(handler.malformed).to.have.length(1);
        expect(handler.malformed[0]).to.match(complaint);
        expect(handler.frames.length).to.equal(1);
        expect(handler.closes.length).to.equal(0);
      });
    }

    it("is told once: a second lock, and the first is nothing to a platform without locks", () => {
      open();
      port.receive(HELD, framesOf(CANCEL));
      expect([handler.malformed, handler.frames.length]).to.deep.equal([[], 1]);
      port.receive(HELD);
      expect(handler.malformed).to.deep.equal(["second lock"]);
    });

    it("is told: a message that can't be cloned", () => {
      open();
      port.emit("messageerror", new Error("no class of that name"));
      expect(handler.malformed).to.deep.equal(["message that couldn't be cloned"]);
    });

    it("ends a link that has no handler yet", () => {
      port.receive(OPEN, "hello");
      link?.setHandler(handler);
      tasks.run();
      expect(handler.closes[0]?.message).to.match(/none of this link/);
      expect(port.sent.at(-1)).to.deep.equal(ABORT);
    });
  });

  describe("the end", () => {
    it("answers close, behind the frames that a paused handler hasn't taken", () => {
      open().pause();
      port.receive(framesOf(CANCEL), CLOSE);
      expect(handler.frames.length).to.equal(1);
      expect(handler.closes).to.deep.equal([undefined]);
      expect(port.sent).to.deep.equal([CLOSE]);
    });

    it("says close once, and is closed by the answer", () => {
      open().close();
      link?.close();
      expect(port.sent).to.deep.equal([CLOSE]);
      expect(handler.closes).to.deep.equal([]);
      port.receive(CLOSE);
      expect(handler.closes).to.deep.equal([undefined]);
      expect(port.sent).to.deep.equal([CLOSE]);
    });

    it("says close behind what waits for credit, and abort when the other end doesn't read it within a second", async () => {
      port.receive({ ...OPEN, windowBytes: 9 });
      link?.setHandler(handler);
      port.sent.length = 0;
      link?.send(batchOf(CANCEL));
      link?.send(batchOf(CANCEL));
      link?.close();
      expect(port.sent).to.deep.equal([CANCEL]);
      await handler.untilClosed();
      expect(port.sent).to.deep.equal([CANCEL, ABORT]);
    });

    it("says close when that was read in time", () => {
      port.receive({ ...OPEN, windowBytes: 9 });
      link?.setHandler(handler);
      port.sent.length = 0;
      link?.send(batchOf(CANCEL));
      link?.send(batchOf(CANCEL));
      link?.close();
      port.receive({ rsocket: "ack", byteLength: 9 }, { rsocket: "ack", byteLength: 9 });
      expect(port.sent).to.deep.equal([CANCEL, CANCEL, CLOSE]);
      port.receive(CLOSE);
      expect(handler.closes).to.deep.equal([undefined]);
    });

    it("tells an abort", () => {
      open();
      port.receive(ABORT);
      expect(handler.closes.map(String)).to.deep.equal(["Error: the other end aborted"]);
    });

    it("tells a port that closes without a word", () => {
      open();
      port.emit("close");
      expect(handler.closes.map(String)).to.deep.equal(["Error: the port is closed: the other end is gone"]);
    });

    it("tells a worker that exits", () => {
      open();
      port.emit("exit", 7);
      expect(handler.closes.map(String)).to.deep.equal(["Error: the worker exited with code 7"]);
    });

    it("ends when posting throws", async () => {
      open();
      port.postMessage = () => {
        throw new Error("the port was given away");
      };
      link?.send(batchOf(CANCEL));
      await turns(1);
      tasks.run();
      expect(handler.closes.map(String)).to.deep.equal(["Error: the port was given away"]);
    });
  });
});
