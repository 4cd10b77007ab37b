// SPDX-License-Identifier: Apache-2.0
// Conversations captured from rsocket-rpc-js: its server's frames into our client, which makes the same calls. Where ours
// sends something else than the captured client did, the difference stands here with its reason.

import { expect } from "chai";
import { type CallOptions, Code, type Connection, type ConnectOptions, RpcError } from "rsocket-rpc";
import {
  callBidi,
  callClientStream,
  callFireAndForget,
  callServerStream,
  callUnary,
  type Method,
} from "rsocket-rpc/codegen";
import {
  conversationsOf,
  RSOCKET_RPC_JS as FILES,
  findConversation as find,
  framesOf,
} from "../support/rpc-captured.js";
import {
  FireAndForget,
  FnfOnClientStream,
  FnfOnServerStream,
  failing,
  messages,
  NoSuchMethod,
  NoSuchService,
  Ping,
  RequestAndResponse,
  RequestReply,
  RequestStream,
  SingleResponse,
  SnakeCase,
  type Source,
  simpleServices,
  type Text,
  UnaryEmptyRequest,
  UnaryEmptyResponse,
} from "../support/rpc-simple-service.js";
import { KEEPALIVE, KEEPALIVE_R, leavesNoTrace, RpcWorld } from "../support/rpc-world.js";

/** A client that says what rsocket-rpc-js says: no hello, its times, metadata on every payload of a channel. */
const LIKE_JS: ConnectOptions = {
  hello: false,
  confirm: false,
  keepaliveIntervalMs: 60_000,
  maxLifetimeMs: 180_000,
  compatibility: { repeatChannelMetadata: true },
};
/** REQUEST_N on stream 1, n 1. */
const REQUEST_ONE: readonly string[] = ["00000001200000000001"];
/** CANCEL on stream 1. */
const CANCEL = "000000012400";
const UNBOUNDED: CallOptions = { prefetch: 0x7fffffff };

/** Calls that our client can't make, or that have their own test above. */
const NOT_MADE: readonly string[] = [
  // What is said of SETUP alone.
  "01-setup/rsocketclient-default",
  "01-setup/rsocketclient-with-payload",
  "01-setup/rsocketclient-composite-mime",
  "01-setup/rsocketclient-no-mime-types",
  "01-setup/rpcclient-0.1.6",
  "01-setup/rpcclient-0.1.6-with-metadata",
  // A request of ours always names its method, whole.
  "07-errors/metadata-absent",
  "07-errors/metadata-absent-channel",
  "07-errors/metadata-too-short",
  // The answer never comes.
  "07-errors/stream-handler-throws (NO ANSWER: defect)",
  "08-keepalive/client-250ms",
  "09-server-calls-client/callback",
];

interface ClientCase {
  readonly file: string;
  readonly name: string;
  make(connection: Connection, world: RpcWorld): Promise<unknown>;
  readonly result: unknown;
  /** Why our frames differ. */
  readonly differences?: Readonly<Record<string, true>>;
  /** Our frames, when they differ. */
  readonly ends?: readonly string[];
  readonly options?: ConnectOptions;
}

describe("frames of an rsocket-rpc-js server, read by us", () => {
  afterEach(leavesNoTrace);

  for (const { file, name, make, result, differences = {}, ends, options } of clientCases()) {
    it(`${file}/${name}: ${Object.values(differences).length > 0 ? `sent otherwise, because ${Object.keys(differences)}` : "the same frames"}`, async () => {
      const conversation = find(file, name);
      const world = new RpcWorld();
      const { connecting, peer } = world.dialScripted({ ...LIKE_JS, ...options });
      const connection = await world.run(connecting);
      const outcome = outcomeOf(make(connection, world));
      const expected = framesOf(conversation, "client->server");
      const ours: string[] = [];
      for (const { direction, hex } of conversation.frames) {
        await world.scheduler.settle();
        ours.push(...peer.take());
        if (direction === "server->client") peer.send(hex);
      }
      await world.scheduler.settle();
      ours.push(...peer.take());
      expect(await world.run(outcome)).to.deep.equal(result);
      // Ours sends a KEEPALIVE right behind SETUP, whose answer proves that SETUP was accepted.
      expect(ours.splice(1, 1)).to.deep.equal([KEEPALIVE_R]);
      expect(ours).to.deep.equal(ends ?? expected);
    });
  }

  it("every captured call is made", () => {
    const cases = new Set(clientCases().map(({ file, name }) => `${file}/${name}`));
    const missing = FILES.flatMap((file) => conversationsOf(file).map(({ name }) => `${file}/${name}`)).filter(
      (key) => !cases.has(key),
    );
    expect(missing.sort()).to.deep.equal([...NOT_MADE].sort());
  });

  it("08-keepalive/client-250ms: a KEEPALIVE every 250 ms, lifetime 2 s", async () => {
    const world = new RpcWorld();
    const { connecting, peer } = world.dialScripted({ ...LIKE_JS, keepaliveIntervalMs: 250, maxLifetimeMs: 2_000 });
    const connection = await world.run(connecting);
    const [setup] = framesOf(find("08-keepalive", "client-250ms"), "client->server");
    expect(peer.take()).to.deep.equal([setup, KEEPALIVE_R]);
    for (let i = 0; i < 4; i++) {
      peer.send(KEEPALIVE);
      await world.scheduler.advance(250);
      expect(peer.take()).to.deep.equal([KEEPALIVE_R]);
    }
    await world.scheduler.advance(2_000);
    expect((await world.run(connection.closed)).reason).to.match(
      /^nothing received for 2000 ms|^nothing received for 2250 ms/,
    );
  });

  it("09-server-calls-client/callback: our client answers calls of the server", async () => {
    const conversation = find("09-server-calls-client", "callback");
    const world = new RpcWorld();
    const { connecting, peer } = world.dialScripted({ ...LIKE_JS, services: simpleServices() });
    await world.run(connecting);
    const [setup, ...answers] = framesOf(conversation, "client->server");
    expect(peer.take()).to.deep.equal([setup, KEEPALIVE_R]);
    for (const hex of framesOf(conversation, "server->client")) peer.send(hex);
    await world.scheduler.settle();
    expect(peer.take()).to.deep.equal(answers);
  });

  it("09-server-calls-client/callback: our server calls in the same frames", async () => {
    const conversation = find("09-server-calls-client", "callback");
    const world = new RpcWorld();
    let toClient: Connection | undefined;
    const { peer } = await world.serveScripted({
      services: [],
      accept: (_setup, connection) => void (toClient = connection),
    });
    const [setup, ...answers] = framesOf(conversation, "client->server");
    peer.send(setup as string);
    await world.scheduler.settle();
    const results = Promise.all([
      callUnary(toClient as unknown as Connection, RequestReply, { text: "a" }),
      textsOf(callServerStream(toClient as unknown as Connection, RequestStream, { text: "n:1" }, { prefetch: 2 })),
    ]);
    await world.scheduler.settle();
    expect(peer.take()).to.deep.equal(framesOf(conversation, "server->client"));
    for (const hex of answers) peer.send(hex);
    expect(await world.run(results)).to.deep.equal([{ text: "echo:a" }, ["n:1#0"]]);
  });
});

function clientCases(): ClientCase[] {
  const unary = (text: string, options?: CallOptions, method: Method<Text, Text, Text, Text> = RequestReply) => {
    return async (connection: Connection) => (await callUnary(connection, method, { text }, options)).text;
  };
  const stream = (text: string, options?: CallOptions, method: Method<Text, Text, Text, Text> = RequestStream) => {
    return (connection: Connection) => textsOf(callServerStream(connection, method, { text }, options));
  };
  const upload = (source: () => Source<Text>, method: Method<Text, Text, Text, Text> = SingleResponse) => {
    return async (connection: Connection) => (await callClientStream(connection, method, source())).text;
  };
  const bidi = (
    source: () => Source<Text>,
    options?: CallOptions,
    method: Method<Text, Text, Text, Text> = RequestAndResponse,
  ) => {
    return (connection: Connection) => textsOf(callBidi(connection, method, source(), options));
  };
  const tracing = { "x-b3-traceid": "463ac35c9f6413ad", "x-b3-spanid": "a2fb4a1d1a96d312" };
  const unimplemented = (text: string) => `unimplemented: ${text}`;
  const NO_SERVICE = unimplemented("can not find service no.Such");
  const NO_METHOD = unimplemented("unknown method");
  const asKind = (
    method: Method<Text, Text, Text, Text>,
    kind: "stream" | "channel",
  ): Method<Text, Text, Text, Text> =>
    kind === "stream"
      ? { ...method, kind: "server_streaming", interaction: "request_stream" }
      : { ...method, kind: "bidi_streaming", interaction: "request_channel" };
  const twoCredits = {
    "a client stream's answer is one message, and a second credit shows when there are two": true,
  } as const;
  const noCreditPerItem = { "credit is asked for when half of the window is used": true } as const;

  return [
    { file: "02-request-response", name: "unary-ok", make: unary("hello"), result: "echo:hello" },
    {
      file: "02-request-response",
      name: "unary-user-metadata",
      make: unary("hello", { rawMetadata: new TextEncoder().encode("user-md") }),
      result: "echo:hello",
    },
    { file: "02-request-response", name: "unary-empty-message", make: unary(""), result: "echo:" },
    {
      file: "02-request-response",
      name: "unary-empty-response-type",
      make: (connection) => callUnary(connection, UnaryEmptyResponse, { text: "x" }),
      result: {},
    },
    {
      file: "02-request-response",
      name: "unary-empty-request-type",
      make: (connection) => callUnary(connection, UnaryEmptyRequest, {}),
      result: { text: "from empty" },
    },
    { file: "02-request-response", name: "unary-snake-case-method", make: unary("x", {}, SnakeCase), result: "echo:x" },
    {
      file: "02-request-response",
      name: "unary-cancel",
      make: async (connection, world) => {
        const controller = new AbortController();
        const answer = callUnary(connection, RequestReply, { text: "never" }, { signal: world.signalOf(controller) });
        await world.scheduler.settle();
        controller.abort();
        return await answer;
      },
      result: "cancelled: This operation was aborted",
    },
    {
      file: "02-request-response",
      name: "two-unary-stream-ids",
      make: async (connection) => [await unary("a")(connection), await unary("b")(connection)],
      result: ["echo:a", "echo:b"],
    },
    {
      file: "03-fire-and-forget",
      name: "fnf-ok",
      make: (connection) => callFireAndForget(connection, FireAndForget, { text: "hello" }),
      result: undefined,
    },
    {
      file: "03-fire-and-forget",
      name: "fnf-option-ignored-on-client-stream",
      make: (connection) => callClientStream(connection, FnfOnClientStream, messages("a")),
      result: {},
      differences: twoCredits,
      ends: replaced("03-fire-and-forget", "fnf-option-ignored-on-client-stream", "1d007fffffff", "1d0000000002"),
    },
    {
      file: "03-fire-and-forget",
      name: "fnf-option-ignored-on-server-stream",
      make: stream("n:1", UNBOUNDED, FnfOnServerStream),
      result: ["n:1#0"],
    },
    {
      file: "04-request-stream",
      name: "stream-3-unbounded",
      make: stream("n:3", UNBOUNDED),
      result: ["n:3#0", "n:3#1", "n:3#2"],
    },
    {
      file: "04-request-stream",
      name: "stream-backpressure",
      make: stream("n:4", { prefetch: 1 }),
      result: ["n:4#0", "n:4#1", "n:4#2", "n:4#3"],
    },
    { file: "04-request-stream", name: "stream-empty", make: stream("n:0", { prefetch: 5 }), result: [] },
    {
      file: "04-request-stream",
      name: "stream-cancel-after-2",
      make: async (connection) => {
        const texts: string[] = [];
        for await (const { text } of callServerStream(connection, RequestStream, { text: "n:100" }, { prefetch: 2 })) {
          if (texts.push(text) === 2) break;
        }
        return texts;
      },
      result: ["n:100#0", "n:100#1"],
      differences: noCreditPerItem,
      ends: framesBehind("04-request-stream", "stream-cancel-after-2", [...REQUEST_ONE, ...REQUEST_ONE, CANCEL]),
    },
    {
      file: "04-request-stream",
      name: "stream-fails-after-1",
      make: stream("fail:1", { prefetch: 10 }),
      result: "unknown: stream failed after 1",
    },
    {
      file: "05-client-streaming",
      name: "two-messages-one-answer",
      make: upload(() => messages("a", "b")),
      result: "got 2: a,b",
      differences: twoCredits,
      ends: replaced("05-client-streaming", "two-messages-one-answer", "1d0000000001", "1d0000000002"),
    },
    {
      file: "05-client-streaming",
      name: "one-message",
      make: upload(() => messages("a")),
      result: "got 1: a",
      differences: twoCredits,
      ends: replaced("05-client-streaming", "one-message", "1d0000000001", "1d0000000002"),
    },
    {
      file: "05-client-streaming",
      name: "source-fails-before-first",
      make: upload(() => failing([], "src failed")),
      result: "unknown: src failed",
      differences: { "no frame goes out on a stream that was never opened": true },
      ends: framesOf(find("05-client-streaming", "source-fails-before-first"), "client->server").slice(0, 1),
    },
    {
      file: "05-client-streaming",
      name: "no-messages",
      make: async (connection, world) => {
        const controller = new AbortController();
        const answer = callClientStream(connection, SingleResponse, messages(), { signal: world.signalOf(controller) });
        await world.scheduler.settle();
        controller.abort();
        return await answer;
      },
      result: "cancelled: This operation was aborted",
      differences: { "whether the server reads our extension isn't known before its first frame": true },
      ends: framesOf(find("05-client-streaming", "no-messages"), "client->server").slice(0, 1),
    },
    {
      file: "06-bidi",
      name: "two-and-two",
      make: bidi(() => messages("a", "b"), UNBOUNDED),
      result: ["echo:a", "echo:b"],
    },
    {
      file: "06-bidi",
      name: "backpressure-1",
      make: bidi(() => messages("a", "b"), { prefetch: 1 }),
      result: ["echo:a", "echo:b"],
    },
    {
      file: "06-bidi",
      name: "client-cancels",
      make: async (connection) => {
        const echoes = callBidi(connection, RequestAndResponse, messages("m0", "m1", "m2"), { prefetch: 2 });
        for await (const { text } of echoes) return text;
        return undefined;
      },
      result: "echo:m0",
      differences: { ...noCreditPerItem, "nothing follows a CANCEL": true },
      ends: framesBehind("06-bidi", "client-cancels", [...REQUEST_ONE, CANCEL]),
    },
    {
      file: "06-bidi",
      name: "input-fails",
      make: bidi(() => failing(["a"], "input failed"), { prefetch: 10 }),
      result: "unknown: input failed",
    },
    { file: "07-errors", name: "service-not-found", make: unary("a", {}, NoSuchService), result: NO_SERVICE },
    {
      file: "07-errors",
      name: "service-not-found-stream",
      make: stream("a", { prefetch: 10 }, asKind(NoSuchService, "stream")),
      result: NO_SERVICE,
    },
    {
      file: "07-errors",
      name: "service-not-found-channel",
      make: bidi(() => messages("a"), { prefetch: 10 }, asKind(NoSuchService, "channel")),
      result: NO_SERVICE,
    },
    { file: "07-errors", name: "method-not-found", make: unary("a", {}, NoSuchMethod), result: NO_METHOD },
    {
      file: "07-errors",
      name: "method-not-found-stream",
      make: stream("a", { prefetch: 10 }, asKind(NoSuchMethod, "stream")),
      result: NO_METHOD,
    },
    {
      file: "07-errors",
      name: "method-not-found-channel",
      make: bidi(() => messages("a"), { prefetch: 10 }, asKind(NoSuchMethod, "channel")),
      result: NO_METHOD,
    },
    {
      file: "07-errors",
      name: "method-of-another-model",
      make: unary("a", {}, { ...RequestStream, kind: "unary", interaction: "request_response" }),
      result: NO_METHOD,
    },
    {
      file: "07-errors",
      name: "no-method-of-this-model-in-service",
      make: stream("a", { prefetch: 10 }, asKind(Ping, "stream")),
      result: "unknown: requestStream() is not implemented",
    },
    {
      file: "07-errors",
      name: "data-undecodable",
      make: unary("a"),
      result: "unknown: Failure: Decoder hit an error",
      differences: { "our client can't be made to send what is no message": true },
      ends: replaced("07-errors", "data-undecodable", "0a7f61", "0a0161"),
    },
    { file: "07-errors", name: "handler-throws", make: unary("throw"), result: "unknown: handler threw: boom" },
    { file: "07-errors", name: "handler-fails", make: unary("reject:no way"), result: "unknown: no way" },
    { file: "07-errors", name: "handler-fails-unicode", make: unary("reject:nö → 漢"), result: "unknown: nö → 漢" },
    {
      file: "07-errors",
      name: "channel-handler-throws",
      make: bidi(() => messages("throw"), { prefetch: 5 }),
      result: "unknown: mapper threw",
    },
    { file: "10-websocket", name: "unary-ok", make: unary("hello"), result: "echo:hello" },
    { file: "10-websocket", name: "stream-2", make: stream("n:2", UNBOUNDED), result: ["n:2#0", "n:2#1"] },
    { file: "12-tracing", name: "unary", make: unary("a", { tracing }), result: "echo:a" },
    {
      file: "12-tracing",
      name: "unary+user",
      make: unary("a", { tracing, rawMetadata: new TextEncoder().encode("um") }),
      result: "echo:a",
    },
    {
      file: "12-tracing",
      name: "fnf",
      make: (connection) => callFireAndForget(connection, FireAndForget, { text: "a" }, { tracing }),
      result: undefined,
    },
    { file: "12-tracing", name: "stream", make: stream("n:1", { ...UNBOUNDED, tracing }), result: ["n:1#0"] },
    {
      file: "12-tracing",
      name: "bidi",
      make: bidi(() => messages("a", "b"), { ...UNBOUNDED, tracing }),
      result: ["echo:a", "echo:b"],
    },
  ];
}

async function textsOf(items: AsyncIterable<Text>): Promise<string[]> {
  const texts: string[] = [];
  for await (const { text } of items) texts.push(text);
  return texts;
}

// A call's result, or `code: message`.
async function outcomeOf(call: Promise<unknown>): Promise<unknown> {
  try {
    return await call;
  } catch (thrown) {
    if (!RpcError.is(thrown)) throw thrown;
    const name = Object.entries(Code).find(([, code]) => code === thrown.code)?.[0] ?? "";
    return `${name.toLowerCase()}: ${thrown.rawMessage}`;
  }
}

function replaced(file: string, name: string, from: string, to: string): string[] {
  return framesOf(find(file, name), "client->server").map((hex) => hex.replace(from, to));
}

// SETUP and the request as they were captured, and what ours sends behind them.
function framesBehind(file: string, name: string, behind: readonly string[]): string[] {
  return [...framesOf(find(file, name), "client->server").slice(0, 2), ...behind];
}
