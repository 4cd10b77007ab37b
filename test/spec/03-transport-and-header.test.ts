// SPDX-License-Identifier: Apache-2.0
// RSocket 1.0 §Framing, §Transport Protocol, §Metadata Optional Header: the rules FRM, HDR and META.

import { expect } from "chai";
import { createBatch, forEachFrame } from "../../runtime/src/bytes/slab.js";
import { decodeFrame } from "../../runtime/src/frames/decode.js";
import { LengthDeframer } from "../../runtime/src/frames/deframer.js";
import { FrameFormatError } from "../../runtime/src/frames/errors.js";
import { bytesOf, hex, hexOf, repeat, withoutText } from "../support/frames-dsl.js";
import { expectNoTrace, expectQuiet } from "../support/no-trace.js";
import {
  KEEPALIVE,
  KEEPALIVE_R,
  newClient,
  newServer,
  openClient,
  openServer,
  type Probe,
  SETUP,
} from "../support/probe.js";

const CONNECTION_ERROR = hex`
  00000000   // stream 0
  2c00       // ERROR
  00000101   // CONNECTION_ERROR
`;
const INVALID_SETUP = hex`
  00000000   // stream 0
  2c00       // ERROR
  00000001   // INVALID_SETUP
`;

function expectConnectionError(probe: Probe): void {
  expect(probe.sent().map(withoutText)).to.deep.equal([CONNECTION_ERROR]);
  expect(probe.log.at(-1)).to.equal("closed 0x101 local");
}

describe("RSocket 1.0 §Framing: transport, header, metadata", () => {
  afterEach(expectNoTrace);

  describe("transport", () => {
    it("FRM-01: on a byte stream each frame has a 24-bit length in front that doesn't count itself", () => {
      const client = newClient();
      const batch = createBatch();
      expect(client.connection.pollTransmit(batch)).to.equal(true);
      expect(batch.chunks.map(hexOf).join("")).to.equal(hex`
        000016     // 22 bytes follow
        ${SETUP}
      `);
    });

    it("FRM-02: as messages, each frame goes without length, one a message", () => {
      const client = openClient();
      client.open("request_response", { data: "61" });
      client.open("fire_and_forget", { data: "62" });
      const batch = createBatch();
      client.connection.pollTransmit(batch);
      const messages: string[] = [];
      forEachFrame(batch, (bytes, start, end) => messages.push(hexOf(bytes.subarray(start, end))));
      expect(messages).to.deep.equal([
        hex`
          00000001   // stream 1
          1000       // REQUEST_RESPONSE
          61         // data
        `,
        hex`
          00000003   // stream 3
          1400       // REQUEST_FNF
          62         // data
        `,
      ]);
    });

    it("FRM-03: frames come out whole and in order wherever the bytes are cut", () => {
      const stream = bytesOf(hex`
        000016  ${SETUP}
        000008  00000001 1000 6162   // REQUEST_RESPONSE "ab" on stream 1
        00000e  ${KEEPALIVE_R}
        000006  00000001 2400        // CANCEL of stream 1
      `);
      for (let cut = 0; cut <= stream.length; cut++) {
        const server = newServer();
        const deframer = new LengthDeframer(65_536, (bytes, start, end) => {
          server.connection.receiveFrame(bytes, start, end, server.nowMs);
          return true;
        });
        deframer.push(stream.slice(0, cut));
        deframer.push(stream.slice(cut));
        expect(server.call.data, `cut at ${cut}`).to.equal("6162");
        expect(server.call.log).to.deep.equal(["cancel"]);
        expect(server.sent()).to.deep.equal([KEEPALIVE]);
        expectQuiet(server.connection);
      }
    });

    it("FRM-04: a payload above the largest frame is sent as several, each within 16,777,215 bytes", function () {
      this.timeout(10_000);
      const client = openClient({ settings: { fragmentBytes: 16_777_215 } });
      client.connection.openStream("request_response", undefined, new Uint8Array(16_777_207), 1, {
        onNext() {},
        onComplete() {},
        onError() {},
        onCancel() {},
        onRequestN() {},
        onWritable() {},
      });
      const frames = client.sentWrites().flat();
      expect(frames.map((frame) => [frame.length, hexOf(frame.subarray(0, 6))])).to.deep.equal([
        [16_777_212, hex`00000001 1080`], // REQUEST_RESPONSE, F
        [6 + 1, hex`00000001 2820`], // PAYLOAD, N, the byte that was left
      ]);
    });

    it("FRM-04: what can't be fragmented and doesn't fit one frame is refused by its sender", () => {
      const server = openServer({ onRequest: (call) => call.stream.request(1) });
      server.receive(hex`
        00000001   // stream 1
        1c00       // REQUEST_CHANNEL
        00000001   // initial n 1
      `);
      const tooLarge = new Uint8Array(16_777_212);
      expect(() => server.connection.metadataPush(tooLarge)).to.throw(RangeError, "METADATA_PUSH of 16777212 bytes");
      expect(() => server.call.stream.error(0x201, tooLarge)).to.throw(RangeError, "16777212 bytes");
      expect(() => server.call.stream.complete(tooLarge)).to.throw(RangeError, "16777212 bytes");
      expect(server.sent()).to.deep.equal([
        hex`
          00000001   // stream 1
          2000       // REQUEST_N
          00000001   // 1
        `,
      ]);
    });

    it("FRM-05: numbers are big endian, in and out", () => {
      const server = openServer();
      server.receive(hex`
        01020305   // stream 16,909,061
        1800       // REQUEST_STREAM
        05060708   // initial n 84,281,096
      `);
      expect(server.call.stream.id).to.equal(16_909_061);
      expect(server.call.stream.credit).to.equal(84_281_096);
      server.call.stream.error(0x01020304, bytesOf("21"));
      expect(server.sent()).to.deep.equal([
        hex`
          01020305   // stream 16,909,061
          2c00       // ERROR
          01020304   // an application's code
          21         // "!"
        `,
      ]);
    });

    it("FRM-06: when the transport is gone, what is pending fails, nothing is sent and what still comes is ignored", () => {
      const client = openClient();
      const { log } = client.open("request_response", { data: "61" });
      client.sent();
      client.lose();
      expect(log).to.deep.equal(["error connection 0x101 remote"]);
      expect(client.log.at(-1)).to.equal("closed 0x101 remote");
      client.receive(hex`00000001 2860 62`, KEEPALIVE_R);
      expect(client.sent()).to.deep.equal([]);
      expect(log).to.have.length(1);
    });

    it("FRM-06: a server's handlers are told when the transport is gone", () => {
      const server = openServer();
      server.receive(hex`00000001 1000 61`);
      server.lose();
      expect(server.call.log).to.deep.equal(["error connection 0x101 remote"]);
    });

    for (const length of [0, 1, 5]) {
      it(`FRM-07: a frame of ${length} bytes ends an open connection with CONNECTION_ERROR`, () => {
        for (const probe of [openServer(), openClient()]) {
          // All five are the beginning of a header that may be ignored.
          probe.receive("00000000be".slice(0, 2 * length));
          expectConnectionError(probe);
        }
      });

      it(`FRM-07: a first frame of ${length} bytes is answered INVALID_SETUP`, () => {
        const server = newServer();
        server.receive("00".repeat(length));
        expect(server.sent().map(withoutText)).to.deep.equal([INVALID_SETUP]);
        expect(server.log).to.deep.equal(["closed 0x1 local"]);
      });
    }

    it("FRM-07: another protocol's first bytes are answered INVALID_SETUP", () => {
      const server = newServer();
      server.receive(hexOf(new TextEncoder().encode("GET / HTTP/1.1\r\nHost: a\r\n\r\n")));
      expect(server.sent().map(withoutText)).to.deep.equal([INVALID_SETUP]);
    });

    for (const [name, frame] of [
      ["REQUEST_STREAM without its n", hex`00000001 1800 000000`],
      ["REQUEST_CHANNEL without its n", hex`00000001 1c00`],
      ["KEEPALIVE without its position", hex`00000000 0c80 00000000000000`],
      ["ERROR on stream 0 without its code", hex`00000000 2c00 000001`],
    ] as const) {
      it(`FRM-07: a cut-off frame (${name}) ends the connection with CONNECTION_ERROR`, () => {
        const server = openServer();
        server.receive(frame);
        expectConnectionError(server);
        expect(server.calls).to.deep.equal([]);
      });
    }

    it("FRM-07: a REQUEST_N or ERROR of a stream that is cut short ends the connection with CONNECTION_ERROR", () => {
      for (const cut of [hex`00000001 2000 000000`, hex`00000001 2c00 0002`]) {
        const server = openServer();
        server.receive(hex`00000001 1000 61`, cut);
        expectConnectionError(server);
        expect(server.call.log).to.deep.equal(["error connection 0x101 local"]);
      }
    });

    it("FRM-07: one connection's garbage leaves another alone", () => {
      const [bad, good] = [openServer(), openServer()];
      good.receive(hex`00000001 1000 61`);
      bad.receive("ff");
      good.call.stream.next(bytesOf("62"));
      expect(good.sent()).to.deep.equal([hex`00000001 2860 62`]);
    });
  });

  describe("header", () => {
    it("HDR-01: bits that a type doesn't define are sent as 0", () => {
      const client = openClient();
      client.connection.metadataPush(bytesOf("6d"));
      client.open("request_response", { data: "61" });
      client.open("fire_and_forget", { data: "61" });
      const { stream } = client.open("request_stream", { n: 2 });
      client.open("request_channel", { n: 3 });
      stream.request(4);
      stream.cancel();
      client.receive(KEEPALIVE_R);
      expect(client.sent()).to.deep.equal([
        hex`
          00000000   // stream 0
          3100       // METADATA_PUSH, M
          6d
        `,
        KEEPALIVE,
        hex`
          00000001   // stream 1
          1000       // REQUEST_RESPONSE
          61
        `,
        hex`
          00000003   // stream 3
          1400       // REQUEST_FNF
          61
        `,
        hex`
          00000005   // stream 5
          1800       // REQUEST_STREAM
          00000002
        `,
        hex`
          00000007   // stream 7
          1c00       // REQUEST_CHANNEL
          00000003
        `,
        hex`
          00000005   // stream 5
          2000       // REQUEST_N
          00000004
        `,
        hex`
          00000005   // stream 5
          2400       // CANCEL
        `,
      ]);
    });

    it("HDR-02: bits that a request doesn't define are ignored, also N and C", () => {
      const server = openServer();
      server.receive(
        hex`
          00000001   // stream 1
          107f       // REQUEST_RESPONSE with C, N and the five undefined bits
          61
        `,
        hex`
          00000003   // stream 3
          147f       // REQUEST_FNF, the same
          62
        `,
        hex`
          00000005   // stream 5
          187f       // REQUEST_STREAM, the same
          00000001
          63
        `,
        hex`
          00000007   // stream 7
          1c3f       // REQUEST_CHANNEL with N and the five undefined bits
          00000001
          64
        `,
      );
      expect(server.calls.map(({ data, complete }) => [data, complete])).to.deep.equal([
        ["61", false],
        ["62", false],
        ["63", false],
        ["64", false],
      ]);
    });

    it("HDR-02: C on a request that doesn't define it doesn't end its fragments", () => {
      for (const [type, n] of [
        ["10", ""],
        ["14", ""],
        ["18", "00000001"],
      ] as const) {
        const server = openServer();
        server.receive(
          hex`
            00000001   // stream 1
            ${type}c0  // REQUEST_RESPONSE, _FNF or _STREAM with F and an undefined C
            ${n}
            6162
          `,
          hex`
            00000001   // stream 1
            2820       // PAYLOAD, N
            63
          `,
        );
        expect(server.call.data).to.equal("616263");
      }
    });

    it("HDR-02: bits that CANCEL, REQUEST_N, ERROR and KEEPALIVE don't define are ignored, also M, F, C and N", () => {
      const server = openServer();
      server.receive(
        hex`00000001 1800 00000001`, // REQUEST_STREAM, n 1
        hex`00000001 21ff 00000005`, // REQUEST_N with M F C N and the rest
        hex`00000001 25ff`, // CANCEL, the same
        hex`00000003 1c00 00000001`, // REQUEST_CHANNEL, n 1
        hex`00000003 2dff 00000201 6f`, // ERROR, the same
        hex`00000000 0dff 0000000000000000 6b`, // KEEPALIVE with R, and M C N and the rest
      );
      expect(server.calls.map(({ log }) => log)).to.deep.equal([["request 5", "cancel"], ["error 0x201 remote"]]);
      expect(server.sent()).to.deep.equal([hex`00000000 0c00 0000000000000000 6b`]);
    });

    it("HDR-03: an unknown frame with I is dropped, the connection goes on", () => {
      for (const probe of [openServer(), openClient()]) {
        probe.receive(
          hex`
            00000000   // stream 0
            be00       // type 0x2f, I
            01020304
          `,
          hex`
            00000001   // stream 1
            0200       // type 0x00, I
          `,
          KEEPALIVE_R,
        );
        expect(probe.sent()).to.deep.equal([KEEPALIVE]);
      }
    });

    for (const [name, frame] of [
      ["of type 0x2f on stream 0", hex`00000000 bc00`],
      ["of type 0x0f on stream 1", hex`00000001 3c00`],
      ["of the reserved type 0 on stream 0", hex`00000000 0000`],
      ["of the reserved type 0 on stream 1", hex`00000001 0000`],
    ] as const) {
      it(`HDR-04: a frame ${name} without I ends the connection with CONNECTION_ERROR`, () => {
        for (const probe of [openServer(), openClient()]) {
          probe.receive(frame);
          expectConnectionError(probe);
        }
      });
    }

    it("HDR-05: the top bit of a stream id and of a 31-bit field is no part of the value", () => {
      const server = openServer();
      server.receive(
        hex`
          80000001   // stream 1 with the reserved bit set
          1800       // REQUEST_STREAM
          80000002   // initial n 2 with the reserved bit set
        `,
        hex`
          80000001   // stream 1
          2000       // REQUEST_N
          80000003   // 3
        `,
      );
      expect(server.call.stream.id).to.equal(1);
      expect(server.call.stream.credit).to.equal(5);
      expect(server.call.log).to.deep.equal(["request 3"]);
    });

    it("HDR-05: the top bit of a stream id and of a 31-bit field is 0 when sent", () => {
      const client = openClient();
      const { stream } = client.open("request_stream", { n: 0xffffffff });
      stream.request(0xffffffff);
      expect(client.sent()).to.deep.equal([
        hex`00000001 1800 7fffffff`, // REQUEST_STREAM
        hex`00000001 2000 7fffffff`, // REQUEST_N
      ]);
    });

    it("HDR-05: the top bit of a KEEPALIVE's position is no part of it, and 0 in the answer", () => {
      const server = openServer();
      server.receive(hex`00000000 0c80 8000000000000000`);
      expect(server.sent()).to.deep.equal([KEEPALIVE]);
    });
  });

  describe("metadata", () => {
    it("META-01: M stands exactly where a 24-bit length and metadata stand before the data, in", () => {
      const server = openServer();
      server.receive(
        hex`
          00000001   // stream 1
          1100       // REQUEST_RESPONSE, M
          000002     // metadata length
          6d6e       // metadata
          6162       // data
        `,
        hex`
          00000003   // stream 3
          1d00       // REQUEST_CHANNEL, M
          00000001   // initial n
          000001     // metadata length
          6d         // metadata
        `,
        hex`
          00000005   // stream 5
          1000       // REQUEST_RESPONSE
          000001     // data that looks like a length
        `,
      );
      expect(server.calls.map(({ metadata, data }) => [metadata, data])).to.deep.equal([
        ["6d6e", "6162"],
        ["6d", ""],
        [undefined, "000001"],
      ]);
    });

    it("META-01: M stands exactly where a 24-bit length and metadata stand before the data, out", () => {
      const client = openClient();
      client.open("request_response", { metadata: "6d6e", data: "6162" });
      client.open("request_stream", { metadata: "6d", n: 7 });
      expect(client.sent()).to.deep.equal([
        hex`
          00000001   // stream 1
          1100       // REQUEST_RESPONSE, M
          000002     // metadata length
          6d6e       // metadata
          6162       // data
        `,
        hex`
          00000003   // stream 3
          1900       // REQUEST_STREAM, M
          00000007   // initial n
          000001     // metadata length
          6d         // metadata
        `,
      ]);
    });

    for (const [name, frame] of [
      ["a request", hex`00000003 1100 000005 6d6d`],
      ["a request whose length field is cut", hex`00000003 1100 0000`],
      ["a PAYLOAD", hex`00000001 2920 000001`],
    ] as const) {
      it(`META-02: a metadata length beyond the frame in ${name} ends the connection with CONNECTION_ERROR`, () => {
        const server = openServer({ onRequest: ({ stream }) => stream.request(9) });
        server.receive(hex`00000001 1c00 00000001`);
        server.sent();
        server.receive(frame);
        expectConnectionError(server);
        expect(server.call.log).to.deep.equal(["error connection 0x101 local"]);
      });
    }

    it("META-02: a client ends the connection, too", () => {
      const client = openClient();
      const { log } = client.open("request_response");
      client.sent();
      client.receive(hex`00000001 2960 ffffff 6d`);
      expectConnectionError(client);
      expect(log).to.deep.equal(["error connection 0x101 local"]);
    });

    it("META-02: with I such a frame is dropped, the connection and its streams go on", () => {
      const server = openServer({ onRequest: ({ stream }) => stream.request(9) });
      server.receive(
        hex`00000001 1c00 00000001`,
        hex`00000001 2b20 000001`, // PAYLOAD, I M N
        hex`00000003 1300 000005 6d6d`, // REQUEST_RESPONSE, I M
        hex`00000001 2820 61`, // PAYLOAD, N
      );
      expect(server.call.log).to.deep.equal(["next 61"]);
      expect(server.connection.streamCount).to.equal(1);
    });

    it("META-02: a dropped fragment never yields a message with a hole: its stream fails instead", () => {
      const server = openServer({ onRequest: ({ stream }) => stream.request(9) });
      server.receive(
        hex`00000001 1c00 00000001`,
        hex`00000001 28a0 61`, // PAYLOAD, F N
        hex`00000001 2ba0 000009 62`, // PAYLOAD, I M F N, cut short
        hex`00000001 2820 63`, // PAYLOAD, N
      );
      expect(server.sent().map(withoutText)).to.deep.equal([
        hex`00000001 2000 00000009`,
        hex`00000001 2c00 00000204`, // ERROR, INVALID
      ]);
      expect(server.call.log).to.deep.equal(["error 0x204 local"]);
    });

    it("META-03: the metadata of METADATA_PUSH is the rest of the frame, without a length", () => {
      const server = openServer();
      server.receive(hex`00000000 3100 000001`);
      expect(server.log.at(-1)).to.equal("push 000001");
      server.connection.metadataPush(bytesOf("000002"));
      expect(server.sent()).to.deep.equal([hex`00000000 3100 000002`]);
    });

    it("META-03: the metadata of LEASE is the rest of the frame, without a length", () => {
      const lease = decodeFrame(
        bytesOf(hex`
          00000000   // stream 0
          0900       // LEASE, M
          00000064   // ttl 100 ms
          00000007   // 7 requests
          000001     // metadata
        `),
      );
      expect(lease).to.deep.include({ ttlMs: 100, requestCount: 7, metadata: bytesOf("000001") });
    });

    it("META-04: metadata that is empty and metadata that is absent are two things, in both directions", () => {
      const server = openServer();
      server.receive(
        hex`00000001 1100 000000 61`, // REQUEST_RESPONSE, M, length 0
        hex`00000003 1000 61`, // REQUEST_RESPONSE
      );
      expect(server.calls.map(({ metadata }) => metadata)).to.deep.equal(["", undefined]);
      server.calls[0]?.stream.next(bytesOf("62"), new Uint8Array(0));
      server.calls[1]?.stream.next(bytesOf("62"));
      expect(server.sent()).to.deep.equal([
        hex`00000001 2960 000000 62`, // PAYLOAD, M N C
        hex`00000003 2860 62`, // PAYLOAD, N C
      ]);
    });

    it("META-04: so are they when the payload is fragmented", () => {
      const client = openClient({ settings: { fragmentBytes: 64 } });
      client.open("request_response", { metadata: "", data: repeat("61", 60) });
      expect(client.sent()).to.deep.equal([
        hex`
          00000001   // stream 1
          1180       // REQUEST_RESPONSE, M F
          000000     // metadata length 0
          ${repeat("61", 52)}
        `,
        hex`
          00000001   // stream 1
          2820       // PAYLOAD, N, no M
          ${repeat("61", 8)}
        `,
      ]);
      const server = openServer();
      server.receive(hex`00000001 1180 000000 61`, hex`00000001 2820 62`, hex`00000003 1080 61`, hex`00000003 2820 62`);
      expect(server.calls.map(({ metadata, data }) => [metadata, data])).to.deep.equal([
        ["", "6162"],
        [undefined, "6162"],
      ]);
    });

    it("META-05: what metadata says is nothing to the protocol", () => {
      const server = openServer();
      server.receive(hex`00000001 1100 000004 ffffffff 61`);
      expect(server.call.metadata).to.equal("ffffffff");
      expect(server.sent()).to.deep.equal([]);
    });

    it("META-01: a decoder refuses a metadata length beyond the frame", () => {
      expect(() => decodeFrame(bytesOf(hex`00000001 1100 000002 6d`))).to.throw(
        FrameFormatError,
        "metadata needs 2 bytes",
      );
    });
  });
});
