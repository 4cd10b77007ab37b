// SPDX-License-Identifier: Apache-2.0
// Options that don't exist, or can't be meant, are refused where they are given: JavaScript and files of settings say anything.

import { createServer } from "node:http";
import { expect } from "chai";
import {
  adaptiveLease,
  attachWebSocket,
  authenticate,
  Code,
  connect,
  connectPort,
  connectWith,
  createChannel,
  createChannelWith,
  fixedRateLease,
  listenTcp,
  RpcError,
  retry,
  serve,
  serveInProcess,
  serveWith,
  tcpDialer,
  tokenTable,
} from "rsocket-rpc/node";
import { connectRSocket, serveRSocket } from "rsocket-rpc/rsocket";
import { inProcessChannel } from "rsocket-rpc/testing";
import {
  createTickerClient,
  implementTicker,
  unimplementedTicker,
} from "../../../examples/hello/gen/ticker_rsocket.js";
import { rejectionOf } from "../../support/rpc-world.js";
import { tlsWorld } from "../../support/tls-world.js";

const services = [implementTicker({ ...unimplementedTicker, last: ({ name }) => ({ symbol: name }) })];
// Nobody listens there; nothing is to be dialed.
const URL_OF_NOBODY = "tcp://127.0.0.1:1";

/** What `make` throws or rejects with, in words. */
async function refusalOf(make: () => unknown): Promise<string> {
  try {
    await make();
  } catch (error) {
    return String(error);
  }
  return "taken";
}

const WRONG: readonly (readonly [options: object | null | string, message: RegExp])[] = [
  [{ timeout: 500 }, /^RangeError: option timeout is unknown, expected one of .*timeoutMs/],
  [{ token: "x" }, /option token is unknown/],
  ["x", /^RangeError: the options argument is a string, expected an object/],
  [null, /^RangeError: the options argument is null, expected an object/],
  [{ bearerToken: 5 }, /^RangeError: bearerToken is a number, expected a string or a function/],
  [{ bearerToken: null }, /bearerToken is null/],
  [{ credentials: "ann:secret" }, /^RangeError: credentials is a string, expected an object/],
  [
    { credentials: { user: "ann", password: "secret" } },
    /option credentials.user is unknown, expected one of username/,
  ],
  [{ credentials: { username: "ann" } }, /credentials.password is undefined, expected a string/],
  [{ credentials: { username: "ann", password: 5 } }, /credentials.password is a number, expected a string/],
  [{ dangerouslySendCredentialsInClear: "true" }, /is "true", expected a boolean/],
  [{ services: services[0] }, /services is an object, expected a list/],
  [{ services: [undefined] }, /^TypeError: services\[0\] is undefined, expected what a generated implement… returns/],
  [{ services: [...services, {}] }, /^TypeError: services\[1\] is an Object/],
  [{ interceptors: () => {} }, /interceptors is a function, expected a list/],
  [{ interceptors: [undefined, retry()] }, /interceptors\[0\] is undefined, expected a function/],
  [{ lease: "yes" }, /lease is "yes", expected a boolean or an object/],
  [{ lease: { waitForReady: false } }, /option lease.waitForReady is unknown, expected one of waitForLease/],
  [{ lease: { strategy: {} } }, /lease.strategy has no method attach/],
  [{ resume: "yes" }, /resume is "yes"/],
  [{ resume: { lifetime: 5 } }, /option resume.lifetime is unknown, expected one of lifetimeMs/],
  [{ resume: { lifetimeMs: "5" } }, /resume.lifetimeMs is "5", expected a number/],
  [{ resume: { backoff: { initial: 5 } } }, /option backoff.initial is unknown, expected one of initialMs/],
  [{ compatibility: null }, /compatibility is null, expected an object/],
  [{ limits: null }, /limits is null, expected an object/],
  [{ limits: { maxMesageBytes: 5 } }, /limit maxMesageBytes is unknown, expected one of .*maxMessageBytes/],
  [{ limits: { maxMessageBytes: "5" } }, /limit maxMessageBytes is "5", expected a number/],
  [{ timeoutMs: "500" }, /timeoutMs is "500", expected a number/],
  [{ keepaliveIntervalMs: "20s" }, /keepaliveIntervalMs is "20s", expected a number/],
  [{ keepaliveIntervalMs: 100_000 }, /keepaliveIntervalMs is 100000, expected less than maxLifetimeMs, 90000/],
  [{ observer: () => {} }, /observer is a function, expected an object/],
  [{ observer: { onError() {} } }, /option observer.onError is unknown, expected one of onHandlerError/],
  [{ observer: { onIncident: 5 } }, /observer.onIncident is a number, expected a function/],
  [{ discardUnknownFields: "yes" }, /discardUnknownFields is "yes", expected a boolean/],
  [{ hello: "no" }, /hello is "no", expected a boolean/],
  [{ metadataMode: 5 }, /metadataMode is a number, expected a string or an object/],
  [{ webSocketHeaders: "a" }, /webSocketHeaders is a string, expected an object/],
  [{ tls: null }, /tls is null, expected an object/],
];

describe("options that can't be meant", () => {
  for (const [options, message] of WRONG) {
    it(`connect and createChannel refuse ${JSON.stringify(options)}`, async () => {
      expect(await refusalOf(() => connect(URL_OF_NOBODY, options as never))).to.match(message);
      // At once: a channel would dial for ever otherwise.
      expect(await refusalOf(() => createChannel(URL_OF_NOBODY, options as never))).to.match(message);
    });
  }

  it("in words that hold no secret, whatever it stands in the place of", async () => {
    const secret = "s3cret";
    for (const make of [
      () => connect(URL_OF_NOBODY, secret as never),
      () => connect(URL_OF_NOBODY, { headers: secret as never }),
      () => connect(URL_OF_NOBODY, { resume: { token: secret as never } }),
      () => connect("ws://127.0.0.1:1", { webSocketHeaders: `authorization: ${secret}` as never }),
      () => connect("tls://127.0.0.1:1", { tls: secret as never }),
      () => connect(`${URL_OF_NOBODY}/?token=${secret}`),
      () => serve("tls://127.0.0.1:1", { services, tls: secret as never }),
      () => serve({ tls: { key: secret } } as never, { services }),
      () => authenticate({ bearer: secret as never }),
      () => authenticate({ simple: { ann: secret } as never }),
    ]) {
      expect(await refusalOf(make))
        .to.match(/expected/)
        .and.not.contain(secret);
    }
  });

  it("but not for where they stand: they may be inherited, such as the getters of a class", async () => {
    const tokens: (string | undefined)[] = [];
    const { accept } = authenticate({ bearer: (token) => void tokens.push(token) });
    await using server = await serve("tcp://127.0.0.1:0", { services, accept });
    const [url = ""] = server.urls;
    class Settings {
      readonly #token = "ann's";
      get bearerToken() {
        return this.#token;
      }
    }
    for (const options of [new Settings(), Object.create({ bearerToken: "ann's" }) as object]) {
      await rejectionOf(connect(url, options));
      await using channel = createChannel(url, options);
      await rejectionOf(createTickerClient(channel).last({ name: "A" }));
      expect(tokens.splice(0)).to.deep.equal(["ann's", "ann's"]);
    }
  });

  it("but for what a script gave every object there is", async () => {
    Object.defineProperty(Object.prototype, "legacy", { value() {}, enumerable: true, configurable: true });
    try {
      await using server = await serve("tcp://127.0.0.1:0", { services });
      await using connection = await connect(server.urls[0] ?? "", { limits: {}, compatibility: {} });
      expect((await createTickerClient(connection).last({ name: "A" }, { timeoutMs: 5_000 })).symbol).to.equal("A");
      expect(await refusalOf(() => connect(URL_OF_NOBODY, { legacy: 1 } as never))).to.match(/legacy is unknown/);
    } finally {
      Reflect.deleteProperty(Object.prototype, "legacy");
    }
  });

  it("each of them knows its own", async () => {
    const { signal } = new AbortController();
    expect(await refusalOf(() => connect(URL_OF_NOBODY, { backoff: {} } as never))).to.match(
      /option backoff is unknown/,
    );
    expect(await refusalOf(() => createChannel(URL_OF_NOBODY, { signal } as never))).to.match(
      /option signal is unknown/,
    );
    const controller = { signal: new AbortController() as never };
    const expected = "RangeError: signal is an AbortController, expected an AbortSignal, such as controller.signal";
    expect(await refusalOf(() => connect(URL_OF_NOBODY, controller))).to.equal(expected);
    expect(await refusalOf(() => createChannel(URL_OF_NOBODY, { backoff: 5 } as never))).to.match(
      /backoff is a number, expected/,
    );
    expect(
      await refusalOf(() => connectWith(tcpDialer({ host: "127.0.0.1", port: 1 }), { tls: {} } as never)),
    ).to.match(/option tls is unknown/);
  });

  it("a provider that has no token is heard of, instead of a connection that shows none", async () => {
    await using server = await serveInProcess({ services });
    const error = await rejectionOf(server.connect({ bearerToken: () => undefined as never }));
    expect(String(error)).to.equal("ConnectError: [invalid_argument] bearerToken gave undefined, expected string");
  });

  for (const [options, message] of [
    [undefined, /the options argument is undefined, expected an object/],
    [{}, /services is undefined, expected a list/],
    [{ services: null }, /services is null, expected a list/],
    [{ service: services }, /option service is unknown/],
    [{ services, acept: () => {} }, /^RangeError: option acept is unknown, expected one of .*accept/],
    [{ services, interceptor: [] }, /option interceptor is unknown/],
    [{ services, accept: authenticate({}) }, /accept is an object, expected a function/],
    [{ services, interceptors: [authenticate({})] }, /interceptors\[0\] is an object, expected a function/],
    [{ services, keepaliveIntervalMs: 5 }, /option keepaliveIntervalMs is unknown/],
    [{ services, lease: 5 }, /lease is 5/],
    [{ services, lease: {} }, /lease.strategy has no method attach/],
    [{ services, lease: { strategy: adaptiveLease(), require: true } }, /option lease.require is unknown/],
    [
      { services, resume: { sessionLifetimeMs: 5 } },
      /option resume.sessionLifetimeMs is unknown, expected one of store/,
    ],
    [{ services, resume: { identify: "x" } }, /resume.identify is a string, expected a function/],
    [{ services, drain: true }, /drain is a boolean, expected an object/],
    [{ services, drain: { onSignal: ["SIGTERM"] } }, /option drain.onSignal is unknown, expected one of onSignals/],
    [{ services, drain: { exit: "no" } }, /drain.exit is "no", expected a boolean/],
    [{ services, allowedOrigins: "*" }, /allowedOrigins is "\*", expected a list/],
    [{ services, allowedOrigins: ["https://a.example"] }, /^TypeError: allowedOrigins is given without a URL of ws:/],
  ] as const) {
    it(`serve refuses ${JSON.stringify(options)}`, async () => {
      const refusal = await refusalOf(async () => (await serve("tcp://127.0.0.1:0", options as never)).close());
      expect(refusal).to.match(message);
    });
  }

  it("TLS: misspelt, alone, too old or empty", async () => {
    const { server: identity } = await tlsWorld();
    for (const [tls, message] of [
      [{}, /^TypeError: tls.cert and tls.key are missing/],
      [{ certificate: "x", privateKey: "y" }, /option tls.certificate is unknown, expected one of cert/],
      [{ ...identity, minVersion: "TLSv1" }, /^TypeError: tls.minVersion is "TLSv1", expected "TLSv1.2" or "TLSv1.3"/],
      [
        { ...identity, minVersion: "TLSv1.3", maxVersion: "TLSv1.2" },
        /tls.minVersion is TLSv1.3, above tls.maxVersion/,
      ],
      [{ ...identity, cert: null }, /tls.cert is null, expected a string or bytes/],
      [{ ...identity, sni: "x" }, /tls.sni is a string, expected a function/],
      [{ ...identity, rejectUnauthorized: true }, /option tls.rejectUnauthorized is unknown/],
    ] as const) {
      const refusal = await refusalOf(async () =>
        (await serve("tls://127.0.0.1:0", { services, tls: tls as never })).close(),
      );
      expect(refusal).to.match(message);
    }
    for (const [tls, message] of [
      [{ servername: 5 }, /tls.servername is a number, expected a string/],
      [{ passphrase: 5 }, /tls.passphrase is a number, expected a string/],
      [{ rejectUnauthorized: false }, /option tls.rejectUnauthorized is unknown/],
      [{ maxVersion: "TLSv1.1" }, /tls.maxVersion is "TLSv1.1"/],
    ] as const) {
      expect(await refusalOf(() => connect("tls://127.0.0.1:1", { tls: tls as never }))).to.match(message);
    }
  });

  it("WebSockets at a path", async () => {
    const http = createServer();
    for (const [make, message] of [
      [() => attachWebSocket(undefined as never, { path: "/rpc" }), /attachWebSocket got no HTTP server/],
      [() => attachWebSocket((() => {}) as never, { path: "/rpc" }), /attachWebSocket got no HTTP server/],
      [() => attachWebSocket(http, undefined as never), /the options argument is undefined/],
      [() => attachWebSocket(http, { path: "/rpc", origin: "x" } as never), /option origin is unknown/],
      [() => attachWebSocket(http, {} as never), /path is undefined, expected one that begins with \//],
      [
        () => attachWebSocket(http, { path: "/rpc?x" }),
        /path is "\/rpc\?x", expected one that begins with \/ and has no \?/,
      ],
    ] as const) {
      expect(await refusalOf(() => serve(make(), { services }))).to.match(message);
    }
  });

  it("URLs that say what nobody reads", async () => {
    for (const [url, message] of [
      ["tcp://127.0.0.1:1/path", /a URL of 127.0.0.1:1 ends in "\/path", expected nothing there/],
      ["tls://127.0.0.1:1?token=secret", /ends in "\?…"/],
      [
        "tcp://ann:secret@127.0.0.1:1",
        /^RpcError: \[invalid_argument\] a URL of 127.0.0.1:1 names a user, expected the options/,
      ],
      ["ws://127.0.0.1:1/rpc#secret", /ends in "#…"/],
    ] as const) {
      const refusal = await refusalOf(() => connect(url));
      expect(refusal).to.match(message).and.not.contain("secret");
      expect(await refusalOf(() => serve(url, { services }))).to.equal(refusal.replace("ConnectError", "RpcError"));
    }
    expect(await refusalOf(() => serve("ws://127.0.0.1:0/rpc?x=1", { services }))).to.match(/ends in "\?…"/);
    await using server = await serve(new URL("tcp://127.0.0.1:0"), { services });
    await using connection = await connect(new URL(server.urls[0] ?? ""));
    expect((await createTickerClient(connection).last({ name: "A" })).symbol).to.equal("A");
  });

  it("of a call: names, and listeners that can't be called", async () => {
    await using connection = await inProcessChannel(services);
    await using channel = createChannel(URL_OF_NOBODY);
    const { signal } = new AbortController();
    for (const [options, message] of [
      [{ timeout: 5 }, /^RpcError: \[invalid_argument\] option timeout is unknown, expected one of signal, timeoutMs/],
      [{ metadata: {} }, /option metadata is unknown/],
      [{ onHeader() {} }, /option onHeader is unknown/],
      [{ onHeaders: 5 }, /onHeaders is a number, expected a function/],
      [{ waitForReady: "no" }, /waitForReady is "no", expected a boolean/],
      [{ rawMetadata: "x" }, /rawMetadata is a string, expected bytes/],
      [{ tracing: { a: 4 } }, /tracing.a is a number, expected a string/],
      [signal, /option \w+ is unknown/],
      ["x", /the options argument is a string/],
    ] as const) {
      for (const caller of [connection, channel]) {
        const ticker = createTickerClient(caller);
        expect(await refusalOf(() => ticker.last({ name: "A" }, options as never))).to.match(message);
        const watching = ticker.watch({ name: "A" }, options as never)[Symbol.asyncIterator]();
        const error = await rejectionOf(Promise.resolve(watching.next()));
        expect(RpcError.is(error, Code.InvalidArgument)).to.equal(true);
      }
    }
  });

  it("of strategies, interceptors and authentication", () => {
    for (const [make, message] of [
      [() => fixedRateLease({ requestsPerSecond: "5" } as never), /requestsPerSecond is "5", expected a number/],
      [() => fixedRateLease({ requestsPerSecond: 5n } as never), /requestsPerSecond is a bigint, expected a number/],
      [() => fixedRateLease({ requestsPerSecond: 5, interval: 5 } as never), /option interval is unknown/],
      [() => adaptiveLease({ max: 5 } as never), /option max is unknown, expected one of initialLimit/],
      [() => retry({ attempts: 3 } as never), /option attempts is unknown, expected one of maxAttempts/],
      [() => retry(3 as never), /the options argument is a number, expected an object/],
      [() => retry({ codes: Code.Unavailable } as never), /codes is a number, expected a list/],
      [() => retry({ backoff: { jitter: 0.1 } as never }), /option backoff.jitter is unknown/],
      [() => authenticate({ token: () => "ann" } as never), /option token is unknown, expected one of bearer/],
      [() => authenticate({ bearer: "x" } as never), /bearer is a string, expected a function/],
      [() => tokenTable({ secret: "ann" } as never), /tokenTable got no Map/],
      [() => createChannelWith(URL_OF_NOBODY as never), /^"tcp:\/\/127.0.0.1:1" has no method dial, expected a dialer/],
    ] as const) {
      expect(make).to.throw(message);
    }
  });

  it("of what has no URL", async () => {
    for (const [make, message] of [
      [
        () => inProcessChannel(services, { bearerToken: "x" } as never),
        /option bearerToken is unknown, expected one of serve/,
      ],
      [() => inProcessChannel(services[0] as never), /services is an object, expected a list/],
      [() => serveWith("tcp://127.0.0.1:0" as never, { services }), /the first argument is a string, expected a list/],
      [() => connectPort(undefined as never), /undefined is no port/],
      [() => listenTcp({ port: 0 } as never, () => {}), /host is undefined, expected a name or an address/],
      [() => connectRSocket({ dialer: {}, keepalive: 5 } as never), /option keepalive is unknown/],
      [() => connectRSocket({ dialer: {}, settings: { limit: {} } } as never), /option settings.limit is unknown/],
      [() => serveRSocket({} as never), /listeners is undefined, expected a list/],
    ] as const) {
      expect(await refusalOf(make)).to.match(message);
    }
  });

  it("of close: a callback would never be called", async () => {
    await using server = await serveInProcess({ services });
    await using connection = await server.connect();
    await using channel = createChannel(URL_OF_NOBODY);
    for (const closable of [server, connection, channel]) {
      expect(await refusalOf(() => closable.close((() => {}) as never))).to.match(/the options argument is a function/);
      expect(await refusalOf(() => closable.close({ timeoutMs: 5 } as never))).to.match(/option timeoutMs is unknown/);
    }
    expect((await createTickerClient(connection).last({ name: "A" })).symbol).to.equal("A");
  });
});
