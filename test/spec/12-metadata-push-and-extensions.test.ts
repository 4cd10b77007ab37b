// SPDX-License-Identifier: Apache-2.0
// RSocket 1.0 §METADATA_PUSH, §EXT: the rules MP and EXT.

import { expect } from "chai";
import { createBatch, SlabPool, SlabWriter } from "../../runtime/src/bytes/slab.js";
import { encodeExt } from "../../runtime/src/frames/encode.js";
import { bytesOf, hex, hexOf, withoutText } from "../support/frames-dsl.js";
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
});
