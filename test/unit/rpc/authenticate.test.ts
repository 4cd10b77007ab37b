// SPDX-License-Identifier: Apache-2.0
// Who may call what: credentials in SETUP and in each call, in both modes, and what those hear who may not.

import { expect } from "chai";
import {
  type AuthenticateOptions,
  type AuthorizationRequest,
  authenticate,
  Code,
  type ConnectOptions,
  compositeMetadata,
  RpcError,
} from "rsocket-rpc";
import { secretsEqual, tokenTable } from "rsocket-rpc/node";
import { encodeAuthEntry } from "rsocket-rpc/rsocket";
import { serveInProcess } from "rsocket-rpc/testing";
import {
  createTickerClient,
  implementTicker,
  unimplementedTicker,
} from "../../../examples/hello/gen/ticker_rsocket.js";

const bearer = tokenTable(
  new Map([
    ["ann's", "ann"],
    ["bob's", "bob"],
  ]),
);
const simple = (username: string, password: string) =>
  username === "cleo" && secretsEqual(password, "pw:1") ? "cleo" : undefined;
const basic = (text: string): string => `Basic ${btoa(text)}`;

/** How a call ended: the caller's name as the handler saw it, or the error. */
async function outcome(
  options: AuthenticateOptions<string>,
  connect: ConnectOptions,
  call: Parameters<ReturnType<typeof createTickerClient>["last"]>[1] = {},
): Promise<string> {
  const auth = authenticate(options);
  const server = await serveInProcess({
    services: [
      implementTicker({
        ...unimplementedTicker,
        last: (_request, { values }) => ({ symbol: values.get(auth.identity) ?? "undefined" }),
      }),
    ],
    accept: auth.accept,
    interceptors: [auth.interceptor],
  });
  try {
    const connection = await server.connect(connect);
    return (await createTickerClient(connection).last({}, call)).symbol;
  } catch (error) {
    return String(error).replace(/^\w+: /, "");
  } finally {
    await server.close();
  }
}

const UNKNOWN = "[unauthenticated] the credentials aren't known";
const MISSING = "[unauthenticated] who calls isn't known: credentials are missing";

describe("authenticate", () => {
  it("allows nothing that authorize doesn't allow in so many words", async () => {
    for (const answer of [undefined, null, "yes", 1, Promise.resolve(undefined)]) {
      const options = { bearer, authorize: (() => answer) as unknown as () => boolean };
      expect(await outcome(options, { bearerToken: "ann's" })).to.match(/^\[permission_denied\]/);
    }
    expect(await outcome({ bearer, authorize: () => true }, { bearerToken: "ann's" })).to.equal("ann");
    expect(await outcome({ bearer }, { bearerToken: "ann's" })).to.equal("ann");
  });

  it("takes null, false and an empty name for nobody", async () => {
    for (const nobody of [null, false, "", Promise.resolve(null)]) {
      const isNobody = (() => nobody) as unknown as () => undefined;
      const password = { username: "cleo", password: "pw" };
      const options = { bearer: isNobody, simple: isNobody, peer: isNobody };
      expect(await outcome(options, { bearerToken: "eve's" })).to.equal(UNKNOWN);
      expect(await outcome(options, { credentials: password })).to.equal(UNKNOWN);
      expect(await outcome(options, {}, { headers: { authorization: "Bearer eve's" } })).to.equal(UNKNOWN);
      expect(await outcome(options, {}, { headers: { authorization: basic("cleo:pw") } })).to.equal(UNKNOWN);
      expect(await outcome(options, {})).to.equal(MISSING);
      expect(await outcome({ ...options, requireSetup: true }, {})).to.equal(MISSING);
    }
  });

  const cases: Readonly<
    Record<string, readonly [AuthenticateOptions<string>, ConnectOptions, Parameters<typeof outcome>[2], string]>
  > = {
    "a token in SETUP counts for its calls": [{ bearer }, { bearerToken: "ann's" }, {}, "ann"],
    "name and password in SETUP do, too": [
      { simple },
      { credentials: { username: "cleo", password: "pw:1" } },
      {},
      "cleo",
    ],
    "a call may show a token of its own": [{ bearer }, {}, { headers: { authorization: "Bearer bob's" } }, "bob"],
    "what a call shows counts for it, not what its connection showed": [
      { bearer },
      { bearerToken: "ann's" },
      { headers: { authorization: "bearer  bob's" } },
      "bob",
    ],
    "a call may show name and password, with a colon in the password": [
      { simple },
      {},
      { headers: { authorization: basic("cleo:pw:1") } },
      "cleo",
    ],
    "nobody gets in unknown": [{ bearer }, {}, {}, MISSING],
    "a wrong token in SETUP isn't let in": [{ bearer }, { bearerToken: "eve's" }, {}, UNKNOWN],
    "a wrong password in SETUP isn't": [{ simple }, { credentials: { username: "cleo", password: "pw" } }, {}, UNKNOWN],
    "a wrong token of a call isn't made good by its connection": [
      { bearer },
      { bearerToken: "ann's" },
      { headers: { authorization: "Bearer eve's" } },
      UNKNOWN,
    ],
    "what nobody looks at is refused": [
      { bearer },
      { credentials: { username: "cleo", password: "pw:1" } },
      {},
      UNKNOWN,
    ],
    "SETUP must show something where that is required": [
      { bearer, requireSetup: true },
      {},
      { headers: { authorization: "Bearer ann's" } },
      MISSING,
    ],
    "a peer may be known by what its transport tells": [{ peer: ({ transport }) => transport }, {}, {}, "in-process"],
    "a peer that is nobody may still show something": [
      { bearer, peer: () => undefined },
      {},
      { headers: { authorization: "Bearer ann's" } },
      "ann",
    ],
    "two credentials in SETUP are refused": [
      { bearer, simple },
      { bearerToken: "ann's", credentials: { username: "cleo", password: "pw:1" } },
      {},
      "[unauthenticated] a token and a password, expected one",
    ],
    "two headers are refused": [
      { bearer },
      {},
      {
        headers: [
          ["authorization", "Bearer ann's"],
          ["authorization", "Bearer bob's"],
        ],
      },
      "[unauthenticated] several credentials with one call, expected one",
    ],
    "a header that says nothing known is refused": [
      { bearer },
      {},
      { headers: { authorization: "Digest x" } },
      '[unauthenticated] the header authorization isn\'t "Bearer …" or "Basic …"',
    ],
    "a header that isn't base64 is refused": [
      { simple },
      {},
      { headers: { authorization: "Basic ====" } },
      '[unauthenticated] the header authorization isn\'t "Bearer …" or "Basic …"',
    ],
    "in composite mode a call's authentication entry counts": [
      { bearer },
      { metadataMode: compositeMetadata },
      { rawMetadata: encodeAuthEntry({ type: "bearer", token: "bob's" }) },
      "bob",
    ],
    "in composite mode two entries are refused": [
      { bearer },
      { metadataMode: compositeMetadata },
      {
        rawMetadata: Uint8Array.from([
          ...encodeAuthEntry({ type: "bearer", token: "bob's" }),
          ...encodeAuthEntry({ type: "bearer", token: "ann's" }),
        ]),
      },
      "[unauthenticated] several credentials with one call, expected one",
    ],
    "an entry of an unknown type is nobody's": [
      { bearer },
      { metadataMode: compositeMetadata },
      { rawMetadata: encodeAuthEntry({ type: "custom", name: "x/y", payload: Uint8Array.of(1) }) },
      UNKNOWN,
    ],
    "in rpc mode such bytes are the application's": [
      { bearer },
      { bearerToken: "ann's" },
      { rawMetadata: encodeAuthEntry({ type: "bearer", token: "bob's" }) },
      "ann",
    ],
    "who is known may not do everything": [
      { bearer, authorize: ({ identity }) => identity === "bob" },
      { bearerToken: "ann's" },
      {},
      "[permission_denied] demo.v1.Ticker.Last isn't allowed to this caller",
    ],
    "who decides may say more than no": [
      {
        bearer,
        authorize: () => Promise.reject(new RpcError(Code.Unauthenticated, "the token has expired")),
      },
      { bearerToken: "ann's" },
      {},
      "[unauthenticated] the token has expired",
    ],
  };

  for (const [name, [options, connect, call, expected]] of Object.entries(cases)) {
    it(name, async () => {
      expect(await outcome(options, connect, call))
        .to.match(/^/)
        .and.to.contain(expected);
    });
  }

  it("knows the type of an identity in authorize, beside a table of tokens, too", async () => {
    const auth = authenticate({
      bearer: tokenTable(new Map([["root's", { isAdmin: true }]])),
      authorize: ({ identity }) => identity.isAdmin, // unknown to TypeScript, if the table were a mere function
    });
    const services = [implementTicker({ ...unimplementedTicker, last: () => ({}) })];
    await using server = await serveInProcess({ services, accept: auth.accept, interceptors: [auth.interceptor] });
    await createTickerClient(await server.connect({ bearerToken: "root's" })).last({});
  });

  it("one function sees who, how, what and where from", async () => {
    const asked: AuthorizationRequest<string>[] = [];
    const authorize = (request: AuthorizationRequest<string>): boolean => asked.push(request) > 0;
    await outcome({ bearer, authorize }, { bearerToken: "ann's" });
    await outcome({ bearer, authorize }, {}, { headers: { authorization: "Bearer bob's" } });
    expect(
      asked.map(({ identity, shownBy, method, peer }) => [identity, shownBy, method.name, peer.transport]),
    ).to.deep.equal([
      ["ann", "connection", "Last", "in-process"],
      ["bob", "call", "Last", "in-process"],
    ]);
  });

  it("a check that throws tells the caller nothing of why", async () => {
    const boom = () => {
      throw new Error("SELECT * FROM users");
    };
    const text = await outcome({ bearer: boom }, {}, { headers: { authorization: "Bearer x" } });
    expect(text)
      .to.match(/\[internal\]/)
      .and.not.to.contain("SELECT");
  });
});

describe("secrets", () => {
  it("are the same or not, whatever their lengths", () => {
    expect(secretsEqual("a", "a")).to.equal(true);
    expect(secretsEqual("", "")).to.equal(true);
    expect(secretsEqual("a", "b")).to.equal(false);
    expect(secretsEqual("a", "a".repeat(10_000))).to.equal(false);
    expect(secretsEqual("é", "e\u0301")).to.equal(false);
  });

  it("say whose they are; an empty one is a mistake", () => {
    expect(bearer("bob's")).to.equal("bob");
    expect(bearer("")).to.equal(undefined);
    expect(tokenTable(new Map([["__proto__", "x"]]))("constructor")).to.equal(undefined);
    expect(() => tokenTable(new Map([["", "ann"]]))).to.throw(RangeError, "a token is empty");
  });
});
