// SPDX-License-Identifier: Apache-2.0
// RSocket 1.0 §ERROR, §Error Codes: the rules ERR.

import { expect } from "chai";
import { handlerOf } from "../../runtime/src/rsocket/responder.js";
import { ConnectionError, StreamError } from "../../runtime/src/session/errors.js";
import { bytesOf, hex, textHex, withoutText } from "../support/frames-dsl.js";
import { expectNoTrace, expectQuiet } from "../support/no-trace.js";
import { KEEPALIVE, KEEPALIVE_R, openClient, openServer, RecordingSink } from "../support/probe.js";

class ErrorSink extends RecordingSink {
  error: StreamError | ConnectionError | undefined;
  override onError(error: StreamError | ConnectionError): void {
    this.error = error;
    super.onError(error);
  }
}

describe("RSocket 1.0 §ERROR", () => {
  afterEach(expectNoTrace);

  for (const code of [0, 1, 2, 3, 4, 0x101, 0x102, 0x200, 0x205, 0x300, 0xffffffff]) {
    it(`ERR-01: 0x${code.toString(16)} can't be sent on a stream`, () => {
      const server = openServer();
      server.receive(hex`00000001 1000 61`);
      expect(() => server.call.stream.error(code, bytesOf(""))).to.throw(RangeError, "expected 0x201");
      server.call.stream.error(0x201, bytesOf(""));
      expect(server.sent()).to.deep.equal([hex`00000001 2c00 00000201`]);
    });
  }

  for (const code of [0, 0x201, 0x202, 0x203, 0x204, 0x301, 0xfffffffe, 0xffffffff]) {
    it(`ERR-01: 0x${code.toString(16)} on stream 0 means nothing to an open connection`, () => {
      for (const probe of [openServer(), openClient()]) {
        probe.receive(hex`00000000 2c00 ${code.toString(16).padStart(8, "0")} 61`, KEEPALIVE_R);
        expect(probe.sent()).to.deep.equal([KEEPALIVE]);
        expect(probe.connection.isOpen).to.equal(true);
      }
    });
  }

  it("ERR-02: the text is UTF-8, without an end, and may be empty", () => {
    const server = openServer();
    server.receive(hex`00000001 1000 61`, hex`00000003 1000 61`);
    server.calls[0]?.stream.error(0x201, new TextEncoder().encode("zu spät"));
    server.calls[1]?.stream.error(0x202, new Uint8Array(0));
    expect(server.sent()).to.deep.equal([
      hex`
        00000001               // stream 1
        2c00                   // ERROR
        00000201               // APPLICATION_ERROR
        7a7520 7370 c3a4 74    // "zu spät"
      `,
      hex`
        00000003               // stream 3
        2c00                   // ERROR
        00000202               // REJECTED
      `,
    ]);
  });

  it("ERR-02: data that isn't UTF-8 reaches the sink as it is", () => {
    const client = openClient();
    const sink = new ErrorSink();
    client.open("request_response", { sink });
    client.sent();
    client.receive(hex`00000001 2c00 00000201 00ff`);
    expect(sink.error).to.be.instanceOf(StreamError);
    expect((sink.error as StreamError).data).to.deep.equal(bytesOf("00ff"));
  });

  it("ERR-03: CONNECTION_ERROR ends the connection at once; everything pending on both sides fails", () => {
    for (const probe of [openServer(), openClient()]) {
      const id = probe.connection.side === "server" ? "00000001" : "00000002";
      const { log } = probe.open("request_stream", { n: 5 });
      probe.sent();
      probe.receive(hex`${id} 1000 61`, hex`00000000 2c00 00000101 ${textHex("bye")}`);
      expect(probe.call.log).to.deep.equal(["error connection 0x101 remote"]);
      expect(log).to.deep.equal(["error connection 0x101 remote"]);
      expect(probe.log.at(-1)).to.equal("closed 0x101 remote");
      expect(probe.connection.closeReason?.message).to.contain("bye");
      expect(probe.sent()).to.deep.equal([]);
    }
  });

  it("ERR-03: a connection that is ended by this side says CONNECTION_ERROR and drops what was queued", () => {
    const server = openServer();
    server.receive(hex`00000001 1000 61`);
    server.call.stream.next(bytesOf("62"));
    server.connection.abort(new ConnectionError(0x101, "going down", "local"));
    expect(server.sent()).to.deep.equal([hex`00000000 2c00 00000101 ${textHex("going down")}`]);
  });

  it("ERR-04: behind a received CONNECTION_CLOSE streams of both sides run to their end, then the connection ends", () => {
    const client = openClient();
    const mine = client.open("request_stream", { n: 5 });
    client.sent();
    client.receive(hex`00000002 1000 61`, hex`00000000 2c00 00000102`);
    expect(client.connection.state).to.equal("draining");
    expect(client.log.filter((entry) => entry === "draining")).to.have.length(1);
    client.receive(hex`00000001 2820 62`);
    client.call.stream.next(bytesOf("63"));
    expect(client.sent()).to.deep.equal([hex`00000002 2860 63`]);
    expect(client.connection.state).to.equal("draining");
    client.receive(hex`00000001 2840`);
    expect(mine.log).to.deep.equal(["next 62", "complete"]);
    expect(client.sent(), "no answer to it").to.deep.equal([]);
    expect(client.log.at(-1)).to.equal("closed 0x102 remote");
    expectQuiet(client.connection);
  });

  it("ERR-04: behind CONNECTION_CLOSE new requests of either side are refused", () => {
    const server = openServer();
    server.receive(hex`00000001 1000 61`, hex`00000000 2c00 00000102`, hex`00000003 1000 61`, hex`00000005 1400 61`);
    expect(server.calls).to.have.length(1);
    expect(server.sent().map(withoutText)).to.deep.equal([hex`00000003 2c00 00000202`]); // ERROR, REJECTED
    expect(() => server.open("request_response")).to.throw("CONNECTION_CLOSE");
  });

  it("ERR-04: CONNECTION_CLOSE without streams ends the connection at once", () => {
    const server = openServer();
    server.receive(hex`00000000 2c00 00000102`);
    expect(server.log.at(-1)).to.equal("closed 0x102 remote");
    expect(server.sent()).to.deep.equal([]);
  });

  it("ERR-04: closing, a peer of unknown make hears of it with the end of the last stream", () => {
    const client = openClient();
    const { log } = client.open("request_response");
    client.sent();
    client.connection.close("that's all");
    expect(client.sent()).to.deep.equal([]);
    client.receive(hex`00000001 2860 62`);
    expect(log).to.deep.equal(["next 62 complete"]);
    expect(client.sent()).to.deep.equal([hex`00000000 2c00 00000102 ${textHex("that's all")}`]);
    expect(client.log.at(-1)).to.equal("closed 0x102 local");
  });

  it("ERR-04: closing, a peer of ours is told at once and goes on with its streams", () => {
    const client = openClient();
    client.connection.peer.receiveHello(1);
    const { log } = client.open("request_response");
    client.sent();
    client.connection.close("that's all");
    expect(client.sent()).to.deep.equal([hex`00000000 2c00 00000102 ${textHex("that's all")}`]);
    client.receive(hex`00000001 2860 62`);
    expect(log).to.deep.equal(["next 62 complete"]);
    expect(client.sent(), "it isn't said twice").to.deep.equal([]);
    expect(client.log.at(-1)).to.equal("closed 0x102 local");
  });

  it("ERR-04: closing with time to spare, a peer of ours is the one that closes; what crossed our word is answered", () => {
    const server = openServer();
    server.connection.peer.receiveHello(1);
    server.connection.close("over", 1_000);
    expect(server.sent()).to.deep.equal([hex`00000000 2c00 00000102 ${textHex("over")}`]);
    server.receive(hex`00000001 1000 61`, hex`00000003 1400 61`); // REQUEST_RESPONSE, REQUEST_FNF
    expect(server.sent()).to.deep.equal([hex`00000001 2c00 00000202 ${textHex("over")}`]); // ERROR, REJECTED
    expect(
      server.calls.map(({ stream }) => stream.interaction),
      "nothing could refuse it",
    ).to.deep.equal(["fire_and_forget"]);
    expect(server.connection.state).to.equal("draining");
    server.connection.linkLost(undefined);
    expect(server.log.at(-1)).to.equal("closed 0x102 local");
  });

  it("ERR-04: closing with time to spare, a peer of ours that doesn't close is left in the end", () => {
    const server = openServer();
    server.connection.peer.receiveHello(1);
    server.receive(hex`00000001 1000 61`);
    server.connection.close("over", 1_000);
    expect(server.sent()).to.have.length(1);
    server.advance(5_000);
    server.call.stream.next(bytesOf("62"));
    expect(server.sent()).to.deep.equal([hex`00000001 2860 62`]);
    server.advance(999);
    expect(server.connection.state).to.equal("draining");
    server.advance(1);
    expect(server.log.at(-1)).to.equal("closed 0x102 local");
    expect(server.sent(), "it isn't said twice").to.deep.equal([]);
    expectQuiet(server.connection);
  });

  it("ERR-04: closing with time to spare, a peer of unknown make isn't waited for", () => {
    const server = openServer();
    server.receive(hex`00000001 1000 61`);
    server.connection.close("over", 1_000);
    server.receive(hex`00000003 1400 63`); // served, since it doesn't know yet and can't be told
    expect(server.calls).to.have.length(2);
    server.calls[0]?.stream.next(bytesOf("62"));
    expect(server.sent()).to.deep.equal([hex`00000001 2860 62`, hex`00000000 2c00 00000102 ${textHex("over")}`]);
    expect(server.log.at(-1)).to.equal("closed 0x102 local");
  });

  it("ERR-04: closing waits until the last answer is with the link", () => {
    const server = openServer();
    server.receive(hex`00000001 1000 61`);
    server.connection.close("over");
    server.call.stream.next(bytesOf("62"));
    expect(server.connection.state).to.equal("draining");
    expect(server.sent()).to.deep.equal([hex`00000001 2860 62`, hex`00000000 2c00 00000102 ${textHex("over")}`]);
    expect(server.connection.state).to.equal("closed");
  });

  for (const code of ["00000301", "7fffffff", "80000000", "fffffffe"]) {
    it(`ERR-05: the application's code 0x${code} passes in both directions, unsigned`, () => {
      const client = openClient();
      const sink = new ErrorSink();
      client.open("request_response", { sink });
      client.sent();
      client.receive(hex`00000001 2c00 ${code} 61`, hex`00000002 1000 61`);
      expect(sink.error?.code).to.equal(Number.parseInt(code, 16));
      client.call.stream.error(Number.parseInt(code, 16), bytesOf("61"));
      expect(client.sent()).to.deep.equal([hex`00000002 2c00 ${code} 61`]);
    });
  }

  it("ERR-06: a handler's failure goes out as APPLICATION_ERROR behind what it sent", () => {
    const server = openServer();
    server.receive(hex`00000001 1800 00000005 61`);
    server.call.stream.next(bytesOf("62"));
    server.call.stream.error(0x201, bytesOf(textHex("boom")));
    expect(server.sent()).to.deep.equal([hex`00000001 2820 62`, hex`00000001 2c00 00000201 ${textHex("boom")}`]);
  });

  it("ERR-07: REJECTED goes out only for a request whose handler was never called", () => {
    const server = openServer({ settings: { limits: { maxInboundStreams: 1 } } });
    server.receive(hex`00000001 1000 61`, hex`00000003 1000 62`, hex`00000005 1880 00000001 63`, hex`00000005 2820 64`);
    expect(server.calls.map(({ data }) => data)).to.deep.equal(["61"]);
    expect(server.sent().map(withoutText)).to.deep.equal([hex`00000003 2c00 00000202`, hex`00000005 2c00 00000202`]);
  });

  it("ERR-07: a request that is broken off before it is whole is REJECTED, one that broke a limit is INVALID", () => {
    const server = openServer({ settings: { limits: { maxReassemblyBytes: 3, maxMessageBytes: 2 } } });
    server.receive(hex`00000001 1080 6162`, hex`00000003 1080 6162`, hex`00000001 28a0 61`);
    expect(server.sent().map(withoutText)).to.deep.equal([hex`00000003 2c00 00000202`, hex`00000001 2c00 00000204`]);
    expect(server.calls).to.deep.equal([]);
  });

  it("ERR-07: nor does a request that runs end with REJECTED when an item of it is broken off: it is CANCELED", () => {
    const server = openServer({
      settings: { limits: { maxReassemblyBytes: 3 } },
      onRequest: ({ stream }) => stream.request(9),
    });
    server.receive(hex`00000001 1c00 00000001 61`, hex`00000001 28a0 61626364`);
    expect(server.call.log).to.deep.equal(["error 0x203 local"]);
    expect(server.sent().map(withoutText)).to.deep.equal([
      hex`00000001 2000 00000009`,
      hex`00000001 2c00 00000203`, // ERROR, CANCELED
    ]);
  });

  it("ERR-06: what a handler throws goes out as APPLICATION_ERROR, for every kind of request that has an answer", () => {
    const thrown: unknown[] = [];
    const boom = (): never => {
      throw new Error("boom");
    };
    const handle = handlerOf({
      requestResponse: boom,
      requestStream: boom,
      requestChannel: boom,
      fireAndForget: boom,
      onHandlerError: (error) => thrown.push(error),
    });
    const server = openServer();
    server.onRequest = handle;
    server.receive(
      hex`00000001 1000 61`, // REQUEST_RESPONSE
      hex`00000003 1400 61`, // REQUEST_FNF
      hex`00000005 1800 00000001 61`, // REQUEST_STREAM
      hex`00000007 1c00 00000001 61`, // REQUEST_CHANNEL
    );
    expect(server.sent()).to.deep.equal(
      ["00000001", "00000005", "00000007"].map(
        (id) => hex`
          ${id}
          2c00       // ERROR
          00000201   // APPLICATION_ERROR
          ${textHex("internal error")}
        `,
      ),
    );
    expect(thrown).to.have.length(4);
  });

  it("ERR-06: a requester of a channel can fail, too", () => {
    const client = openClient();
    const { stream, log } = client.open("request_channel", { n: 1 });
    client.sent();
    stream.error(0x201, bytesOf(textHex("boom")));
    expect(client.sent()).to.deep.equal([hex`00000001 2c00 00000201 ${textHex("boom")}`]);
    expect(log).to.deep.equal([]);
    expectQuiet(client.connection);
  });
});
