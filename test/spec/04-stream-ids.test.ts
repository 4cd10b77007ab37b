// SPDX-License-Identifier: Apache-2.0
// RSocket 1.0 §Stream Identifiers: the rules SID.

import { expect } from "chai";
import { StreamIds } from "../../runtime/src/session/stream-ids.js";
import { bytesOf, hex, withoutText } from "../support/frames-dsl.js";
import { expectNoTrace, expectQuiet } from "../support/no-trace.js";
import { KEEPALIVE, KEEPALIVE_R, openClient, openServer } from "../support/probe.js";

describe("RSocket 1.0 §Stream Identifiers", () => {
  afterEach(expectNoTrace);

  for (const [type, n] of [
    ["1000", ""],
    ["1400", ""],
    ["1800", "00000001"],
    ["1c00", "00000001"],
  ] as const) {
    it(`SID-01: a request on stream 0 (header ${type}) is not served and harms nothing`, () => {
      for (const probe of [openServer(), openClient()]) {
        probe.receive(
          hex`
            00000000   // stream 0
            ${type}    // a request
            ${n}
            61
          `,
          KEEPALIVE_R,
        );
        expect(probe.calls).to.deep.equal([]);
        expect(probe.sent()).to.deep.equal([KEEPALIVE]);
      }
    });
  }

  it("SID-02: each live stream has its own id, and its frames reach it alone", () => {
    const client = openClient();
    const first = client.open("request_stream", { n: 5 });
    const second = client.open("request_stream", { n: 5 });
    client.sent();
    client.receive(
      hex`00000003 2820 62`, // PAYLOAD N on stream 3
      hex`00000001 2820 61`, // PAYLOAD N on stream 1
      hex`00000003 2840`, // PAYLOAD C on stream 3
      hex`00000001 2860 63`, // PAYLOAD N C on stream 1
    );
    expect(first.log).to.deep.equal(["next 61", "next 63 complete"]);
    expect(second.log).to.deep.equal(["next 62", "complete"]);
    expectQuiet(client.connection);
  });

  it("SID-03, SID-05: a client opens 1, 3, 5, … without gaps over all kinds of requests", () => {
    const client = openClient();
    client.open("fire_and_forget");
    client.open("request_response");
    client.open("request_stream", { n: 1 });
    client.open("request_channel", { n: 1 });
    client.open("fire_and_forget");
    expect(client.sent()).to.deep.equal([
      hex`00000001 1400`,
      hex`00000003 1000`,
      hex`00000005 1800 00000001`,
      hex`00000007 1c00 00000001`,
      hex`00000009 1400`,
    ]);
  });

  it("SID-04, SID-06: a server opens 2, 4, 6, … without gaps", () => {
    const server = openServer();
    server.open("request_response");
    server.open("fire_and_forget");
    server.open("request_channel", { n: 1 });
    expect(server.sent()).to.deep.equal([hex`00000002 1000`, hex`00000004 1400`, hex`00000006 1c00 00000001`]);
  });

  it("SID-03: an id of the receiver's own is refused, and silently so for fire-and-forget", () => {
    const server = openServer();
    server.receive(
      hex`00000002 1000 61`, // REQUEST_RESPONSE on an even stream
      hex`00000004 1400 61`, // REQUEST_FNF on another
    );
    expect(server.sent().map(withoutText)).to.deep.equal([hex`00000002 2c00 00000202`]); // ERROR, REJECTED
    expect(server.calls).to.deep.equal([]);
    const client = openClient();
    client.receive(hex`00000001 1000 61`);
    expect(client.sent().map(withoutText)).to.deep.equal([hex`00000001 2c00 00000202`]);
  });

  it("SID-05: a responder serves ids in whatever order they come (rsocket-js 0.0.27 sends them so)", () => {
    const server = openServer();
    server.receive(hex`00000007 1000 61`, hex`00000003 1000 62`, hex`00000005 1000 63`);
    expect(server.calls.map(({ stream }) => stream.id)).to.deep.equal([7, 3, 5]);
  });

  it("SID-07: an id whose stream has ended is served again", () => {
    const server = openServer({ onRequest: ({ stream, data }) => stream.next(bytesOf(data)) });
    server.receive(hex`00000001 1000 61`, hex`00000001 1000 62`);
    expect(server.sent()).to.deep.equal([hex`00000001 2860 61`, hex`00000001 2860 62`]);
  });

  it("SID-08: behind 2^31-1 a client begins again with 1 and skips ids in use", () => {
    const client = openClient({ firstStreamId: 0x7ffffffd });
    client.open("request_response");
    client.open("request_response");
    client.open("request_response");
    expect(client.sent()).to.deep.equal([hex`7ffffffd 1000`, hex`7fffffff 1000`, hex`00000001 1000`]);
    // Stream 1 ends, 3 lives on when the ids come round again.
    client.receive(hex`00000001 2860`);
    client.open("request_response");
    expect(client.sent()).to.deep.equal([hex`00000003 1000`]);
  });

  it("SID-08: a client skips an id that is still in use", () => {
    const client = openClient({ firstStreamId: 0x7fffffff });
    client.open("request_response"); // 2^31-1
    client.open("request_response"); // 1
    client.open("request_response"); // 3
    client.sent();
    client.receive(hex`7fffffff 2860`, hex`00000003 2860`);
    const ids = [client.open("request_response"), client.open("request_response")].map(({ stream }) => stream.id);
    expect(ids).to.deep.equal([5, 7]);
  });

  it("SID-08: behind the largest even id a server begins again with 2", () => {
    const server = openServer({ firstStreamId: 0x7ffffffe });
    server.open("request_response");
    server.open("request_response");
    expect(server.sent()).to.deep.equal([hex`7ffffffe 1000`, hex`00000002 1000`]);
  });

  it("SID-08: a responder serves the wrapped ids, too", () => {
    const server = openServer({ onRequest: ({ stream, data }) => stream.next(bytesOf(data)) });
    server.receive(hex`7fffffff 1000 61`, hex`00000001 1000 62`);
    expect(server.sent()).to.deep.equal([hex`7fffffff 2860 61`, hex`00000001 2860 62`]);
  });

  it("SID-09: a request on an id in use isn't refused but ignored (UNX-01)", () => {
    const server = openServer();
    server.receive(hex`00000001 1000 61`, hex`00000001 1800 00000001 62`);
    expect(server.call.data).to.equal("61");
    expect(server.sent()).to.deep.equal([]);
  });

  it("SID-10: when all ids are in use no stream is opened", () => {
    // 2^30 live streams don't fit a test: here the ids end with 7.
    const ids = new StreamIds("client", 5, 7);
    expect(ids.allocate({ has: () => true })).to.equal(undefined);
    expect(ids.allocate({ has: (id) => id !== 3 })).to.equal(3);
  });

  it("SID-11: an id that became free isn't used again before the wrap", () => {
    const client = openClient();
    client.open("request_response");
    client.sent();
    client.receive(hex`00000001 2860`);
    client.open("request_response");
    expect(client.sent()).to.deep.equal([hex`00000003 1000`]);
  });
});
