// SPDX-License-Identifier: Apache-2.0
// Nobody waits for ever behind somebody else: streams behind streams, an end behind its own requests, a slow reader
// behind its slowness. And what was said before the farewell is heard before it.

import { expect } from "chai";
import { createBatch } from "../../runtime/src/bytes/slab.js";
import { bytesOf, cutFrames, hex, hexOf, repeat, type SeenFrame, seeFrame, uint } from "../support/frames-dsl.js";
import { expectNoTrace } from "../support/no-trace.js";
import { openClient, openServer, type Probe } from "../support/probe.js";

/** Asked for without bound. */
const WATCH_1 = hex`
  00000001  // stream 1
  1800      // REQUEST_STREAM
  7fffffff  // n: without bound
`;

/** A request for one answer. */
function get(streamId: number): string {
  return hex`${uint(streamId, 4)} 1000`;
}

/** One write, as to a link that takes no more for now. */
function takeOne(probe: Probe): SeenFrame[] {
  probe.connection.handleFlush(probe.nowMs);
  const batch = createBatch();
  probe.connection.pollTransmit(batch);
  const frames = cutFrames(new Uint8Array(Buffer.concat(batch.chunks))).map(seeFrame);
  probe.connection.afterTransmit();
  return frames;
}

// As a driver does whose link takes nothing more.
function block(side: Probe): void {
  side.isBlocked = true;
  side.connection.linkBlocked(side.nowMs);
}

describe("nobody starves on a connection", () => {
  afterEach(expectNoTrace);

  it("a fragmented answer isn't kept back by a stream that always has something to send", () => {
    const server = openServer();
    server.receive(WATCH_1, get(3));
    const [hot, big] = server.calls;
    if (hot === undefined || big === undefined) throw new Error("no calls");
    // As a producer that gets many turns while the link takes one write.
    const fill = (): void => {
      while (hot.stream.mayProduce) hot.stream.next(new Uint8Array(1_000));
    };
    fill();
    big.stream.next(new Uint8Array(200_000));
    let isWhole = false;
    let writes = 0;
    while (!isWhole && writes < 100) {
      writes++;
      for (const frame of takeOne(server)) if (frame.streamId === 3 && !frame.follows) isWhole = true;
      fill();
    }
    expect(isWhole, "the answer is whole").to.equal(true);
    // 1 MiB of short frames was there before it; half of each write of 256 KiB is for fragments.
    expect(writes).to.be.at.most(10);
  });

  it("streams that fill the queue by themselves take turns, and so do they with calls that wait", () => {
    const server = openServer({ settings: { limits: { producerPauseBytes: 10_000 } } });
    for (const id of [1, 3, 5, 7]) server.receive(hex`${uint(id, 4)} 1800 7fffffff`);
    let isOver = false;
    const made = [0, 0, 0, 0];
    const produce = server.calls.map(({ stream, sink }, i) => {
      const fill = (): void => {
        while (stream.mayProduce && !isOver) {
          stream.next(new Uint8Array(4_000));
          made[i] = (made[i] ?? 0) + 1;
        }
      };
      sink.onEntry = (entry) => {
        if (entry === "writable") fill();
      };
      return fill;
    });
    for (const fill of produce) fill();
    for (let i = 0; i < 100; i++) takeOne(server);
    for (const count of made) expect(count, made.join()).to.be.at.least(50);

    // Calls that always wait leave them their part.
    let admitted = 0;
    const wait = (): void => {
      if (isOver) return;
      server.connection.queueCall({
        admit: () => {
          admitted++;
          server.open("fire_and_forget", { data: "61".repeat(4_000) });
          wait();
        },
        fail: () => {},
      });
    };
    for (let i = 0; i < 20; i++) wait();
    made.fill(0);
    for (let i = 0; i < 100; i++) takeOne(server);
    isOver = true;
    expect(admitted).to.be.at.least(30);
    for (const count of made) expect(count, made.join()).to.be.at.least(10);
  });

  it("nor do fragments keep back a short answer", () => {
    const server = openServer();
    server.receive(get(1), get(3));
    const [big, short] = server.calls;
    big?.stream.next(new Uint8Array(4_000_000));
    takeOne(server);
    short?.stream.next(bytesOf("61"));
    expect(takeOne(server).map(({ streamId }) => streamId)).to.include(3);
  });

  it("fragments of a stream stay behind its own short items", () => {
    const server = openServer({ settings: { fragmentBytes: 64 } });
    server.receive(WATCH_1, hex`00000003 1800 7fffffff`);
    const [first, second] = server.calls;
    // More short frames than one write takes.
    for (let i = 0; i < 10_000; i++) first?.stream.next(bytesOf(repeat("61", 40)));
    first?.stream.next(new Uint8Array(100));
    second?.stream.next(new Uint8Array(100));
    const frames: SeenFrame[] = [];
    for (let i = 0; i < 5; i++) frames.push(...takeOne(server));
    const ofFirst = frames.filter(({ streamId }) => streamId === 1);
    expect(ofFirst).to.have.length(10_002);
    expect(ofFirst.slice(-3).map(({ follows, data }) => [follows, data.length])).to.deep.equal([
      [false, 40],
      [true, 64 - 3 - 6],
      [false, 100 - 55],
    ]);
    const overtakes = frames.findIndex(({ streamId }) => streamId === 3) < frames.indexOf(ofFirst.at(-1) as SeenFrame);
    expect(overtakes, "the other stream's fragments don't wait for it").to.equal(true);
  });

  it("an end with much of its own to say goes on reading: what it asked for can't stop it", () => {
    const client = openClient({ settings: { limits: { readPauseBytes: 1_000 } } });
    block(client);
    client.open("request_channel", { data: repeat("61", 100_000), n: 9 });
    expect(client.connection.outbound.byteLength).to.be.at.least(100_000);
    expect(client.connection.wantsRead).to.equal(true);
    client.isBlocked = false;
  });
});

describe("answers that wait to be read", () => {
  afterEach(expectNoTrace);

  it("stop this side's reading while the link moves; when nothing does, the peer may be waiting, too: it reads on", () => {
    const server = openServer({ settings: { limits: { readPauseBytes: 1_000 } } });
    server.receive(get(1));
    block(server);
    server.call.stream.next(new Uint8Array(2_000));
    for (let i = 0; i < 20; i++) {
      server.advance(99);
      expect(server.connection.wantsRead).to.equal(false);
      server.connection.linkMoved(server.nowMs);
    }
    server.advance(99);
    expect(server.connection.wantsRead).to.equal(false);
    server.advance(1);
    expect(server.connection.wantsRead).to.equal(true);
    server.connection.linkMoved(server.nowMs);
    expect(server.connection.wantsRead).to.equal(false);
    server.connection.linkDrained();
    server.isBlocked = false;
  });

  it("though nobody reads them are no reason to wait for more than the limit", () => {
    const server = openServer({ settings: { limits: { readPauseBytes: 1_000, maxPeerCausedBytes: 10_000 } } });
    block(server);
    for (let i = 0; server.connection.state === "open"; i++) {
      if (server.connection.wantsRead) server.receive(get(2 * i + 1));
      if (server.connection.wantsRead) server.calls.at(-1)?.stream.next(new Uint8Array(2_000));
      server.advance(100);
    }
    // 2 KB pause it for 100 ms; from then on it reads a request each 100 ms, until they are too much.
    expect(server.calls).to.have.length.within(6, 12);
    expect(server.connection.closeReason?.message).to.contain("bytes of answers wait to be read");
  });

  it("a burst of them is no offence to a peer that reads", () => {
    const server = openServer({ settings: { limits: { maxPeerCausedBytes: 1_000_000 } } });
    for (let i = 0; i < 7; i++) server.receive(get(2 * i + 1));
    for (const { stream } of server.calls) stream.next(new Uint8Array(1_000_000));
    expect(server.connection.outbound.peerCausedBytes).to.be.at.least(7_000_000);
    const bytes = server.sent().reduce((sum, frame) => sum + frame.length / 2, 0);
    expect(server.connection.state).to.equal("open");
    expect(bytes).to.be.at.least(7_000_000);
  });

  it("nor to one that is slow, as long as the link moves", () => {
    const server = openServer({ settings: { limits: { maxPeerCausedBytes: 1_000 } } });
    block(server);
    server.receive(get(1));
    server.calls[0]?.stream.next(new Uint8Array(2_000));
    for (let i = 0; i < 20; i++) {
      server.advance(900);
      server.connection.linkMoved(server.nowMs);
    }
    expect(server.connection.state).to.equal("open");
    server.isBlocked = false;
  });

  it("those that were cancelled don't count any more", () => {
    const server = openServer({ settings: { limits: { maxPeerCausedBytes: 1_000_000 } } });
    block(server);
    for (let i = 0; i < 20; i++) {
      server.receive(get(2 * i + 1));
      server.calls.at(-1)?.stream.next(new Uint8Array(900_000));
      server.receive(hex`${uint(2 * i + 1, 4)} 2400`); // CANCEL
      server.sent();
      expect(server.connection.outbound.peerCausedBytes).to.equal(0);
    }
    server.advance(2_000);
    expect(server.connection.state).to.equal("open");
    server.isBlocked = false;
  });

  it("of several, a cancelled one takes its own part off the count", () => {
    const server = openServer();
    block(server);
    server.receive(get(1), get(3));
    for (const { stream } of server.calls) stream.next(new Uint8Array(500_000));
    server.receive(hex`00000001 2400`);
    expect(server.connection.outbound.peerCausedBytes).to.be.within(500_000, 500_500);
    server.isBlocked = false;
    server.sent();
    expect(server.connection.outbound.peerCausedBytes).to.equal(0);
  });
});

describe("a link that takes nothing more for now", () => {
  afterEach(expectNoTrace);

  it("is no stalled one while what it took becomes less, and is one when that stops", () => {
    const server = openServer({ settings: { limits: { stallTimeoutMs: 1_000 } } });
    server.receive(WATCH_1);
    block(server);
    server.call.stream.next(new Uint8Array(1_000));
    for (let i = 0; i < 20; i++) {
      server.advance(900);
      server.connection.linkMoved(server.nowMs);
    }
    expect(server.connection.state).to.equal("open");
    server.advance(999);
    expect(server.connection.state).to.equal("open");
    server.advance(1);
    expect(server.connection.closeReason?.message).to.equal("the peer has read nothing for 1000 ms");
  });
});

describe("the farewell of an end that closes", () => {
  afterEach(expectNoTrace);

  it("doesn't overtake the requests that were made before it", () => {
    const client = openClient();
    client.connection.peer.receiveHello(1);
    client.open("request_response", { data: "61" });
    client.open("fire_and_forget", { data: "62" });
    client.connection.close();
    expect(client.sent().map((frame) => frame.slice(0, 20))).to.deep.equal([
      hex`00000001 1000 61`,
      hex`00000003 1400 62`,
      hex`00000000 2c00 00000102`, // CONNECTION_CLOSE
    ]);
    client.receive(hex`00000001 2860 63`);
    client.sent();
    expect(client.connection.state).to.equal("closed");
  });

  it("doesn't overtake a request that is still in fragments", () => {
    const client = openClient({ settings: { fragmentBytes: 64 } });
    client.connection.peer.receiveHello(1);
    client.open("request_response", { data: repeat("61", 100) });
    client.connection.close();
    const types = client.sent().map((frame) => frame.slice(0, 12));
    expect(types.indexOf(hex`00000000 2c00`), types.join()).to.equal(types.length - 1);
  });

  it("lets an answer go out that is complete and still being fragmented", () => {
    const server = openServer({ settings: { fragmentBytes: 64 } });
    server.receive(get(1));
    block(server);
    server.call.stream.next(new Uint8Array(100));
    server.connection.close();
    server.connection.abandonStreams("closed");
    server.isBlocked = false;
    expect(server.sent().map((frame) => frame.slice(0, 12))).to.deep.equal([
      hex`00000001 28a0`, // PAYLOAD, N, more follow
      hex`00000001 2860`, // its last fragment, C
      hex`00000000 2c00`, // CONNECTION_CLOSE
    ]);
    expect(server.call.log).to.deep.equal([]);
  });

  it("gives up an answer that isn't complete, whatever of it waits", () => {
    const server = openServer({ settings: { fragmentBytes: 64 } });
    server.receive(WATCH_1);
    block(server);
    server.call.stream.next(new Uint8Array(100));
    server.connection.abandonStreams("closed");
    server.isBlocked = false;
    expect(server.sent().map((frame) => frame.slice(0, 20))).to.deep.equal([hex`00000001 2c00 00000203`]);
    expect(server.call.log).to.deep.equal(["error 0x203 local"]);
  });
});

describe("a message that comes in fragments", () => {
  afterEach(expectNoTrace);

  // A chunk of a socket's read in which nearly everything is other frames: overwritten, it shows who still looks at it.
  const receiveInChunk = (probe: Probe, head: string, dataBytes: number): void => {
    const chunk = new Uint8Array(65_536).fill(0x61);
    chunk.set(bytesOf(head));
    probe.connection.receiveFrame(chunk, 0, head.length / 2 + dataBytes, probe.nowMs);
    chunk.fill(0xff);
  };

  it("holds no chunk that is mostly other frames", () => {
    const server = openServer();
    receiveInChunk(server, hex`00000001 1080`, 4_096);
    receiveInChunk(server, hex`00000001 28a0`, 20_000);
    server.receive(hex`00000001 2820 62`);
    expect(server.call.data).to.equal(`${repeat("61", 24_096)}62`);
  });

  it("nor does an item that waits for credit", () => {
    const client = openClient();
    const { stream, log } = client.open("request_stream", { n: 1 });
    client.receive(hex`00000001 2820 62`);
    receiveInChunk(client, hex`00000001 2820`, 4_096);
    stream.request(1);
    expect(log).to.deep.equal(["next 62", `next ${repeat("61", 4_096)}`]);
  });

  it("keeps what is most of its chunk without a copy", () => {
    const server = openServer();
    const chunk = new Uint8Array(6 + 60_000).fill(0x61);
    chunk.set(bytesOf(hex`00000001 1080`));
    server.connection.receiveFrame(chunk, 0, chunk.length, server.nowMs);
    chunk[6] = 0xff;
    server.receive(hex`00000001 2820 62`);
    expect(server.call.data.slice(0, 4)).to.equal(hexOf(Uint8Array.of(0xff, 0x61)));
  });

  it("keeps the pieces of a frame that came in several reads, and copies what is the lesser part of one", () => {
    const server = openServer();
    const chunk = new Uint8Array(65_536).fill(0x61);
    chunk.set(bytesOf(hex`00000001 1080`));
    const lesser = new Uint8Array(65_536).fill(0x62);
    server.receivePieces(chunk.subarray(0, 60_000), lesser.subarray(0, 20_000));
    expect(server.connection.reassemblyBytes, "all but the header").to.equal(79_994);
    chunk.fill(0x63);
    lesser.fill(0x63);
    server.receive(hex`00000001 2820 64`);
    expect(server.call.data).to.equal(`${repeat("63", 59_994)}${repeat("62", 20_000)}64`);
  });

  describe("of bytes that are lent", () => {
    /** Passes a frame in by lent pieces, which are overwritten then. */
    function receiveLent(probe: ReturnType<typeof openClient>, ...pieces: readonly Uint8Array[]): void {
      expect(probe.connection.receivePieces(pieces, true, probe.nowMs)).to.equal(true);
      for (const piece of pieces) piece.fill(0xee);
    }

    const fragment = (head: string, byteLength: number): Uint8Array => {
      const bytes = new Uint8Array(head.length / 2 + byteLength).fill(0x61);
      bytes.set(bytesOf(head));
      return bytes;
    };

    it("keeps copies, of metadata too, on either side", () => {
      const server = openServer();
      receiveLent(server, fragment(hex`00000001 1180 000002 6d6e`, 60_000), new Uint8Array(5_000).fill(0x62));
      receiveLent(server, fragment(hex`00000001 29a0 000001 6f`, 50_000));
      server.receive(hex`00000001 2820 64`);
      expect(server.call.metadata).to.equal("6d6e6f");
      expect(server.call.data).to.equal(`${repeat("61", 60_000)}${repeat("62", 5_000)}${repeat("61", 50_000)}64`);
    });

    it("copies a message of which a length is expected to where it will stand", () => {
      const client = openClient();
      const { stream } = client.open("request_stream", { n: 8 });
      const asked: string[] = [];
      const got: Uint8Array[] = [];
      Object.assign(stream.sink, {
        onNext: (data: Uint8Array) => got.push(data),
        expectBytes: (start: Uint8Array) => {
          asked.push(hexOf(start.subarray(0, 2)));
          return 100_000;
        },
      });
      for (let item = 0; item < 2; item++) {
        receiveLent(client, fragment(hex`00000001 28a0`, 40_000));
        receiveLent(client, fragment(hex`00000001 28a0`, 59_999));
        client.receive(hex`00000001 2820 64`);
      }
      expect(asked).to.deep.equal(["6161", "6161"]);
      expect(got.map(({ length, buffer }) => [length, buffer.byteLength])).to.deep.equal([
        [100_000, 100_000],
        [100_000, 100_000],
      ]);
      expect([got[1]?.[0], got[1]?.[99_998], got[1]?.[99_999]]).to.deep.equal([0x61, 0x61, 0x64]);
    });

    it("allocates nothing for an expectation above maxMessageBytes", () => {
      const client = openClient();
      const { stream } = client.open("request_stream", { n: 8 });
      const got: Uint8Array[] = [];
      Object.assign(stream.sink, { onNext: (data: Uint8Array) => got.push(data), expectBytes: () => 4_194_305 });
      const before = process.memoryUsage().arrayBuffers;
      receiveLent(client, fragment(hex`00000001 28a0`, 600_000));
      expect(process.memoryUsage().arrayBuffers - before).to.be.below(3_000_000);
      client.receive(hex`00000001 2820 64`);
      expect(got.map(({ length }) => length)).to.deep.equal([600_001]);
    });
  });
});
