// SPDX-License-Identifier: Apache-2.0
// The conventions of rsocket-rpc on top of RSocket 1.0: the rules RPC, by the bytes of a scripted peer.

import { expect } from "chai";
import { callClientStream } from "rsocket-rpc/codegen";
import { hex, textHex, uint, withoutText } from "../support/frames-dsl.js";
import { type Log, messages, SingleResponse, simpleServices } from "../support/rpc-simple-service.js";
import { leavesNoTrace, RpcWorld, type ScriptedClientSide, SETUP_UNKNOWN } from "../support/rpc-world.js";

const SERVICE = "io.rsocket.rpc.SimpleService";

const part = (text: string): string => hex`
  ${uint(text.length, 2)}
  ${textHex(text)}
`;

/** RPC metadata v1 behind its u24 length, without tracing and user metadata. */
function route(service: string, method: string): string {
  const metadata = hex`
    0001               // version 1
    ${part(service)}
    ${part(method)}
    0000               // no tracing
  `;
  return uint(metadata.length / 2, 3) + metadata;
}

/** A message with one string, which isn't longer than 127 bytes. */
const message = (text: string): string => hex`
  0a                   // field 1, bytes
  ${uint(text.length, 1)}
  ${textHex(text)}
`;

const REPLY = hex`
  00000063             // stream 99
  1100                 // REQUEST_RESPONSE, M
  ${route(SERVICE, "RequestReply")}
  ${message("a")}
`;
const ANSWER = hex`
  00000063             // stream 99
  2860                 // PAYLOAD, N C
  ${message("echo:a")}
`;

describe("rsocket-rpc conventions", () => {
  let world: RpcWorld;
  let log: Log;
  beforeEach(() => {
    world = new RpcWorld();
    log = [];
  });
  afterEach(leavesNoTrace);

  const serve = (): Promise<ScriptedClientSide> =>
    world.serveSetUp({ services: simpleServices(log), observer: { onHandlerError() {} } }, SETUP_UNKNOWN);

  /** What the server says to these frames; a call behind them is served. */
  async function answersTo(...frames: readonly string[]): Promise<string[]> {
    const { peer } = await serve();
    for (const frame of frames) peer.send(frame);
    await world.scheduler.settle();
    const answers = peer.take();
    expect(log).to.deep.equal([]);
    peer.send(REPLY);
    await world.scheduler.settle();
    expect(peer.take(), "the connection is unharmed").to.deep.equal([ANSWER]);
    return answers.map(withoutText);
  }

  it("RPC-01: metadata is version, service, method, tracing, each behind its length, and the user's bytes", async () => {
    const { peer } = await serve();
    peer.send(hex`
      00000001             // stream 1
      1100                 // REQUEST_RESPONSE, M
      000046               // 70 bytes of metadata
      0001                 // version 1
      001c ${textHex(SERVICE)}
      000c ${textHex("RequestReply")}
      0014                 // 20 bytes of tracing
      0008 ${textHex("trace-id")}
      0008 ${textHex("01234567")}
      fffe                 // the user's
      ${message("a")}
    `);
    await world.scheduler.settle();
    expect(peer.take()).to.deep.equal([hex`00000001 2860 ${message("echo:a")}`]);
    expect(log).to.deep.equal(["RequestReply a user=fffe trace=trace-id,01234567"]);
  });

  for (const [name, metadata] of [
    ["empty", hex`000000`],
    ["cut off in its version", hex`000001 00`],
    ["of another version", hex`00000a 0002 0001 61 0001 62 0000`],
    ["cut off in its service", hex`000005 0001 0009 61`],
    ["cut off in its method", hex`000008 0001 0001 61 0009 62`],
    ["cut off in its tracing", hex`00000b 0001 0001 61 0001 62 0009 00`],
  ] as const) {
    it(`RPC-02, META-05: metadata that is ${name} is answered INVALID on its stream, and by nothing for fire-and-forget`, async () => {
      const answers = await answersTo(
        hex`00000001 1100 ${metadata}`, // REQUEST_RESPONSE
        hex`00000003 1500 ${metadata}`, // REQUEST_FNF
        hex`00000005 1900 00000001 ${metadata}`, // REQUEST_STREAM
        hex`00000007 1d00 00000001 ${metadata}`, // REQUEST_CHANNEL
      );
      expect(answers).to.deep.equal(["1", "5", "7"].map((id) => hex`0000000${id} 2c00 00000204`));
    });
  }

  it("RPC-02: a request without metadata is answered INVALID on its stream", async () => {
    expect(await answersTo(hex`00000001 1000 61`, hex`00000003 1400 61`)).to.deep.equal([hex`00000001 2c00 00000204`]);
  });

  for (const [name, service, method] of [
    ["service", "no.Such", "RequestReply"],
    ["method", SERVICE, "Nope"],
  ] as const) {
    it(`RPC-03: an unknown ${name} is answered APPLICATION_ERROR, and by nothing for fire-and-forget`, async () => {
      const answers = await answersTo(
        hex`00000001 1100 ${route(service, method)}`,
        hex`00000003 1500 ${route(service, method)}`,
        hex`00000005 1900 00000001 ${route(service, method)}`,
        hex`00000007 1d00 00000001 ${route(service, method)}`,
      );
      expect(answers).to.deep.equal(["1", "5", "7"].map((id) => hex`0000000${id} 2c00 00000201`));
    });
  }

  it("RPC-04: a message that can't be decoded is answered INVALID on its stream, and by nothing for fire-and-forget", async () => {
    const answers = await answersTo(
      hex`00000001 1100 ${route(SERVICE, "RequestReply")} ff`,
      hex`00000003 1500 ${route(SERVICE, "FireAndForget")} ff`,
      hex`00000005 1900 00000001 ${route(SERVICE, "RequestStream")} ff`,
      hex`00000007 1d00 00000001 ${route(SERVICE, "StreamingRequestSingleResponse")} ff`,
    );
    const errors = answers.filter((frame) => frame.slice(8, 12) !== "2000"); // REQUEST_N
    expect(errors.sort()).to.deep.equal(["1", "5", "7"].map((id) => hex`0000000${id} 2c00 00000204`));
  });

  it("RPC-05: client streaming goes out as REQUEST_CHANNEL, with its route on the first frame alone; one answer ends it", async () => {
    const { connection, peer } = await world.connectScripted({}, false);
    const answer = callClientStream(connection, SingleResponse, messages("a", "b", "c"), undefined);
    await world.scheduler.settle();
    const [request = "", ...rest] = peer.take();
    expect(rest).to.deep.equal([]);
    expect(request.slice(0, 12)).to.equal(hex`00000001 1d00`); // REQUEST_CHANNEL, M
    expect(request.slice(20), "behind its initial n").to.equal(route(SERVICE, SingleResponse.name) + message("a"));
    peer.send(hex`00000001 2000 00000009`); // REQUEST_N
    await world.scheduler.settle();
    expect(peer.take()).to.deep.equal([
      hex`00000001 2820 ${message("b")}`, // PAYLOAD, N, no M
      hex`00000001 2820 ${message("c")}`,
      hex`00000001 2840`, // PAYLOAD, C
    ]);
    peer.send(hex`00000001 2860 ${message("done")}`);
    expect(await world.run(answer)).to.deep.equal({ text: "done" });
  });

  it("RPC-05: client streaming is served from a REQUEST_CHANNEL whose route stands on its first frame alone", async () => {
    const { peer } = await serve();
    peer.send(hex`
      00000001             // stream 1
      1d00                 // REQUEST_CHANNEL, M
      00000001             // initial n 1
      ${route(SERVICE, SingleResponse.name)}
      ${message("a")}
    `);
    peer.send(hex`00000001 2820 ${message("b")}`);
    peer.send(hex`00000001 2860 ${message("c")}`);
    await world.scheduler.settle();
    const answers = peer.take().filter((frame) => frame.slice(8, 12) !== "2000"); // REQUEST_N
    expect(answers).to.deep.equal([hex`00000001 2820 ${message("got 3: a,b,c")}`, hex`00000001 2840`]);
  });
});
