// SPDX-License-Identifier: Apache-2.0
// What an observer hears of refusals, limits and closes, at which rate, and what a server counts.

import { expect } from "chai";
import { Code, type Incident, RpcError } from "rsocket-rpc";
import {
  createTickerClient,
  implementTicker,
  unimplementedTicker,
} from "../../../examples/hello/gen/ticker_rsocket.js";
import { textHex, uint } from "../../support/frames-dsl.js";
import { leavesNoTrace, RpcWorld, rejectionOf, SETUP_UNKNOWN } from "../../support/rpc-world.js";

/** REQUEST_RESPONSE with RPC metadata for this method, and no message. */
function request(streamId: number, method: string): string {
  const service = "demo.v1.Ticker";
  const metadata = `0001${uint(service.length, 2)}${textHex(service)}${uint(method.length, 2)}${textHex(method)}0000`;
  return `${uint(streamId, 4)}1100${uint(metadata.length / 2, 3)}${metadata}`;
}

describe("incidents", () => {
  let world: RpcWorld;
  let told: Incident[];
  const observer = { onIncident: (incident: Incident) => void told.push(incident) };
  const inWords = (): string[] =>
    told.splice(0).map(({ kind, code, initiator, reason, count }) => `${count} ${kind} ${code} ${initiator} ${reason}`);

  beforeEach(() => {
    world = new RpcWorld();
    told = [];
  });
  afterEach(leavesNoTrace);

  it("are requests for what isn't there, ten a second of them, all of them counted", async () => {
    const services = [implementTicker(unimplementedTicker)];
    const { server, peer } = await world.serveSetUp({ services, observer }, SETUP_UNKNOWN);
    for (let i = 0; i < 15; i++) peer.send(request(1 + 2 * i, "Nope"));
    await world.scheduler.settle();
    const one = "1 request_refused 513 local unknown method demo.v1.Ticker.Nope";
    expect(inWords()).to.deep.equal(Array(10).fill(one));
    await world.scheduler.advance(1_000);
    peer.send(request(101, "Nope"));
    await world.scheduler.settle();
    expect(inWords()).to.deep.equal([one.replace("1", "6")]);
    expect(server.stats()).to.include({ requestsRefused: 16, connectionsRefused: 0, connectionsClosed: 0 });
  });

  it("are limits of a stream, which the peer and the observer hear of", async () => {
    const services = [
      implementTicker({
        ...unimplementedTicker,
        last: (_request, { signal }) =>
          new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
      }),
    ];
    const limits = { maxInboundStreams: 1, maxMetadataBytes: 100 };
    const { peer } = await world.serveSetUp({ services, observer, limits }, SETUP_UNKNOWN);
    peer.send(`0000000111000000c8${"00".repeat(200)}`); // 200 bytes of metadata
    await world.scheduler.settle();
    expect(inWords()).to.deep.equal([
      "1 request_refused 516 local metadata of 200 bytes is above maxMetadataBytes, 100",
    ]);
    peer.send(request(3, "Last"));
    peer.send(request(5, "Last"));
    await world.scheduler.settle();
    expect(inWords()).to.deep.equal(["1 request_refused 514 local more than 1 streams"]);
    peer.send("00000003 2400"); // CANCEL
    await world.scheduler.settle();
  });

  it("are connections that aren't let in, with the reason that their peer may not have heard", async () => {
    const accept = () => {
      throw new RpcError(Code.Unauthenticated, "who are you?");
    };
    const { server, peer } = await world.serveScripted({ services: [], observer, accept });
    peer.send(SETUP_UNKNOWN);
    await world.scheduler.settle();
    const [refused] = told;
    expect(refused?.peer.transport).to.equal("in-process");
    expect(inWords()).to.deep.equal(["1 connection_refused 3 local who are you?"]);
    expect(server.stats()).to.include({ connectionsRefused: 1, connectionsClosed: 0, connections: 0 });
  });

  it("are ends of connections: in order, by a limit, by the peer", async () => {
    const limits = { controlBurst: 2, controlsPerSecond: 1 };
    const { connect, peer } = await world.serveSetUp({ services: [], observer, limits }, SETUP_UNKNOWN);
    for (let i = 0; i < 3; i++) peer.send("0000000031006d"); // METADATA_PUSH
    await world.scheduler.settle();
    expect(inWords()).to.deep.equal([
      "1 connection_closed 257 local more than 1 KEEPALIVE or METADATA_PUSH frames a second",
    ]);
    const second = connect();
    second.send(SETUP_UNKNOWN);
    await world.scheduler.settle();
    second.send(`000000002c00${"00000102"}${textHex("bye")}`);
    await world.scheduler.settle();
    expect(inWords()).to.deep.equal(["1 connection_closed 258 remote CONNECTION_CLOSE (0x102): bye"]);
  });

  it("are lines of a log, whatever a peer says: short ones, of which it can't make two", async () => {
    const { connect, peer } = await world.serveSetUp({ services: [], observer }, SETUP_UNKNOWN);
    peer.send(`000000002c00${"00000101"}${textHex("bye\r\n12:00 root has logged in \u001b[31m\u202e\u2028")}`);
    await world.scheduler.settle();
    const said = "bye  12:00 root has logged in  [31m  ";
    expect(inWords()).to.deep.equal([`1 connection_closed 257 remote CONNECTION_ERROR (0x101): ${said}`]);
    const second = connect();
    second.send(SETUP_UNKNOWN);
    await world.scheduler.settle();
    second.send(`000000002c00${"00000101"}${"610a".repeat(50_000)}`);
    await world.scheduler.settle();
    expect(told[0]?.reason).to.match(/^CONNECTION_ERROR \(0x101\): (a )+a?$/);
    expect(told[0]?.reason).to.have.length(1_024);
  });

  it("are told on the client's side, too", async () => {
    const { connection, peer } = await world.connectScripted({ observer }, false);
    peer.send(request(2, "Last"));
    await world.scheduler.settle();
    expect(inWords()).to.deep.equal(["1 request_refused 513 local can not find service: this client serves none"]);
    const last = world.run(rejectionOf(createTickerClient(connection).last({})));
    await world.scheduler.settle();
    peer.send(`000000002c00${"00000101"}${textHex("boom")}`);
    expect(await last).to.include({ code: Code.Unavailable });
    expect(inWords()).to.deep.equal(["1 connection_closed 257 remote CONNECTION_ERROR (0x101): boom"]);
  });

  it("stand beside what the server holds: connections, streams, handlers, bytes", async () => {
    let finish = (): void => {};
    const services = [
      implementTicker({
        ...unimplementedTicker,
        last: () =>
          new Promise((resolve) => {
            finish = () => resolve({});
          }),
      }),
    ];
    const { server, peer } = await world.serveSetUp({ services }, SETUP_UNKNOWN);
    peer.send(request(1, "Last"));
    peer.send(`000000031080${"0a03"}`); // a REQUEST_RESPONSE of which more follows
    await world.scheduler.settle();
    expect(server.stats()).to.deep.equal({
      connections: 1,
      sessions: 0,
      streams: 2,
      handlers: 1,
      bytesQueued: 0,
      bytesUnfinished: 2,
      bytesResumable: 0,
      handshakesRefused: 0,
      connectionsRefused: 0,
      connectionsClosed: 0,
      requestsRefused: 0,
    });
    finish();
    peer.send("00000003 2400");
    await world.scheduler.settle();
    expect(server.stats()).to.include({ streams: 0, handlers: 0, bytesUnfinished: 0 });
  });
});
