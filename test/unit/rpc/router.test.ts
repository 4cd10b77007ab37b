// SPDX-License-Identifier: Apache-2.0
// From a request's metadata to its handler: every spelling of a route that peers use, and none that they don't.

import { expect } from "chai";
import type { CallContext, Compatibility } from "rsocket-rpc";
import {
  type BoundService,
  handleFireAndForget,
  handleUnary,
  type Method,
  method,
  serviceHandler,
  unimplemented,
} from "rsocket-rpc/codegen";
import { textHex, uint } from "../../support/frames-dsl.js";
import { TEXT, type Text } from "../../support/rpc-simple-service.js";
import { leavesNoTrace, RpcWorld, SETUP_UNKNOWN } from "../../support/rpc-world.js";

const COMPOSITE = textHex("message/x.rsocket.composite-metadata.v0");
/** SETUP in composite mode, without metadata. */
const SETUP_COMPOSITE = `0000000004000001000000004e2000015f90${"27"}${COMPOSITE}${"01"}${"64"}`;

const ROUTING = "message/x.rsocket.routing.v0";

const length = (hex: string): string => uint(hex.length / 2, 2) + hex;
/** RPC metadata v1. */
const rpc = (service: string, name: string, rest = "0000"): string =>
  `0001${length(textHex(service))}${length(textHex(name))}${rest}`;
/** A routing entry by its well-known id. */
const route = (text: string): string => `fe${uint(text.length + 1, 3)}${uint(text.length, 1)}${textHex(text)}`;
/** REQUEST_RESPONSE with metadata. */
const request = (id: number, metadata: string): string =>
  `${uint(id, 4)}1100${uint(metadata.length / 2, 3)}${metadata}`;

function unary(service: string, name: string): Method<Text, Text, Text, Text> {
  return method({
    service,
    name,
    kind: "unary",
    interaction: "request_response",
    idempotency: "unknown",
    input: TEXT,
    output: TEXT,
  });
}

describe("routes", () => {
  let world: RpcWorld;
  let called: string[];
  let contexts: CallContext[];
  beforeEach(() => {
    world = new RpcWorld();
    called = [];
    contexts = [];
  });
  afterEach(leavesNoTrace);

  function serving(service: string, ...names: readonly string[]): BoundService {
    return serviceHandler(
      service,
      names.map((name) =>
        handleUnary(unary(service, name), (_request, context) => {
          called.push(`${service}.${name}`);
          contexts.push(context);
          return { text: "" };
        }),
      ),
    );
  }

  /** What was called by requests with these metadata, or the ERROR's code and text. */
  async function call(
    setup: string,
    services: readonly BoundService[],
    metadata: readonly string[],
    compatibility: Compatibility = {},
  ): Promise<string[]> {
    const { peer } = await world.serveSetUp({ services, compatibility }, setup);
    const results: string[] = [];
    for (const [i, hex] of metadata.entries()) {
      called = [];
      peer.send(request(2 * i + 1, hex));
      await world.scheduler.settle();
      const [answer = ""] = peer.take();
      const isError = answer.slice(8, 12) === "2c00";
      results.push(isError ? `${answer.slice(17, 20)} ${Buffer.from(answer.slice(20), "hex")}` : called.join());
    }
    return results;
  }

  describe("in rpc mode", () => {
    it("name service and method, with tracing and user metadata or without", async () => {
      const services = [serving("a.B", "C", "D"), serving("a", "B")];
      const metadata = [
        rpc("a.B", "C"),
        rpc("a.B", "D"),
        rpc("a", "B"),
        rpc("a.B", "C", ""), // ends behind the method, as the old JS client sends it
        rpc("a.B", "C", `${"0008"}${"0001"}${"78"}${"0003"}${"313233"}`), // a trace
        rpc("a.B", "C", `${"0000"}${"0102ff"}`), // user metadata
        rpc("a.B", "C"),
      ];
      expect(await call(SETUP_UNKNOWN, services, metadata)).to.deep.equal([
        "a.B.C",
        "a.B.D",
        "a.B",
        "a.B.C",
        "a.B.C",
        "a.B.C",
        "a.B.C",
      ]);
      expect([...(contexts[4]?.tracing ?? [])]).to.deep.equal([["x", "123"]]);
      expect(contexts[5]?.rawMetadata).to.deep.equal(Uint8Array.of(1, 2, 255));
      expect(contexts[6]?.rawMetadata).to.have.length(0);
    });

    it("that come again with the same deadline, or another, name the same method and deadline", async () => {
      const services = [serving("a.B", "C", "D")];
      /** Our entry that says so many milliseconds. */
      const within = (timeoutMs: string): string =>
        `${"0000"}${"17"}${textHex("message/x.rsocket-rpc.v1")}${uint(timeoutMs.length / 2 + 1, 3)}${"10"}${timeoutMs}`;
      const metadata = [
        ...[rpc("a.B", "C", within("e807")), rpc("a.B", "C", within("e807")), rpc("a.B", "C", within("e807"))],
        ...[rpc("a.B", "D", within("e807")), rpc("a.B", "C", within("d00f")), rpc("a.B", "C", within("e807"))],
        ...[rpc("a.B", "C", `${within("e807")}${"02787878"}${"000001"}${"7a"}`), rpc("a.B", "C")],
      ];
      expect(await call(SETUP_UNKNOWN, services, metadata)).to.deep.equal([
        ...["a.B.C", "a.B.C", "a.B.C", "a.B.D"],
        ...["a.B.C", "a.B.C", "a.B.C", "a.B.C"],
      ]);
      expect(contexts.map((context) => context.remainingMs())).to.deep.equal([
        ...[1_000, 1_000, 1_000, 1_000, 2_000, 1_000, 1_000],
        undefined,
      ]);
      expect(contexts.map(({ rawMetadata }) => rawMetadata.length)).to.deep.equal([0, 0, 0, 0, 0, 0, 8, 0]);
    });

    it("a trace that is malformed is none, and stops no call", async () => {
      expect(
        await call(SETUP_UNKNOWN, [serving("a", "B")], [rpc("a", "B", `${"0003"}${"0009"}${"78"}`)]),
      ).to.deep.equal(["a.B"]);
      expect(contexts[0]?.tracing.size).to.equal(0);
    });

    it("are exact: letters' case, dots and slashes count", async () => {
      const services = [serving("a.B", "C")];
      const metadata = [
        rpc("a.b", "C"),
        rpc("a.B", "c"),
        rpc(".a.B", "C"),
        rpc("a", "B.C"),
        rpc("a.B", ""),
        rpc("", "C"),
        rpc("a.B/", "C"),
      ];
      expect(await call(SETUP_UNKNOWN, services, metadata)).to.deep.equal([
        "201 can not find service a.b",
        "201 unknown method a.B.c",
        "201 can not find service .a.B",
        "201 can not find service a",
        "201 unknown method a.B.",
        "201 can not find service ",
        "201 can not find service a.B/",
      ]);
    });

    it("of a version other than 1, or cut off, are INVALID", async () => {
      const whole = rpc("a", "B");
      const metadata = [`0002${whole.slice(4)}`, `8001${whole.slice(4)}`, whole.slice(0, 10), "", "00"];
      for (const result of await call(SETUP_UNKNOWN, [serving("a", "B")], metadata)) expect(result).to.match(/^204 /);
    });

    it("never meet names of JavaScript's own", async () => {
      const names = ["constructor", "__proto__", "toString"];
      const metadata = names.map((name) => rpc(name, name));
      expect(await call(SETUP_UNKNOWN, [serving("a", "B")], metadata)).to.deep.equal(
        names.map((name) => `201 can not find service ${name}`),
      );
      expect(
        await call(SETUP_UNKNOWN, [serving("__proto__", "constructor")], [rpc("__proto__", "constructor")]),
      ).to.deep.equal(["__proto__.constructor"]);
    });

    it("of a thousand methods are told apart, one after another and mixed", async () => {
      const names = Array.from({ length: 1_000 }, (_, i) => `M${i}`);
      const services = [serving("a.B", ...names)];
      const picked = [0, 999, 0, 500, 500, 1].map((i) => `M${i}`);
      const results = await call(SETUP_UNKNOWN, services, [
        ...picked.map((name) => rpc("a.B", name)),
        rpc("a.B", "M1000"),
      ]);
      expect(results).to.deep.equal([...picked.map((name) => `a.B.${name}`), "201 unknown method a.B.M1000"]);
    });

    it("of rsocket-rpc-go and rsocket-rpc-net are understood when they are asked for, and only then", async () => {
      const services = [serving("Np", "get", "Put")];
      const metadata = [rpc(".Np", "get"), rpc("Np", "Get"), rpc("Np", "Put"), rpc("Np", "put"), rpc("..Np", "get")];
      expect(
        await call(SETUP_UNKNOWN, services, metadata, { leadingDot: true, capitalizedMethods: true }),
      ).to.deep.equal(["Np.get", "Np.get", "Np.Put", "201 unknown method Np.put", "201 can not find service ..Np"]);
      expect((await call(SETUP_UNKNOWN, services, metadata)).map((result) => result.slice(0, 3))).to.deep.equal([
        "201",
        "201",
        "Np.",
        "201",
        "201",
      ]);
    });
  });

  describe("in composite mode", () => {
    it("are service.method, or with a slash, with or without one in front; other entries may stand around them", async () => {
      const services = [serving("a.b.C", "D")];
      const user = `86${"000002"}${"0102"}`;
      const metadata = [
        route("a.b.C.D"),
        route("a.b.C/D"),
        route("/a.b.C/D"),
        `${route("a.b.C.D")}${user}`,
        `${user}${route("a.b.C.D")}`,
        // The routing entry by its name in place of its id.
        `${uint(ROUTING.length - 1, 1)}${textHex(ROUTING)}${uint(8, 3)}${"07"}${textHex("a.b.C.D")}`,
      ];
      expect(await call(SETUP_COMPOSITE, services, metadata)).to.deep.equal(metadata.map(() => "a.b.C.D"));
      expect(contexts[3]?.rawMetadata.length).to.equal((route("a.b.C.D").length + user.length) / 2);
    });

    it("that are missing, or cut off, are INVALID; unknown ones are unimplemented", async () => {
      const services = [serving("a", "B")];
      const metadata = [
        `86${"000002"}${"0102"}`,
        route("a.B").slice(0, -2),
        "",
        route("a.C"),
        route("x.Y.Z"),
        route("nodots"),
      ];
      const results = await call(SETUP_COMPOSITE, services, metadata);
      for (const result of results.slice(0, 3)) expect(result).to.match(/^204 /);
      expect(results.slice(3)).to.deep.equal([
        "201 unknown method a.C",
        "201 can not find service x.Y",
        "201 can not find service ",
      ]);
    });

    it("too long for a routing tag are served in rpc mode only", async () => {
      const service = `a.${"S".repeat(200)}`;
      const name = "M".repeat(100);
      expect(await call(SETUP_UNKNOWN, [serving(service, name)], [rpc(service, name)])).to.deep.equal([
        `${service}.${name}`,
      ]);
    });
  });

  it("mode is chosen by the SETUP's mime type, never by the bytes", async () => {
    const services = [serving("a", "B")];
    expect((await call(SETUP_COMPOSITE, services, [rpc("a", "B")]))[0]).to.match(/^204 /);
    expect((await call(SETUP_UNKNOWN, services, [route("a.B")]))[0]).to.match(/^204 /);
  });

  it("of a service that comes twice are refused when it is served", async () => {
    const twice = await world.run(
      world.serve({ services: [serving("a", "B"), serving("a", "C")] }).catch((error: unknown) => error as Error),
    );
    expect((twice as Error).message).to.equal("service a is served twice");
  });

  it("to `unimplemented` answer so; of fire-and-forget the observer hears", async () => {
    const told: string[] = [];
    const define = unary("a", "B");
    const fnf = method({ ...define, name: "F", interaction: "fire_and_forget" as const });
    const service = serviceHandler("a", [handleUnary(define, unimplemented), handleFireAndForget(fnf, unimplemented)]);
    const { peer } = await world.serveSetUp(
      {
        services: [service],
        observer: { onHandlerError: (error, { name }) => told.push(`${name} ${(error as Error).message}`) },
      },
      SETUP_UNKNOWN,
    );
    peer.send(request(1, rpc("a", "B")));
    peer.send(request(3, rpc("a", "F")).replace("000000031100", "000000031500"));
    await world.scheduler.settle();
    expect(peer.take()).to.deep.equal([`000000012c0000000201${textHex("unknown method a.B")}`]);
    expect(told).to.deep.equal(["F [unimplemented] unknown method a.F"]);
  });
});
