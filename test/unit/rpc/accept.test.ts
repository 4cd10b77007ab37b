// SPDX-License-Identifier: Apache-2.0
// The accept hook: who a client is, before anything of it is served; what it sends meanwhile waits.

import { expect } from "chai";
import {
  Code,
  type Connection,
  compositeMetadata,
  createContextKey,
  RpcError,
  type ServeOptions,
  type Setup,
} from "rsocket-rpc";
import {
  createAlertsClient,
  createTickerClient,
  implementAlerts,
  implementTicker,
  type TickerHandler,
  unimplementedTicker,
} from "../../../examples/hello/gen/ticker_rsocket.js";
import { textHex, uint } from "../../support/frames-dsl.js";
import {
  HELLO,
  KEEPALIVE,
  KEEPALIVE_R,
  leavesNoTrace,
  RpcWorld,
  SETUP_OURS,
  SETUP_UNKNOWN,
} from "../../support/rpc-world.js";

const ROUTE = "0001000e64656d6f2e76312e5469636b6572";
/** Log, fire-and-forget, on stream `id`, its text `byteLength` letters. */
const log = (id: number, byteLength = 0): string =>
  `${uint(id, 4)}1500${"000019"}${ROUTE}${"00034c6f67"}${"0000"}${byteLength === 0 ? "" : `0a${varint(byteLength)}${"61".repeat(byteLength)}`}`;

const serves = (handler: Partial<TickerHandler>, options: Partial<ServeOptions>): ServeOptions => ({
  services: [implementTicker({ ...unimplementedTicker, ...handler })],
  ...options,
});

describe("accept", () => {
  let world: RpcWorld;
  beforeEach(() => {
    world = new RpcWorld();
  });
  afterEach(leavesNoTrace);

  it("is called once, before any call; what came behind SETUP is served in order afterwards", async () => {
    const order: string[] = [];
    let accept = (): void => {};
    const { peer, server } = await world.serveScripted(
      serves(
        { log: ({ text }) => void order.push(`log ${text}`) },
        {
          accept: () =>
            new Promise((resolve) => {
              order.push("accept");
              accept = resolve;
            }),
        },
      ),
    );
    peer.send(SETUP_OURS);
    peer.send(log(1, 1));
    peer.send(KEEPALIVE_R);
    peer.send(log(3, 2));
    await world.scheduler.settle();
    expect(order).to.deep.equal(["accept"]);
    expect(peer.take()).to.deep.equal([]);
    expect(server.runningHandlers).to.equal(0);
    accept();
    await world.scheduler.settle();
    expect(order).to.deep.equal(["accept", "log a", "log aa"]);
    expect(peer.take()).to.deep.equal([HELLO, KEEPALIVE]);
  });

  it("at 64 KiB behind SETUP reading pauses; nothing is refused, nothing lost", async () => {
    const lengths: number[] = [];
    let accept = (): void => {};
    const { peer, isPaused } = await world.serveScripted(
      serves(
        { log: ({ text }) => void lengths.push(text.length) },
        {
          limits: { setupTimeoutMs: 1_000_000 },
          accept: () =>
            new Promise((resolve) => {
              accept = resolve;
            }),
        },
      ),
    );
    peer.send(SETUP_OURS);
    for (let i = 0; i < 6; i++) peer.send(log(2 * i + 1, 10_000 + i));
    await world.scheduler.settle();
    expect(isPaused(), "at 60 KB").to.equal(false);
    for (let i = 6; i < 100; i++) peer.send(log(2 * i + 1, 10_000 + i));
    await world.scheduler.settle();
    expect(isPaused(), "above 64 KiB").to.equal(true);
    expect(lengths).to.deep.equal([]);
    // Not reading is no silence of the client's.
    await world.scheduler.advance(200_000);
    expect(peer.isClosed).to.equal(false);
    accept();
    await world.scheduler.settle();
    expect(isPaused(), "once accepted").to.equal(false);
    expect(lengths).to.deep.equal(Array.from({ length: 100 }, (_, i) => 10_000 + i));
  });

  it("is waited for where the global Promise was replaced, too: what async functions return is none of it then", async () => {
    const { Promise: platforms } = globalThis;
    let refuse = (_error: Error): void => {};
    const refused = new Promise<void>((_, reject) => {
      refuse = reject;
    });
    const { peer } = await world.serveScripted(serves({}, { accept: async () => await refused }));
    globalThis.Promise = class Replaced<T> extends platforms<T> {} as PromiseConstructor;
    try {
      peer.send(SETUP_OURS);
      peer.send(KEEPALIVE_R);
      await world.scheduler.settle();
    } finally {
      globalThis.Promise = platforms;
    }
    expect(peer.take()).to.deep.equal([]);
    refuse(new RpcError(Code.Unauthenticated, "who are you?"));
    await world.scheduler.settle();
    expect(peer.isClosed).to.equal(true);
  });

  it("that refuses drops what waited, and no handler is called", async () => {
    const order: string[] = [];
    let refuse = (_error: Error): void => {};
    const { peer, server } = await world.serveScripted(
      serves(
        { log: ({ text }) => void order.push(text) },
        {
          accept: () =>
            new Promise((_resolve, reject) => {
              refuse = reject;
            }),
        },
      ),
    );
    peer.send(SETUP_OURS);
    peer.send(log(1, 1));
    await world.scheduler.settle();
    refuse(new RpcError(Code.PermissionDenied, "not you"));
    await world.scheduler.settle();
    // ERROR[REJECTED_SETUP] stream 0: Envelope{status{7, "not you"}}
    expect(peer.take()).to.deep.equal([`000000002c0000000003${"00"}${"320b"}${"0807"}${"1207"}${textHex("not you")}`]);
    expect(peer.isClosed).to.equal(true);
    expect(order).to.deep.equal([]);
    expect(server.connectionCount).to.equal(0);
  });

  it("whose client leaves meanwhile: nothing is served, and its verdict is of no use any more", async () => {
    for (const verdict of ["accept", "refuse"] as const) {
      let decide = (): void => {};
      const calls: string[] = [];
      const { peer, server } = await world.serveScripted(
        serves(
          { log: () => void calls.push("log") },
          {
            accept: () =>
              new Promise((resolve, reject) => {
                decide = verdict === "accept" ? resolve : () => reject(new RpcError(Code.PermissionDenied, "no"));
              }),
          },
        ),
      );
      peer.send(SETUP_OURS);
      peer.send(log(1));
      await world.scheduler.settle();
      peer.abort();
      await world.scheduler.settle();
      expect(server.connectionCount).to.equal(0);
      decide();
      await world.scheduler.settle();
      expect(calls).to.deep.equal([]);
    }
  });

  it("that throws something unexpected refuses with fixed words, and tells the observer", async () => {
    const told: unknown[] = [];
    const secret = new Error("secret");
    for (const setup of [SETUP_OURS, SETUP_UNKNOWN]) {
      const { peer } = await world.serveScripted(
        serves({}, { observer: { onAcceptError: (error) => told.push(error) }, accept: () => Promise.reject(secret) }),
      );
      peer.send(setup);
      await world.scheduler.settle();
      const [frame] = peer.take();
      expect(frame?.slice(0, 20)).to.equal("000000002c0000000003");
      expect(frame).to.contain(textHex("internal error")).and.not.contain(textHex("secret"));
    }
    expect(told).to.deep.equal([secret, secret]);
  });

  it("that throws an RpcError with spoilt trailers refuses with its status, and the observer hears of them", async () => {
    const told: string[] = [];
    const { peer } = await world.serveScripted(
      serves(
        {},
        {
          observer: { onAcceptError: (error) => told.push(String(error)) },
          accept: () => {
            throw Object.assign(new RpcError(Code.Unauthenticated, "who?"), { trailers: 5 });
          },
        },
      ),
    );
    peer.send(SETUP_OURS);
    await world.scheduler.settle();
    expect(peer.take()).to.deep.equal([`000000002c0000000003${"00"}${"3208"}${"0810"}${"1204"}${textHex("who?")}`]);
    expect(told).to.have.length(1);
    expect(told[0]).to.match(/^MetadataError: headers are 5, expected/);
  });

  it("that says false lets nobody in, and the observer hears how to say it", async () => {
    const told: string[] = [];
    for (const answer of [false, Promise.resolve(false)]) {
      const accept = (() => answer) as unknown as () => void;
      const observer = { onAcceptError: (error: unknown) => told.push(String(error)) };
      const { peer, server } = await world.serveScripted(serves({}, { observer, accept }));
      peer.send(SETUP_UNKNOWN);
      await world.scheduler.settle();
      expect(peer.take()).to.deep.equal([`000000002c0000000003${textHex("internal error")}`]);
      expect(server.connectionCount).to.equal(0);
    }
    const words = "TypeError: accept returned false, expected an RpcError to be thrown as a refusal";
    expect(told).to.deep.equal([words, words]);
  });

  it("sees credentials, headers, mime types and data as they came", async () => {
    const seen: Setup[] = [];
    const server = await world.serve(serves({}, { accept: (setup) => void seen.push(setup) }));
    await world.connect(server, {
      bearerToken: async () => "abc",
      headers: [
        ["x-a", "1"],
        ["x-a", "2"],
      ],
    });
    await world.connect(server, {
      credentials: { username: "ann", password: "pä" },
      metadataMode: compositeMetadata,
      hello: false,
    });
    const { peer } = await world.serveScripted(serves({}, { accept: (setup) => void seen.push(setup) }));
    // SETUP, M: metadata mime type "m", data mime type "d", 2 bytes of metadata, data "xyz"
    peer.send("0000000005000001000000004e2000015f90" + "016d" + "0164" + "000002" + "0102" + "78797a");
    await world.scheduler.settle();
    const [bearer, simple, raw] = seen;
    expect(bearer).to.include({ bearerToken: "abc", credentials: undefined, metadataMimeType: "application/binary" });
    expect([...(bearer?.headers ?? [])]).to.deep.equal([
      ["x-a", "1"],
      ["x-a", "2"],
    ]);
    expect(simple?.credentials).to.deep.equal({ username: "ann", password: "pä" });
    expect(simple).to.include({ bearerToken: undefined, dataMimeType: "application/x-protobuf" });
    expect(raw).to.include({ metadataMimeType: "m", dataMimeType: "d", bearerToken: undefined });
    expect(raw?.metadata).to.deep.equal(Uint8Array.of(1, 2));
    expect(raw?.data).to.deep.equal(Uint8Array.of(0x78, 0x79, 0x7a));
  });

  it("sets values that each call of the connection begins with, and no other connection's", async () => {
    const USER = createContextKey("user", "nobody");
    const seen: string[] = [];
    const server = await world.serve(
      serves(
        {
          log: (_line, { values }) => {
            seen.push(values.get(USER));
            values.set(USER, "changed by one call");
          },
        },
        { accept: ({ bearerToken, values }) => void (bearerToken === undefined || values.set(USER, bearerToken)) },
      ),
    );
    for (const options of [{ bearerToken: "ann" }, {}]) {
      const ticker = createTickerClient(await world.connect(server, options));
      await world.run(ticker.log({}));
      await world.run(ticker.log({}));
      await world.scheduler.settle();
    }
    expect(seen).to.deep.equal(["ann", "ann", "nobody", "nobody"]);
  });

  it("may keep the connection, and call the client as soon as it has accepted", async () => {
    const lines: string[] = [];
    let kept: Connection | undefined;
    const server = await world.serve(serves({}, { accept: (_setup, connection) => void (kept = connection) }));
    await world.connect(server, { services: [implementAlerts({ notify: ({ text }) => void lines.push(text) })] });
    await world.run(createAlertsClient(kept as Connection).notify({ text: "welcome" }));
    await world.scheduler.settle();
    expect(lines).to.deep.equal(["welcome"]);
    expect(kept?.peer).to.deep.equal({ transport: "in-process", address: "", localAddress: "", isSecure: true });
  });

  it("can't call the client before it has accepted: the call fails at once", async () => {
    let failure: unknown;
    const server = await world.serve(
      serves(
        {},
        {
          accept: async (_setup, connection) => {
            failure = await createAlertsClient(connection)
              .notify({})
              .catch((error: unknown) => error);
          },
        },
      ),
    );
    await world.connect(server);
    expect(RpcError.is(failure, Code.Unavailable)).to.equal(true);
  });

  for (const [name, metadata] of [
    ["an entry that is cut off", "176d6573736167652f782e72736f636b65742d7270632e76310000050a020801"],
    [
      "two of our entries",
      "176d6573736167652f782e72736f636b65742d7270632e7631000000176d6573736167652f782e72736f636b65742d7270632e7631000000",
    ],
    [
      "a header against the rules",
      "176d6573736167652f782e72736f636b65742d7270632e763100000922070a0358" + "3d61" + "120161",
    ],
  ] as const) {
    it(`isn't asked about a SETUP with ${name}: it is INVALID_SETUP`, async () => {
      let asked = 0;
      const { peer } = await world.serveScripted(serves({}, { accept: () => void asked++ }));
      const mime = "126170706c69636174696f6e2f62696e617279";
      peer.send(`0000000005000001000000004e2000015f90${mime}${mime}${uint(metadata.length / 2, 3)}${metadata}`);
      await world.scheduler.settle();
      expect(peer.take()[0]?.slice(0, 20)).to.equal("000000002c0000000001");
      expect(peer.isClosed).to.equal(true);
      expect(asked).to.equal(0);
    });
  }
});

function varint(value: number): string {
  return value < 128 ? uint(value, 1) : uint((value & 127) | 128, 1) + varint(value >>> 7);
}
