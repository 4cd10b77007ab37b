// SPDX-License-Identifier: Apache-2.0
// A TCP link against a raw socket: cuts, lies, garbage, and ends of every kind (FRM-01, FRM-03, FRM-07).

import { getEventListeners } from "node:events";
import { connect } from "node:net";
import { expect } from "chai";
import type { FrameLink, Listener } from "../../runtime/src/engine/link.js";
import { connectRSocket } from "../../runtime/src/rsocket/connect.js";
import { listenTcp, tcpDialer } from "../../runtime/src/transports/tcp.js";
import { bytesOf, hex, hexOf } from "../support/frames-dsl.js";
import { LinkRecorder, turns } from "./link-contract-recorder.js";
import { RawSocket, rawSocket } from "./link-contract-sockets.js";

const CANCEL = hex`
  000006     // 6 bytes follow
  00000001   // stream 1
  2400       // CANCEL
`;
const PAYLOAD = hex`
  00000b     // 11 bytes follow
  00000003   // stream 3
  2820       // PAYLOAD, N
  68656c6c6f // "hello"
`;
const CLOSE_WITHIN_MS = 1_500;

describe("a TCP link and a raw socket", () => {
  let listener: Listener;
  let accepted: (link: FrameLink) => void;
  let link: FrameLink;
  let handler: LinkRecorder;
  let peer: RawSocket;

  before(async () => {
    listener = await listenTcp({ host: "127.0.0.1", port: 0 }, (opened) => accepted(opened));
  });

  beforeEach(async () => {
    ({ link, handler, peer } = await open());
  });

  afterEach(async () => {
    link.abort();
    peer.socket.destroy();
    await Promise.all([handler.untilClosed(), peer.until(() => peer.isClosed)]);
    expect(handler.violations).to.deep.equal([]);
    expect(handler.closes.length).to.equal(1);
  });

  after(() => listener.close());

  async function open(): Promise<{ link: FrameLink; handler: LinkRecorder; peer: RawSocket }> {
    const opening = new Promise<FrameLink>((resolve) => {
      accepted = resolve;
    });
    const raw = await rawSocket(Number(new URL(listener.url).port));
    const opened = await opening;
    const recorder = new LinkRecorder();
    opened.setHandler(recorder);
    return { link: opened, handler: recorder, peer: raw };
  }

  it("FRM-01, FRM-03: cuts the same frames wherever the bytes are cut, and says how much of a frame is there", async () => {
    const bytes = bytesOf(PAYLOAD + CANCEL);
    for (let cut = 1; cut < bytes.length; cut++) {
      const pair = await open();
      await pair.peer.write(bytes.subarray(0, cut));
      await pair.handler.until(() => pair.handler.partialBytes.length === 1);
      expect(pair.handler.partialBytes, `cut at ${cut}`).to.deep.equal([cut < 14 ? cut : cut - 14]);
      await pair.peer.write(bytes.subarray(cut));
      await pair.handler.untilFrames(2);
      expect(pair.handler.frames.map(hexOf), `cut at ${cut}`).to.deep.equal([PAYLOAD.slice(6), CANCEL.slice(6)]);
      expect(pair.handler.partialBytes.at(-1)).to.equal(0);
      pair.link.abort();
      pair.peer.socket.destroy();
    }
  });

  it("FRM-03: cuts frames that come byte by byte", async () => {
    for (const byte of bytesOf(PAYLOAD + CANCEL + PAYLOAD)) await peer.write(Uint8Array.of(byte));
    await handler.untilFrames(3);
    expect(handler.frames.map(hexOf)).to.deep.equal([PAYLOAD, CANCEL, PAYLOAD].map((frame) => frame.slice(6)));
  });

  for (let length = 0; length < 6; length++) {
    it(`FRM-07: refuses a frame of ${length} bytes, and all that follows`, async () => {
      await peer.write(
        bytesOf(hex`
        ${CANCEL}
        00000${length} // ${length} bytes follow
        ${CANCEL}
      `),
      );
      await handler.until(() => handler.malformed.length > 0);
      await peer.write(bytesOf(CANCEL));
      await turns();
      expect(handler.frames.length).to.equal(1);
      expect(handler.malformed).to.deep.equal([`frame length ${length}, expected 6 … 4194304 (RSocket 1.0 §Framing)`]);
    });
  }

  it("refuses a length above the limit from its three bytes", async () => {
    await peer.write(
      bytesOf(hex`
      ffffff   // 16,777,215 bytes follow
    `),
    );
    await handler.until(() => handler.malformed.length > 0);
    expect(handler.partialBytes.at(-1)).to.equal(0);
  });

  it("allocates for what came, not for what was announced", async () => {
    const before = process.memoryUsage().arrayBuffers;
    const pairs = [];
    for (let i = 0; i < 100; i++) {
      const pair = await open();
      await pair.peer.write(
        bytesOf(hex`
        3fffff                 // 4,194,303 bytes follow
        00000001 2820 68656c6c // a few of them
      `),
      );
      await pair.handler.until(() => pair.handler.partialBytes.length > 0);
      pairs.push(pair);
    }
    // 400 MiB were announced. The reads of a hundred sockets may not have been collected yet.
    expect(process.memoryUsage().arrayBuffers - before).to.be.below(16_777_216);
    for (const pair of pairs) {
      pair.link.abort();
      pair.peer.socket.destroy();
    }
  });

  it("FRM-07: survives garbage", async () => {
    const seed = Number(process.env["SEED"] ?? 20_260_101);
    const random = createRandom(seed);
    for (let round = 0; round < 50; round++) {
      const pair = await open();
      await pair.peer.write(Uint8Array.from({ length: 1 + (random() % 3_000) }, () => random() & 0xff));
      pair.peer.socket.end();
      await pair.handler.untilClosed();
      const seen = pair.handler.malformed.length > 0 || pair.handler.closes[0] !== undefined;
      expect(seen, `round ${round} of seed ${seed}`).to.equal(true);
      expect(pair.handler.violations).to.deep.equal([]);
      pair.peer.socket.destroy();
    }
  });

  it("passes on what came before the end of the stream, ends its own half, then is closed", async () => {
    peer.socket.end(bytesOf(PAYLOAD));
    await Promise.all([handler.untilClosed(), peer.until(() => peer.hasEnded)]);
    expect(handler.frames.length).to.equal(1);
    expect(handler.closes).to.deep.equal([undefined]);
  });

  it("lets a handler that answers at once answer what came before the end", async () => {
    handler.whenFrame = () => {
      process.nextTick(() => link.send({ chunks: [bytesOf(CANCEL)], byteLength: 9 }));
      return true;
    };
    peer.socket.end(bytesOf(PAYLOAD));
    await peer.until(() => peer.hasEnded);
    expect(peer.received.toString("hex")).to.equal(CANCEL);
  });

  it("passes on what came before the end to a handler that is paused, for it is the last", async () => {
    handler.whenFrame = () => false;
    peer.socket.end(bytesOf(PAYLOAD + CANCEL + PAYLOAD));
    await handler.untilClosed();
    expect(handler.frames.length).to.equal(3);
    expect(handler.closes).to.deep.equal([undefined]);
  });

  it("tells an end within a frame", async () => {
    peer.socket.end(bytesOf(PAYLOAD).subarray(0, 7));
    await handler.untilClosed();
    expect(handler.closes[0]).to.have.property("message", "the stream ended 7 bytes into a frame");
  });

  it("tells a reset", async () => {
    await peer.write(bytesOf(PAYLOAD).subarray(0, 7));
    await handler.until(() => handler.partialBytes.length > 0);
    peer.socket.resetAndDestroy();
    await handler.untilClosed();
    expect(handler.closes[0]).to.have.property("code", "ECONNRESET");
  });

  it("tells a reset that came before the handler", async () => {
    const opening = new Promise<FrameLink>((resolve) => {
      accepted = resolve;
    });
    const raw = await rawSocket(Number(new URL(listener.url).port));
    const opened = await opening;
    opened.send({ chunks: [bytesOf(CANCEL)], byteLength: 9 });
    raw.socket.resetAndDestroy();
    await turns();
    const recorder = new LinkRecorder();
    opened.setHandler(recorder);
    await recorder.untilClosed();
    expect(recorder.closes[0]).to.be.an.instanceOf(Error);
  });

  it("is gone a second after close() when the other end neither reads nor ends", async () => {
    peer.socket.pause();
    while (link.send({ chunks: [new Uint8Array(1_048_576)], byteLength: 1_048_576 }));
    const startMs = performance.now();
    link.close();
    await handler.untilClosed();
    expect(performance.now() - startMs).to.be.within(900, CLOSE_WITHIN_MS);
  });

  it("is gone a second after close() when the other end reads and doesn't end", async () => {
    link.close();
    await peer.until(() => peer.hasEnded);
    await handler.untilClosed();
    expect(handler.closes).to.deep.equal([undefined]);
  });

  it("is gone a second after the end of a peer that doesn't read", async () => {
    peer.socket.pause();
    while (link.send({ chunks: [new Uint8Array(1_048_576)], byteLength: 1_048_576 }));
    const startMs = performance.now();
    peer.socket.end();
    await handler.untilClosed();
    expect(performance.now() - startMs).to.be.below(CLOSE_WITHIN_MS);
  });

  it("drops what comes after close(), so that the end behind it is seen", async () => {
    link.close();
    await peer.until(() => peer.hasEnded);
    peer.socket.end(new Uint8Array(1_048_576));
    const startMs = performance.now();
    await handler.untilClosed();
    expect(performance.now() - startMs).to.be.below(900);
    expect(handler.frames.length).to.equal(0);
  });

  it("puts a batch into one write, whatever its chunks", async () => {
    link.send({
      chunks: [bytesOf(CANCEL), bytesOf(PAYLOAD).subarray(0, 9), bytesOf(PAYLOAD).subarray(9)],
      byteLength: 23,
    });
    await peer.until(() => peer.received.length === 23);
    expect(peer.received.toString("hex")).to.equal(CANCEL + PAYLOAD);
  });

  it("knows both addresses", () => {
    const { localPort, remotePort } = peer.socket;
    expect(link.info).to.deep.equal({
      transport: "tcp",
      remoteAddress: `127.0.0.1:${localPort}`,
      localAddress: `127.0.0.1:${remotePort}`,
      isSecure: false,
    });
  });
});

describe("TCP: dial and listen", () => {
  it("says which address refused, with the system's error as cause", async () => {
    const listener = await listenTcp({ host: "127.0.0.1", port: 0 }, () => {});
    const port = Number(new URL(listener.url).port);
    await listener.close();
    const error = await rejectionOf(tcpDialer({ host: "127.0.0.1", port }).dial(new AbortController().signal));
    expect(error.message).to.equal(`can't connect to 127.0.0.1:${port}: connect ECONNREFUSED 127.0.0.1:${port}`);
    expect(error.cause).to.have.property("code", "ECONNREFUSED");
  });

  it("gives up with the reason of the signal, before and while it dials", async () => {
    const reason = new Error("no time");
    expect(await rejectionOf(tcpDialer({ host: "127.0.0.1", port: 9 }).dial(AbortSignal.abort(reason)))).to.equal(
      reason,
    );
    const controller = new AbortController();
    const listener = await listenTcp({ host: "127.0.0.1", port: 0 }, (link) => link.abort());
    const port = Number(new URL(listener.url).port);
    const dialing = tcpDialer({ host: "127.0.0.1", port }).dial(controller.signal);
    controller.abort(reason);
    expect(await rejectionOf(dialing)).to.equal(reason);
    await listener.close();
  });

  it("leaves no listener on the signal", async () => {
    const { signal } = new AbortController();
    const listener = await listenTcp({ host: "127.0.0.1", port: 0 }, (link) => link.close());
    const port = Number(new URL(listener.url).port);
    (await tcpDialer({ host: "127.0.0.1", port }).dial(signal)).abort();
    await listener.close();
    await rejectionOf(tcpDialer({ host: "127.0.0.1", port }).dial(signal));
    expect(getEventListeners(signal, "abort").length).to.equal(0);
  });

  it("is given up with the attempt to connect; who dials in its place gets a whole signal", async () => {
    const accepted: FrameLink[] = [];
    const listener = await listenTcp({ host: "127.0.0.1", port: 0 }, (link) => accepted.push(link));
    const dialer = tcpDialer({ host: "127.0.0.1", port: Number(new URL(listener.url).port) });
    const reason = new Error("no time");
    const signals: AbortSignal[] = [];
    const watched = (signal: AbortSignal): Promise<FrameLink> => {
      signals.push(signal);
      return dialer.dial(signal);
    };
    for (const dialing of [dialer, { ...dialer, dial: watched }, { dial: watched }]) {
      const controller = new AbortController();
      const connecting = rejectionOf(connectRSocket({ dialer: dialing, signal: controller.signal }));
      await turns(1);
      controller.abort(reason);
      expect(await connecting).to.have.property("cause", reason);
    }
    expect(signals.length).to.equal(2);
    for (const signal of signals) expect(signal).to.be.instanceOf(AbortSignal).with.property("reason", reason);
    for (const link of accepted) {
      const handler = new LinkRecorder();
      link.setHandler(handler);
      await handler.untilClosed();
    }
    await listener.close();
  });

  it("says which address can't be had", async () => {
    const listener = await listenTcp({ host: "127.0.0.1", port: 0 }, () => {});
    const port = Number(new URL(listener.url).port);
    const error = await rejectionOf(listenTcp({ host: "127.0.0.1", port }, () => {}));
    expect(error.message).to.match(new RegExp(`^can't listen at 127\\.0\\.0\\.1:${port}: .*EADDRINUSE`));
    await listener.close();
  });

  it("has the port free when close() resolves, while links live on", async () => {
    const accepted: FrameLink[] = [];
    const listener = await listenTcp({ host: "127.0.0.1", port: 0 }, (link) => accepted.push(link));
    const port = Number(new URL(listener.url).port);
    const client = await tcpDialer({ host: "127.0.0.1", port }).dial(new AbortController().signal);
    const [atClient, atServer] = [new LinkRecorder(), new LinkRecorder()];
    client.setHandler(atClient);
    await atClient.until(() => accepted.length > 0 || atClient.closes.length > 0).catch(() => {});
    await turns();
    await listener.close();
    await listener.close();
    const again = await listenTcp({ host: "127.0.0.1", port }, () => {});
    accepted[0]?.setHandler(atServer);
    client.send({ chunks: [bytesOf(CANCEL)], byteLength: 9 });
    await atServer.untilFrames(1);
    client.close();
    await Promise.all([atClient.untilClosed(), atServer.untilClosed(), again.close()]);
  });

  it("writes IPv6 addresses in brackets", async function () {
    const listener = await listenTcp({ host: "::1", port: 0 }, (link) => link.close()).catch(() => undefined);
    if (listener === undefined) return this.skip();
    expect(listener.url).to.match(/^tcp:\/\/\[::1\]:\d+$/);
    const link = await tcpDialer({ host: "::1", port: Number(new URL(listener.url).port) }).dial(
      new AbortController().signal,
    );
    expect(link.info.remoteAddress).to.match(/^\[::1\]:\d+$/);
    link.abort();
    await listener.close();
  });

  it("tells of an owner that throws, and aborts that link alone", async () => {
    const errors: unknown[] = [];
    const bug = new Error("a bug of the owner");
    const listener = await listenTcp(
      { host: "127.0.0.1", port: 0 },
      () => {
        throw bug;
      },
      (error) => errors.push(error),
    );
    // The reset may come before this end has noticed that it is connected.
    const peer = new RawSocket(connect(Number(new URL(listener.url).port), "127.0.0.1"));
    await peer.untilOver();
    expect(errors).to.deep.equal([bug]);
    peer.socket.destroy();
    await listener.close();
  });
});

async function rejectionOf(promise: Promise<unknown>): Promise<Error> {
  const error = await promise.then(
    () => expect.fail("resolved"),
    (reason: unknown) => reason,
  );
  return error as Error;
}

// xorshift32: the same bytes for the same seed everywhere.
function createRandom(seed: number): () => number {
  let state = seed | 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}
