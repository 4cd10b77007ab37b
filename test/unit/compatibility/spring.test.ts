// SPDX-License-Identifier: Apache-2.0
// What Spring's RSocketRequester sends for route("service.method"), written by hand: composite metadata whose first entry is
// the route, then the application's own; bare messages as data. Handlers are called as by a client of ours.

import { expect } from "chai";
import { handleServerStream, handleUnary, method, serviceHandler } from "rsocket-rpc/codegen";
import { hex, textHex, uint } from "../../support/frames-dsl.js";
import { TEXT } from "../../support/rpc-simple-service.js";
import { leavesNoTrace, RpcWorld } from "../../support/rpc-world.js";

const COMPOSITE = "message/x.rsocket.composite-metadata.v0";
const PROTOBUF = "application/x-protobuf";
const SERVICE = "demo.Greeter";
/** SETUP 1.0, keepalive 20 s, lifetime 90 s. */
const SETUP = `${hex`00000000 0400 0001 0000 00004e20 00015f90`}${text8(COMPOSITE)}${text8(PROTOBUF)}`;

/** One byte of length, then the text. */
function text8(text: string): string {
  return uint(text.length, 1) + textHex(text);
}

/** Metadata with u24 length: the entry 0xfe (routing) with one tag, then `others`. */
function routed(route: string, others = ""): string {
  const tag = text8(route);
  const entries = `fe${uint(tag.length / 2, 3)}${tag}${others}`;
  return uint(entries.length / 2, 3) + entries;
}

/** An entry of a mime type that has no number. */
function entry(mimeType: string, payload: string): string {
  return uint(mimeType.length - 1, 1) + textHex(mimeType) + uint(payload.length / 2, 3) + payload;
}

describe("requests of Spring's RSocketRequester", () => {
  afterEach(leavesNoTrace);

  /** What the server sends behind `SETUP`, to each of these frames. */
  async function answersTo(...frames: readonly string[]): Promise<readonly string[]> {
    const info = { service: SERVICE, idempotency: "unknown", input: TEXT, output: TEXT } as const;
    const hello = method({ ...info, name: "Hello", kind: "unary", interaction: "request_response" });
    const count = method({ ...info, name: "Count", kind: "server_streaming", interaction: "request_stream" });
    const service = serviceHandler(SERVICE, [
      handleUnary(hello, ({ text }) => ({ text: `hello ${text}` })),
      handleServerStream(count, async function* () {
        yield { text: "1" };
        yield { text: "2" };
      }),
    ]);
    const world = new RpcWorld();
    const { peer } = await world.serveSetUp({ services: [service] }, SETUP);
    for (const frame of frames) peer.send(frame);
    await world.scheduler.settle();
    return peer.take();
  }

  it("route(service.method).data(message).retrieveMono() is a unary call", async () => {
    const request = `${hex`00000001 1100`}${routed("demo.Greeter.Hello")}${hex`0a 03`}${textHex("ann")}`;
    expect(await answersTo(request)).to.deep.equal([`${hex`00000001 2860 0a 09`}${textHex("hello ann")}`]);
  });

  it("retrieveFlux() is a server-streaming call", async () => {
    const request = `${hex`00000001 1900 7fffffff`}${routed("demo.Greeter.Count")}`;
    expect(await answersTo(request)).to.deep.equal([
      hex`00000001 2820 0a 01 31`, // PAYLOAD, N
      hex`00000001 2820 0a 01 32`, // PAYLOAD, N
      hex`00000001 2840`, // PAYLOAD, C
    ]);
  });

  it("entries behind the route, with credentials or of the application's own, are no hindrance", async () => {
    // 0xfc: authentication, type 0x80 simple, u16 length of the name, name and password
    const credentials = `80${uint(3, 2)}${textHex("ann")}${textHex("secret")}`;
    const others = `fc${uint(credentials.length / 2, 3)}${credentials}${entry("application/x.trace", "0102")}`;
    const request = `${hex`00000001 1100`}${routed("demo.Greeter.Hello", others)}`;
    expect(await answersTo(request)).to.deep.equal([`${hex`00000001 2860 0a 06`}${textHex("hello ")}`]);
  });

  it("a route that nobody serves is refused, and the next request is answered", async () => {
    const unknown = `${hex`00000001 1100`}${routed("demo.Greeter.Bye")}`;
    const known = `${hex`00000003 1100`}${routed("demo.Greeter.Hello")}`;
    const [refusal, answer] = await answersTo(unknown, known);
    expect(refusal).to.equal(`${hex`00000001 2c00 00000201`}${textHex("unknown method demo.Greeter.Bye")}`);
    expect(answer).to.equal(`${hex`00000003 2860 0a 06`}${textHex("hello ")}`);
  });
});
