// SPDX-License-Identifier: Apache-2.0
// RSocket 1.0 §METADATA_PUSH, §EXT: the rules MP and EXT.

import { expect } from "chai";
import { createBatch, SlabPool, SlabWriter } from "../../runtime/src/bytes/slab.js";
import { encodeExt } from "../../runtime/src/frames/encode.js";
import { bytesOf, hex, hexOf, textHex, withoutText } from "../support/frames-dsl.js";
import { expectNoTrace } from "../support/no-trace.js";
import { KEEPALIVE, KEEPALIVE_R, openClient, openServer } from "../support/probe.js";

describe("RSocket 1.0 §METADATA_PUSH", () => {
  afterEach(expectNoTrace);

  it("MP-01: METADATA_PUSH is told in either direction and draws no frame", () => {
    for (const probe of [openServer(), openClient()]) {
      probe.receive(hex`
        00000000   // stream 0
        3100       // METADATA_PUSH, M
        6d6e       // metadata
      `);
      expect(probe.log.at(-1)).to.equal("push 6d6e");
      expect(probe.sent()).to.deep.equal([]);
    }
  });

  it("MP-01: either side sends it, ahead of what waits on streams", () => {
    for (const probe of [openServer(), openClient()]) {
      const id = probe.connection.side === "server" ? "00000002" : "00000001";
      probe.open("request_response", { data: "61" });
      probe.connection.metadataPush(bytesOf("6d6e"));
      expect(probe.sent()).to.deep.equal([hex`00000000 3100 6d6e`, hex`${id} 1000 61`]);
    }
  });

  it("MP-02: the metadata is the rest of the frame, also without M (rsocket-js 0.0.27) and when empty", () => {
    const server = openServer();
    server.receive(hex`00000000 3000 6d6e`, hex`00000000 3100`);
    expect(server.log.slice(1)).to.deep.equal(["push 6d6e", "push "]);
  });

  it("MP-02: it goes out in one frame whatever the size of fragments", () => {
    const client = openClient({ settings: { fragmentBytes: 64 } });
    client.connection.metadataPush(new Uint8Array(200));
    expect(client.sent()).to.deep.equal([hex`00000000 3100 ${"00".repeat(200)}`]);
  });

  it("MP-02: its bytes are the application's to keep", () => {
    const kept: Uint8Array[] = [];
    const server = openServer();
    server.onMetadataPush = (metadata) => kept.push(metadata);
    const frame = bytesOf(hex`00000000 3100 6d6e`);
    server.receiveBytes(frame);
    frame.fill(0);
    expect(kept.map(hexOf)).to.deep.equal(["6d6e"]);
  });

  it("MP-03: on another stream it is ignored", () => {
    const server = openServer();
    server.receive(hex`00000001 1800 00000001 61`, hex`00000001 3100 6d`, hex`00000003 3100 6d`, hex`00000002 3100 6d`);
    expect(server.log).to.deep.equal(["setup"]);
    expect(server.call.log).to.deep.equal([]);
    expect(server.sent()).to.deep.equal([]);
  });

  it("MP-01: behind the end of a connection it goes nowhere", () => {
    const server = openServer();
    server.lose();
    server.connection.metadataPush(bytesOf("6d"));
    expect(server.sent()).to.deep.equal([]);
  });
});

describe("RSocket 1.0 §EXT", () => {
  afterEach(expectNoTrace);

  it("EXT-01: the extended type stands as 31 bits in front of metadata and data", () => {
    const writer = new SlabWriter(new SlabPool((byteLength) => new Uint8Array(byteLength)));
    encodeExt(writer, 1, true, 0x01020304, bytesOf("6d"), bytesOf("61"));
    const batch = createBatch();
    writer.takeInto(batch, 1_000);
    expect(batch.chunks.map(hexOf).join("")).to.equal(hex`
      00000f     // 15 bytes follow
      00000001   // stream 1
      ff00       // EXT, I M
      01020304   // extended type
      000001     // metadata length
      6d         // metadata
      61         // data
    `);
  });

  it("EXT-01: an extended type of 0, or beyond 31 bits, can't be sent", () => {
    const writer = new SlabWriter(new SlabPool((byteLength) => new Uint8Array(byteLength)));
    for (const extendedType of [0, -1, 2 ** 31, 1.5, Number.NaN]) {
      expect(() => encodeExt(writer, 0, true, extendedType, undefined, bytesOf("61"))).to.throw(
        RangeError,
        `extended type ${extendedType}, expected 1 … 2^31-1`,
      );
    }
    expect(writer.byteLength).to.equal(0);
  });

  it("EXT-02: an unknown extended type with I is dropped, on stream 0 and elsewhere", () => {
    for (const probe of [openServer(), openClient()]) {
      probe.open("request_stream", { n: 1 });
      probe.sent();
      probe.receive(
        hex`00000000 fe00 00000001 61`, // EXT, I
        hex`00000001 fe00 00000001 61`,
        hex`00000002 ff00 00000001 ffffff 61`, // with a metadata length beyond the frame
        hex`00000063 fe00`, // cut short
        KEEPALIVE_R,
      );
      expect(probe.sent()).to.deep.equal([KEEPALIVE]);
      expect(probe.connection.streamCount).to.equal(1);
    }
  });

  for (const streamId of ["00000000", "00000001", "00000002"]) {
    it(`EXT-02: an unknown extended type without I on stream 0x${streamId} ends the connection with CONNECTION_ERROR`, () => {
      for (const probe of [openServer(), openClient()]) {
        probe.receive(hex`${streamId} fc00 00000001 61`);
        expect(probe.sent().map(withoutText)).to.deep.equal([hex`00000000 2c00 00000101`]);
        expect(probe.log.at(-1)).to.equal("closed 0x101 local");
      }
    });
  }

  it("EXT-02: a type that is understood is told, with or without I, on stream 0 and on a stream that lives", () => {
    for (const probe of [openServer(), openClient()]) {
      probe.extensionTypes = [1];
      probe.open("request_stream", { n: 1 });
      const own = probe.connection.side === "server" ? 2 : 1;
      probe.sent();
      probe.receive(
        hex`00000000 fc00 00000001 61`,
        hex`00000000 fd00 00000001 000001 6d 61`, // M
        hex`0000000${own} fe00 00000001`, // I
        hex`0000000${own} ff00 00000001 000000`, // I M
      );
      expect(probe.log.slice(-4)).to.deep.equal(["ext 0 1 - 61", "ext 0 1 6d 61", `ext ${own} 1 - `, `ext ${own} 1  `]);
      expect(probe.sent()).to.deep.equal([]);
    }
  });

  it("EXT-02: on a stream that doesn't live it is told to nobody", () => {
    const server = openServer();
    server.extensionTypes = [1];
    server.receive(hex`00000063 fe00 00000001 61`);
    expect(server.log).to.deep.equal(["setup"]);
    expect(server.sent()).to.deep.equal([]);
  });

  it("EXT-01: extended type 0 is nobody's to understand", () => {
    const server = openServer();
    server.extensionTypes = [0];
    server.receive(hex`00000000 fe00 00000000 61`);
    expect(server.log).to.deep.equal(["setup"]);
    server.receive(hex`00000000 fc00 00000000 61`);
    expect(server.log.at(-1)).to.equal("closed 0x101 local");
  });

  it("EXT-01: either side sends it on stream 0, ahead of what waits on streams", () => {
    for (const probe of [openServer(), openClient()]) {
      const id = probe.connection.side === "server" ? "00000002" : "00000001";
      probe.open("request_response", { data: "61" });
      expect(probe.connection.extension(0x7fffffff, true, bytesOf("6d"), bytesOf("61"))).to.equal(true);
      expect(probe.connection.extension(1, false, undefined, bytesOf(""))).to.equal(true);
      expect(probe.sent()).to.deep.equal([
        hex`00000000 ff00 7fffffff 000001 6d 61`,
        hex`00000000 fc00 00000001`,
        hex`${id} 1000 61`,
      ]);
    }
  });

  it("EXT-01: types that aren't 1 … 2^31-1 and payloads above a frame are refused where they are sent", () => {
    const client = openClient();
    for (const extendedType of [0, -1, 1.5, 2 ** 31, Number.NaN]) {
      expect(() => client.connection.extension(extendedType, true, undefined, bytesOf(""))).to.throw(
        RangeError,
        `the extended type is ${extendedType}, expected 1 … 2^31-1`,
      );
    }
    expect(() => client.connection.extension(1, true, undefined, new Uint8Array(16_777_215))).to.throw(
      RangeError,
      "EXT of 16777215 bytes, expected at most",
    );
    expect(client.sent()).to.deep.equal([]);
  });
});

describe("what stands beside the streams", () => {
  afterEach(expectNoTrace);

  it("holds back who sends it when the queue is full, and goes nowhere when the connection is over", () => {
    const client = openClient({ settings: { limits: { producerPauseBytes: 1_000 } } });
    client.isBlocked = true;
    expect(client.connection.metadataPush(new Uint8Array(900))).to.equal(true);
    expect(client.connection.metadataPush(new Uint8Array(900))).to.equal(false);
    expect(client.connection.extension(1, true, undefined, new Uint8Array(1))).to.equal(false);
    client.isBlocked = false;
    expect(client.sent()).to.have.length(3);
    expect(client.connection.extension(1, true, undefined, new Uint8Array(1))).to.equal(true);
    client.sent();
    client.receive(hex`00000000 2c00 00000101`);
    expect(client.connection.metadataPush(new Uint8Array(1))).to.equal(false);
    expect(client.connection.extension(1, true, undefined, new Uint8Array(1))).to.equal(false);
    expect(client.sent()).to.deep.equal([]);
  });

  it("has as much metadata as any frame, or ends the connection", () => {
    for (const [fits, frame, name] of [
      [hex`00000000 3100 6d6d`, hex`00000000 3100 6d6d6d`, "METADATA_PUSH"],
      [hex`00000000 ff00 00000001 000002 6d6d`, hex`00000000 ff00 00000001 000003 6d6d6d`, "EXT"],
    ] as const) {
      const server = openServer({ settings: { limits: { maxMetadataBytes: 2 } } });
      server.extensionTypes = [1];
      server.receive(fits);
      expect(server.log).to.have.length(2);
      server.receive(frame);
      const text = textHex(`${name} with 3 bytes of metadata, above the limit of 2`);
      expect(server.sent()).to.deep.equal([hex`00000000 2c00 00000101 ${text}`]);
      expect(server.log.at(-1)).to.equal("closed 0x101 local");
    }
  });

  it("costs the budget of KEEPALIVE when it is understood, and ends the connection above it", () => {
    for (const frame of [hex`00000000 fe00 00000001`, hex`00000000 3100`]) {
      const server = openServer({ settings: { limits: { controlBurst: 3, controlsPerSecond: 1 } } });
      server.extensionTypes = [1];
      server.receive(frame, frame, frame);
      expect(server.sent()).to.deep.equal([]);
      server.receive(frame);
      expect(server.log.at(-1)).to.equal("closed 0x101 local");
      expect(server.sent().map(withoutText)).to.deep.equal([hex`00000000 2c00 00000101`]);
    }
  });
});
