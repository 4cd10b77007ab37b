// SPDX-License-Identifier: Apache-2.0
// The extensions "Composite Metadata", "Routing", "Authentication", "Per Stream Data MIME Types" and "Tracing (Zipkin)":
// where their entries stand on a connection, and what requests without or against them get.

import { expect } from "chai";
import { Code, type Connection, compositeMetadata } from "rsocket-rpc";
import type { ScriptedPeer } from "rsocket-rpc/testing";
import {
  createTickerClient,
  implementTicker,
  type TickerClient,
  unimplementedTicker,
} from "../../examples/hello/gen/ticker_rsocket.js";
import { bytesOf, hex, hexOf, seeFrame, textHex } from "../support/frames-dsl.js";
import { collect, KEEPALIVE, leavesNoTrace, RpcWorld, rejectionOf } from "../support/rpc-world.js";

const COMPOSITE = textHex("message/x.rsocket.composite-metadata.v0");
const PROTOBUF = textHex("application/x-protobuf");
/** SETUP of a client in composite mode without metadata. */
const SETUP = `00000000040000010000${"00004e20"}${"00015f90"}${"27"}${COMPOSITE}${"16"}${PROTOBUF}`;
const routeOf = (route: string): string =>
  `fe0000${(route.length + 1).toString(16).padStart(2, "0")}${route.length.toString(16).padStart(2, "0")}${textHex(route)}`;
const LAST = routeOf("demo.v1.Ticker/Last");
const JSON_ENTRY = "fa00000185"; // the data is application/json
const ACCEPT_JSON = "fb00000185"; // so should the answer be
const ZIPKIN_ENTRY = "fd00000120"; // sampled
const AUTH_ENTRY = `fc00000481${textHex("abc")}`; // bearer

/** REQUEST_RESPONSE on stream 1 with this metadata and no data. */
const request = (metadata: string): string =>
  `00000001${"1100"}${(metadata.length / 2).toString(16).padStart(6, "0")}${metadata}`;

describe("RSocket extensions", () => {
  let world: RpcWorld;
  beforeEach(() => {
    world = new RpcWorld();
  });
  afterEach(leavesNoTrace);

  /** A client in composite mode, accepted by a server of another make. */
  async function connectComposite(
    token?: string,
  ): Promise<{ connection: Connection; ticker: TickerClient; peer: ScriptedPeer; setup: string }> {
    const { connecting, peer } = world.dialScripted({
      hello: false,
      metadataMode: compositeMetadata,
      ...(token === undefined ? {} : { bearerToken: token }),
    });
    await world.scheduler.settle();
    const [setup = ""] = peer.take();
    peer.send(KEEPALIVE);
    const connection = await world.run(connecting);
    return { connection, ticker: createTickerClient(connection), peer, setup };
  }

  /** All frames of a client that sends three lines and gets two. */
  async function chat(): Promise<string[]> {
    const { ticker, peer } = await connectComposite();
    const lines = world.run(
      collect(
        ticker.chat([{ text: "a" }, { text: "b" }, { text: "c" }], { tracing: { "x-b3-sampled": "1" }, prefetch: 1 }),
      ),
    );
    await world.scheduler.settle();
    peer.send("00000001 2000 00000008"); // REQUEST_N
    peer.send("00000001 2820 0a0178"); // an item, then the end
    await world.scheduler.settle();
    peer.send("00000001 2840");
    await lines;
    return peer.take().filter((frame) => !frame.startsWith("00000000"));
  }

  it("CM-01, RT-02: composite metadata and routing stand in REQUEST_* frames, and in no frame behind them", async () => {
    const { setup } = await connectComposite();
    expect(setup).to.equal(SETUP); // no metadata, though it names the type
    const [first = "", ...others] = await chat();
    expect(seeFrame(bytesOf(first))).to.include({ type: "REQUEST_CHANNEL" });
    expect(hexOf(seeFrame(bytesOf(first)).metadata ?? new Uint8Array(0))).to.contain(routeOf("demo.v1.Ticker.Chat"));
    expect(others.length).to.be.above(2);
    for (const frame of others) expect(seeFrame(bytesOf(frame)).metadata, frame).to.equal(undefined);
  });

  it("TZ-04: a trace stands in REQUEST_* frames alone, which is where it may", async () => {
    const [first = "", ...others] = await chat();
    expect(first).to.contain(ZIPKIN_ENTRY);
    for (const frame of others) expect(frame).not.to.contain(ZIPKIN_ENTRY);
  });

  it("AU-01: authentication stands in SETUP, and in no other frame unless the caller puts it into a request", async () => {
    const { ticker, peer, setup } = await connectComposite("abc");
    expect(setup.endsWith(`${"00000b"}${AUTH_ENTRY}`.slice(6))).to.equal(true);
    const bare = ticker.last({});
    await world.scheduler.settle();
    const own = ticker.last({}, { rawMetadata: bytesOf(AUTH_ENTRY) });
    await world.scheduler.settle();
    expect(peer.take().map((frame) => frame.includes(AUTH_ENTRY))).to.deep.equal([false, true]);
    peer.send("00000001 2860");
    peer.send("00000003 2860");
    await world.run(Promise.all([bare, own]));
  });

  it("MT-06: no frame of ours names a mime type of its stream: protobuf is what SETUP says", async () => {
    for (const frame of await chat()) expect(frame).to.not.match(/fa0000|fb0000/);
  });

  describe("a server of composite mode", () => {
    /** The frames that answer a request with `metadata`. */
    async function answerTo(metadata: string): Promise<string[]> {
      const services = [implementTicker({ ...unimplementedTicker, last: () => ({ symbol: "acme" }) })];
      const { peer } = await world.serveSetUp({ services }, SETUP);
      peer.send(request(metadata));
      await world.scheduler.settle();
      return peer.take().filter((frame) => !frame.startsWith("00000000"));
    }
    const ANSWER = hex`00000001 2860 ${"0a04"}${textHex("acme")}`; // PAYLOAD, N C
    /** ERROR[INVALID] on stream 1 with a text. */
    const refusal = (text: string): string => hex`00000001 2c00 00000204 ${textHex(text)}`;

    it("MT-03: takes data for what SETUP said when a request says nothing", async () => {
      expect(await answerTo(LAST)).to.deep.equal([ANSWER]);
    });

    it("MT-03, MT-04: takes a request that says protobuf, and declares nothing of an answer that is protobuf, too", async () => {
      expect(await answerTo(`${LAST}fa00000189fb0000028985`)).to.deep.equal([ANSWER]); // 0x09
    });

    it("MT-04: refuses to answer with a type that the requester doesn't expect", async () => {
      const [answer = ""] = await answerTo(LAST + ACCEPT_JSON);
      expect(answer).to.equal(
        refusal('the request accepts nothing but "application/json", expected application/x-protobuf'),
      );
    });

    it("MT-01: refuses data of another type instead of misreading it", async () => {
      const [answer = ""] = await answerTo(LAST + JSON_ENTRY);
      expect(answer).to.equal(refusal('the request\'s data is "application/json", expected application/x-protobuf'));
    });

    for (const [name, header, text] of [
      ["a key with a space", hex`0a03 612062 1201 78`, 'a header has the key "a b"'],
      ["a value that isn't UTF-8", hex`0a01 61 1202 ff78`, `the value of header "a" isn't UTF-8`],
      ["a value of two lines", hex`0a01 61 1203 780a78`, 'header "a" '],
    ] as const) {
      it(`refuses a call whose headers can't be: ${name}`, async () => {
        const envelope = `22${(header.length / 2).toString(16).padStart(2, "0")}${header}`; // headers, one
        const length = (envelope.length / 2).toString(16).padStart(6, "0");
        const [answer = ""] = await answerTo(`${LAST}17${textHex("message/x.rsocket-rpc.v1")}${length}${envelope}`);
        const { type, code, data } = seeFrame(bytesOf(answer));
        expect({ type, code }).to.deep.equal({ type: "ERROR", code: 0x204 });
        expect(new TextDecoder().decode(data)).to.contain(text);
      });
    }

    it("RT-02: refuses a request without routing, on its stream alone", async () => {
      const [answer = ""] = await answerTo(JSON_ENTRY);
      expect(answer).to.equal(refusal("the request has no routing entry, expected message/x.rsocket.routing.v0"));
    });
  });

  it("MT-05: an answer that names what it accepts is read as if it didn't", async () => {
    const { ticker, peer } = await connectComposite();
    const last = ticker.last({});
    await world.scheduler.settle();
    peer.send(hex`00000001 2960 000005 ${ACCEPT_JSON} ${"0a04"}${textHex("acme")}`);
    expect(await world.run(last)).to.include({ symbol: "acme" });
  });

  it("MT-04: an answer of a type that the caller can't read fails the call, which says so", async () => {
    const { ticker, peer } = await connectComposite();
    const last = world.run(rejectionOf(ticker.last({})));
    await world.scheduler.settle();
    peer.send(hex`00000001 2960 000005 ${JSON_ENTRY} ${textHex("{}")}`);
    const error = await last;
    expect(error).to.include({ code: Code.Internal });
    expect(String(error)).to.contain('the answer is "application/json", expected protobuf');
  });
});
