// SPDX-License-Identifier: Apache-2.0
// The presets of rsocket-rpc/compat: what a driver's frames come to with each, and without.
// Frames of rsocket-rust, rsocket-go and rsocket-rpc-java are captured; those of rsocket-cpp, -net and -swift are written after their source.

import { expect } from "chai";
import type { Compatibility } from "rsocket-rpc";
import { handleUnary, method, serviceHandler } from "rsocket-rpc/codegen";
import { rsocketCpp, rsocketGo, rsocketNet, rsocketRpcJava, rsocketRust, rsocketSwift } from "rsocket-rpc/compat";
import { resolveSettings } from "../../../runtime/src/session/settings.js";
import { hex, textHex, uint } from "../../support/frames-dsl.js";
import { expectNoTrace } from "../../support/no-trace.js";
import { newServer, openClient, openServer } from "../../support/probe.js";
import { findConversation, framesOf } from "../../support/rpc-captured.js";
import { TEXT } from "../../support/rpc-simple-service.js";
import { leavesNoTrace, RpcWorld, SETUP_UNKNOWN } from "../../support/rpc-world.js";

/** What a call on stream 1 heard of `frames`. */
function heard(interaction: "request_response" | "request_stream", frames: readonly string[], given?: Compatibility) {
  const client = openClient(given === undefined ? {} : { settings: { compatibility: given } });
  const { log } = client.open(interaction, { n: 9 });
  client.receive(...frames);
  return log;
}

describe("presets for the sessions of other drivers", () => {
  afterEach(expectNoTrace);

  it("rsocketRust: an answer whose first fragment carries C is read whole; without, its first 58 bytes are all (captured)", () => {
    const answers = framesOf(findConversation("rust", "fragmented-large_unary"), "server->client");
    const frames = answers.filter((frame) => frame.startsWith("00000001"));
    const data = frames.map((frame) => frame.slice(12));
    expect(frames.map((frame) => frame.slice(8, 12))).to.deep.equal(["28e0", "2880", "2880", "2860"]);
    expect(heard("request_response", frames, rsocketRust)).to.deep.equal([`next ${data.join("")} complete`]);
    expect(heard("request_response", frames)).to.deep.equal([`next ${data[0]} complete`]);
  });

  it("rsocketGo: an answer whose first fragment carries C is read whole; without, its first 58 bytes are all (captured)", () => {
    const answers = framesOf(findConversation("go", "fragmented-large_unary"), "server->client");
    const frames = answers.filter((frame) => frame.startsWith("00000001"));
    const data = frames.map((frame) => frame.slice(12));
    expect(frames.map((frame) => frame.slice(8, 12))).to.deep.equal(["28e0", "28a0", "28a0", "2820"]);
    expect(heard("request_response", frames, rsocketGo)).to.deep.equal([`next ${data.join("")} complete`]);
    expect(heard("request_response", frames)).to.deep.equal([`next ${data[0]} complete`]);
  });

  it("rsocketRpcJava: an answer whose first fragment carries C is read whole; without, its first 58 bytes are all (captured)", () => {
    const answers = framesOf(findConversation("java-rpc-0.2", "mtu64-large_unary"), "server->client");
    const frames = answers.filter((frame) => frame.startsWith("00000001"));
    const data = frames.map((frame) => frame.slice(12));
    // F C N, four times F N, and the last without C
    expect(frames.map((frame) => frame.slice(8, 12))).to.deep.equal(["28e0", "28a0", "28a0", "28a0", "28a0", "2820"]);
    expect(heard("request_response", frames, rsocketRpcJava)).to.deep.equal([`next ${data.join("")} complete`]);
    expect(heard("request_response", frames)).to.deep.equal([`next ${data[0]} complete`]);
  });

  it("rsocketCpp: an item whose every fragment carries C is read whole; without, the first ends it (after its source)", () => {
    const frames = [
      hex`00000001 28e0 61`, // PAYLOAD, F C N
      hex`00000001 28e0 62`, // PAYLOAD, F C N
      hex`00000001 2860 63`, // PAYLOAD, C N
    ];
    expect(heard("request_stream", frames, rsocketCpp)).to.deep.equal(["next 616263 complete"]);
    expect(heard("request_stream", frames)).to.deep.equal(["next 61 complete"]);
  });

  it("rsocketGo: a channel's requester hears no CANCEL; without, it does (request captured)", () => {
    const [, request = ""] = framesOf(findConversation("go", "client_streaming"), "client->server");
    const said = [rsocketGo, {}].map((compatibility) => {
      const server = openServer({ settings: { compatibility } });
      server.receive(request);
      server.sent();
      server.call.stream.cancel();
      const sent = server.sent();
      server.call.stream.complete();
      return sent;
    });
    expect(said).to.deep.equal([[], [hex`00000001 2400`]]);
  });

  it("rsocketNet: its silence is no death; without, the connection ends (after its source)", () => {
    const states = [rsocketNet, {}].map((compatibility) => {
      const client = openClient({ settings: { compatibility } });
      client.advance(1_000_000);
      client.sent();
      return client.connection.state;
    });
    expect(states).to.deep.equal(["open", "closed"]);
  });

  it("rsocketSwift: SETUP with keepalive 0 is accepted; without, refused as INVALID_SETUP (after its source)", () => {
    const setup = hex`
      00000000 0400 0001 0000  // SETUP, version 1.0
      00000000                 // keepalive 0
      00015f90                 // lifetime 90,000 ms
      01 6d 01 64              // mime types
    `;
    const tolerant = newServer({ settings: { compatibility: rsocketSwift } });
    tolerant.receive(setup);
    expect([tolerant.log, tolerant.sent()]).to.deep.equal([["setup"], []]);
    const strict = newServer();
    strict.receive(setup);
    const [error = ""] = strict.sent();
    expect(error.slice(0, 20)).to.equal(hex`00000000 2c00 00000001`);
  });
});

describe("presets for the calls of other drivers", () => {
  afterEach(leavesNoTrace);

  for (const [name, preset, service, called] of [
    ["rsocketGo", rsocketGo, ".Np", "get"],
    ["rsocketNet", rsocketNet, "Np", "Get"],
  ] as const) {
    it(`${name}: ${service}/${called} is served as Np/get; without, ERROR 0x201 (after its generator)`, async () => {
      const length = (bytes: string): string => uint(bytes.length / 2, 2) + bytes;
      const metadata = `0001${length(textHex(service))}${length(textHex(called))}0000`;
      const request = `00000001${"1100"}${uint(metadata.length / 2, 3)}${metadata}`;
      const info = { service: "Np", name: "get", kind: "unary", interaction: "request_response" } as const;
      const get = method({ ...info, idempotency: "unknown", input: TEXT, output: TEXT });
      const services = [serviceHandler("Np", [handleUnary(get, () => ({ text: "" }))])];
      const answers: (string | undefined)[] = [];
      for (const compatibility of [preset, {}]) {
        const world = new RpcWorld();
        const server = await world.serveSetUp({ services, compatibility }, SETUP_UNKNOWN);
        server.peer.send(request);
        await world.scheduler.settle();
        answers.push(server.peer.take()[0]?.slice(0, 20));
        // The same for what a client serves.
        const client = await world.connectScripted({ services, compatibility }, false);
        client.peer.send(request.replace(/^00000001/, "00000002"));
        await world.scheduler.settle();
        answers.push(client.peer.take()[0]?.slice(0, 20));
      }
      expect(answers).to.deep.equal(["000000012860", "000000022860", "000000012c0000000201", "000000022c0000000201"]);
    });
  }
});

describe("the option compatibility", () => {
  it("refuses a switch that there isn't, naming it and those that there are", () => {
    expect(() => resolveSettings({ compatibility: { followWins: true } as never })).to.throw(
      RangeError,
      "option compatibility.followWins is unknown, expected one of serverKeepalive, followsWins, peerMayBeSilent, " +
        "acceptZeroKeepalive, cancelChannelInput, leadingDot, capitalizedMethods, announcePerRequest, repeatChannelMetadata",
    );
  });

  it("refuses a value that is no boolean", () => {
    expect(() => resolveSettings({ compatibility: { followsWins: 1 } as never })).to.throw(
      RangeError,
      "compatibility.followsWins is 1, expected a boolean",
    );
  });

  it("takes presets together, and whole on the payload level too", () => {
    const settings = resolveSettings({ compatibility: { ...rsocketGo, ...rsocketRust } });
    expect(settings).to.deep.include({ cancelChannelInput: false, followsWins: true, peerMayBeSilent: false });
    expect(settings).not.to.have.property("leadingDot");
  });
});
