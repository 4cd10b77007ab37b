// SPDX-License-Identifier: Apache-2.0
// Requests on the payload level that wait for a lease: their handles, their sinks, and what becomes of them.

import { expect } from "chai";
import {
  type ClientLeaseOptions,
  connectRSocket,
  type RSocketConnection,
  type StreamHandle,
  type StreamSink,
} from "rsocket-rpc/rsocket";
import { type ScriptedPeer, scriptedPeer, VirtualScheduler } from "rsocket-rpc/testing";
import { hex } from "../../support/frames-dsl.js";
import { KEEPALIVE } from "../../support/rpc-world.js";

/** LEASE for a second. */
const lease = (count: string): string => hex`00000000 0800 000003e8 ${count}`;
const PAYLOAD = { data: new Uint8Array([0x61]) };

describe("the payload level without a lease", () => {
  let scheduler: VirtualScheduler;
  let connection: RSocketConnection;
  let peer: ScriptedPeer;
  let log: string[];
  const sink = (name: string): Partial<StreamSink> => ({
    onNext: () => log.push(`${name} next`),
    onComplete: () => log.push(`${name} complete`),
    onError: (error) => log.push(`${name} ${error.name} 0x${error.code.toString(16)} ${error.message}`),
  });

  async function connect(options: boolean | ClientLeaseOptions = { strategy: false }, maxCallsWithoutLease = 10) {
    scheduler = new VirtualScheduler();
    log = [];
    const [link, scripted] = scriptedPeer(scheduler);
    peer = scripted;
    const limits = { maxCallsWithoutLease };
    const connecting = connectRSocket({
      dialer: { dial: () => Promise.resolve(link) },
      scheduler,
      lease: options,
      settings: { limits },
    });
    await scheduler.settle();
    peer.send(KEEPALIVE);
    connection = await scheduler.run(connecting);
    peer.take();
  }

  async function granted(count: string): Promise<string[]> {
    peer.send(lease(count));
    await scheduler.settle();
    return peer.take();
  }

  afterEach(async function () {
    if (this.currentTest?.state === "failed") return;
    peer.abort();
    await scheduler.settle();
    expect(connection.streamCount, "streams").to.equal(0);
    expect(scheduler.timerCount, "timers").to.equal(0);
  });

  it("requests of every kind wait, and go out in order with the next LEASE", async () => {
    await connect();
    connection.requestResponse(PAYLOAD, sink("a"));
    connection.requestStream(PAYLOAD, 1, sink("b"));
    connection.fireAndForget(PAYLOAD, sink("c"));
    connection.requestChannel(PAYLOAD, 2, sink("d"));
    expect(await granted("00000000")).to.deep.equal([]);
    expect(await granted("00000003")).to.deep.equal([
      hex`00000001 1000 61`, // REQUEST_RESPONSE
      hex`00000003 1800 00000001 61`, // REQUEST_STREAM, n = 1
      hex`00000005 1400 61`, // REQUEST_FNF
    ]);
    expect(await granted("00000001")).to.deep.equal([
      hex`00000007 1c00 00000002 61`, // REQUEST_CHANNEL, n = 2
    ]);
    expect(log).to.deep.equal(["c complete"]);
  });

  it("one made behind others that wait doesn't overtake them", async () => {
    await connect();
    connection.requestResponse(PAYLOAD, sink("a"));
    peer.send(lease("00000005"));
    await scheduler.settle();
    expect(connection.lease?.allowance).to.equal(4);
    connection.requestResponse({ data: new Uint8Array([0x62]) }, sink("b"));
    await scheduler.settle();
    expect(peer.take()).to.deep.equal([hex`00000001 1000 61`, hex`00000003 1000 62`]);
  });

  it("what is asked of a handle that waits is made up for: credit, the end, giving up", async () => {
    await connect();
    const stream = connection.requestStream(PAYLOAD, 1, sink("a"));
    const channel = connection.requestChannel(PAYLOAD, 1, sink("b"));
    const [cancelled, failed] = [1, 2].map(() => connection.requestChannel(PAYLOAD, 1, sink("c"))) as [
      StreamHandle,
      StreamHandle,
    ];
    stream.request(4);
    expect(() => stream.request(0)).to.throw(RangeError);
    expect([channel.id, channel.credit, channel.mayProduce, channel.neverSent]).to.deep.equal([0, 0, false, true]);
    expect(() => channel.next(PAYLOAD.data)).to.throw(RangeError, "waits for a lease");
    channel.complete();
    cancelled.cancel();
    cancelled.cancel();
    failed.error(0x201, new Uint8Array(0));
    expect(cancelled.next(PAYLOAD.data)).to.equal(false);
    expect(await granted("00000009")).to.deep.equal([
      hex`00000001 1800 00000005 61`, // REQUEST_STREAM, n = 1 + 4
      hex`00000003 1c00 00000001 61`, // REQUEST_CHANNEL
      hex`00000003 2840`, // COMPLETE
    ]);
    expect(connection.lease?.allowance).to.equal(7);
    expect([channel.id, channel.mayProduce, channel.neverSent]).to.deep.equal([3, false, false]);
    stream.request(2);
    channel.cancel();
    await scheduler.settle();
    expect(peer.take()).to.deep.equal([hex`00000001 2000 00000002`, hex`00000003 2400`]);
    expect(log).to.deep.equal([]);
  });

  it("an initial n that can't be meant is told where it is given", async () => {
    await connect();
    expect(() => connection.requestStream(PAYLOAD, 0, {})).to.throw(RangeError, "initial request n 0");
    expect(() => connection.requestChannel(PAYLOAD, Number.NaN, {})).to.throw(RangeError, "initial request n NaN");
  });

  it("waitForLease: false, and one too many, fail as values for their sinks, later than the handle is there", async () => {
    const words = "StreamError 0x202 there is no lease for a request now";
    await connect({ waitForLease: false, strategy: false });
    connection.requestResponse(PAYLOAD, sink("a"));
    expect(log).to.deep.equal([]);
    await scheduler.settle();
    expect(log).to.deep.equal([`a ${words}`]);
    peer.abort();
    await scheduler.settle();
    await connect(true, 1);
    connection.requestResponse(PAYLOAD, sink("a"));
    const second = connection.requestResponse(PAYLOAD, sink("b"));
    await scheduler.settle();
    expect(log).to.deep.equal([`b ${words}`]);
    second.cancel();
    expect(second.neverSent).to.equal(true);
  });

  it("the end of the connection fails those that wait, once", async () => {
    await connect();
    connection.requestResponse(PAYLOAD, sink("a"));
    const given = connection.requestResponse(PAYLOAD, sink("b"));
    given.cancel();
    peer.abort();
    await scheduler.settle();
    expect(log).to.have.length(1);
    expect(log[0]).to.match(/^a ConnectionError 0x101 connection lost/);
    expect(() => connection.requestResponse(PAYLOAD, sink("c"))).to.throw("connection lost");
  });
});
