// SPDX-License-Identifier: Apache-2.0
// `connect` and `serve` of Node's door: URLs, several at once, addresses that can't be had, signals that drain.

import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { connect as connectSocket, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import {
  Code,
  ConnectError,
  compositeMetadata,
  connect,
  createChannel,
  type Incident,
  RpcError,
  type Setup,
  serve,
} from "rsocket-rpc/node";
import {
  createTickerClient,
  implementTicker,
  unimplementedTicker,
} from "../../../examples/hello/gen/ticker_rsocket.js";
import { hostAndPort, parseUrl } from "../../../runtime/src/rpc/url.js";
import { rejectionOf } from "../../support/rpc-world.js";
import { tlsWorld } from "../../support/tls-world.js";

const services = [implementTicker({ ...unimplementedTicker, last: ({ name }) => ({ symbol: name }) })];

describe("Node's door", () => {
  it("serves on several URLs at once, and names the ports that were bound", async () => {
    await using server = await serve(["tcp://127.0.0.1:0", "ws://127.0.0.1:0/rpc"], { services });
    expect(server.urls).to.have.length(2);
    expect(server.urls[0]).to.match(/^tcp:\/\/127\.0\.0\.1:[1-9]\d*$/);
    expect(server.urls[1]).to.match(/^ws:\/\/127\.0\.0\.1:[1-9]\d*\/rpc$/);
    for (const url of server.urls) {
      await using connection = await connect(url);
      expect((await createTickerClient(connection).last({ name: url })).symbol).to.equal(url);
      expect(connection.peer.transport).to.equal(url.slice(0, url.indexOf(":")));
    }
  });

  it("tells accept who is there: address, and the request that opened a WebSocket", async () => {
    const peers: unknown[] = [];
    const accept = (_setup: Setup, { peer }: { readonly peer: unknown }): void => void peers.push(peer);
    await using server = await serve(["tcp://127.0.0.1:0", "ws://127.0.0.1:0/rpc"], { services, accept });
    for (const url of server.urls) {
      await using _connection = await connect(url, { webSocketHeaders: { "x-test": "1" } });
    }
    const [tcp, ws] = peers as {
      transport: string;
      address: string;
      upgrade?: { url: string; headers: Record<string, string> };
    }[];
    expect(tcp?.address).to.match(/^127\.0\.0\.1:\d+$/);
    expect(tcp?.upgrade).to.equal(undefined);
    expect(ws?.upgrade?.url).to.equal("/rpc");
    expect(ws?.upgrade?.headers["x-test"]).to.equal("1");
  });

  it("refuses options that can't be, before anything is opened", async () => {
    const { server: identity, ca } = await tlsWorld();
    const port = await freePort();
    const require = { ...identity, clientCertificate: "require" } as const;
    for (const [scheme, options, message] of [
      ["tcp", { drain: { onSignals: ["SIGKILL"] } }, /^drain.onSignals holds "SIGKILL"/],
      ["tcp", { drain: { onSignals: ["SIGTRM"] } }, /^drain.onSignals holds "SIGTRM", expected names of signals/],
      ["tcp", { drain: { onSignals: "SIGTERM" as never } }, /^drain.onSignals holds "SIGTERM"/],
      ["tcp", { drain: { graceMs: Number.NaN } }, /^graceMs is NaN, expected a number of milliseconds/],
      [
        "ws",
        { allowedOrigins: "https://a.example" as never },
        /^allowedOrigins is "https:\/\/a.example", expected a list/,
      ],
      ["ws", { allowedOrigins: ["https://a.example/"] }, /^"https:\/\/a.example\/" is no origin/],
      ["ws", { allowedOrigins: ["*"] }, /^"\*" is no origin/],
      ["tls", { tls: { ...require, ca: "" } }, /^tls.ca holds no certificate/],
      ["tls", { tls: { ...require, ca: [] } }, /^tls.ca holds no certificate/],
      ["wss", { tls: { ...require, ca: [ca, "none"] } }, /^tls.ca holds no certificate/],
      ["tls", { tls: { cert: "", key: "" } }, /^tls.cert is empty, expected PEM/],
    ] as const) {
      const error = (await rejectionOf(serve(`${scheme}://127.0.0.1:${port}/`, { services, ...options }))) as Error;
      expect(error.message).to.match(message);
      // The port is free.
      await (await serve(`tcp://127.0.0.1:${port}`, { services })).close();
    }
    const wrong = /^tls\.(ca holds no certificate|dangerouslyAcceptAnyCertificate is "false", expected a boolean)/;
    for (const tls of [{ ca: "" }, { ca: [] }, { ca: "DER" }, { dangerouslyAcceptAnyCertificate: "false" as never }]) {
      const error = (await rejectionOf(connect(`tls://127.0.0.1:${port}`, { tls }))) as Error;
      expect(error.message).to.match(wrong);
    }
    const allowedOrigins = ["https://a.example", "null", "app://localhost", "http://a.example:8080"];
    await (await serve(`ws://127.0.0.1:${port}/`, { services, allowedOrigins })).close();
  });

  it("lets a function decide which pages open a WebSocket", async () => {
    const server = await serve("ws://127.0.0.1:0/", {
      services,
      allowedOrigins: (origin) => origin.startsWith("http://localhost:"),
    });
    const [url = ""] = server.urls;
    const pageAt = (origin: string) => connect(url, { webSocketHeaders: { origin } });
    await (await pageAt("http://localhost:5173")).close();
    expect(((await rejectionOf(pageAt("https://evil.example"))) as Error).message).to.match(/403$/);
    await server.close();
  });

  it("says what the other end seems to speak, where ports were confused", async () => {
    const told: string[] = [];
    const observer = { onIncident: ({ reason }: Incident) => void told.push(reason) };
    await using server = await serve(["tcp://127.0.0.1:0", "ws://127.0.0.1:0/rpc"], { services, observer });
    const [tcp = "", ws = ""] = server.urls.map((url) => new URL(url).port);
    const ours = await rejectionOf(connect(`tcp://127.0.0.1:${ws}`));
    expect(String(ours)).to.match(/frame length 4740180, expected 6 … 4259904 .*: the other end speaks HTTP$/);
    told.length = 0;
    for (const url of [`tls://127.0.0.1:${tcp}`, `ws://127.0.0.1:${tcp}/`]) await rejectionOf(connect(url));
    expect(told).to.deep.equal([
      "frame length 1442561, expected 6 … 65536 (RSocket 1.0 §Framing): the other end speaks TLS",
      "frame length 4670804, expected 6 … 65536 (RSocket 1.0 §Framing): the other end speaks HTTP",
    ]);
  });

  it("refuses to serve nowhere", async () => {
    for (const [where, got] of [
      [[], "an empty list"],
      [undefined, "undefined"],
      [{}, "an Object"],
      [null, "null"],
    ]) {
      const error = await rejectionOf(serve(where as unknown as string, { services }));
      expect(String(error)).to.equal(`TypeError: serve got ${got} for its first argument, expected a URL, or several`);
    }
  });

  it("close: a time that is none is refused, and nothing is closed", async () => {
    await using server = await serve("tcp://127.0.0.1:0", { services });
    const [url = ""] = server.urls;
    await using connection = await connect(url);
    await using channel = createChannel(url);
    for (const closable of [server, connection, channel]) {
      const error = await rejectionOf(closable.close({ graceMs: Number("2 s") }));
      expect(error).to.be.instanceOf(RangeError);
      expect(String(error)).to.equal("RangeError: graceMs is NaN, expected a number of milliseconds");
    }
    expect((await createTickerClient(connection).last({ name: "A" })).symbol).to.equal("A");
  });

  it("close ends connections that are at their handshake", async () => {
    const { server: tls } = await tlsWorld();
    for (const [scheme, options] of [
      ["tls", { tls }],
      ["wss", { tls }],
      ["ws", {}],
    ] as const) {
      const server = await serve(`${scheme}://127.0.0.1:0/`, { services, ...options });
      const port = Number(new URL((server.urls[0] ?? "").replace(scheme, "http")).port);
      const socket = connectSocket({ host: "127.0.0.1", port });
      socket.on("error", () => {}).resume();
      await once(socket, "connect");
      // The server has it, too.
      await new Promise((resolve) => setImmediate(resolve));
      const closed = once(socket, "close");
      await server.close();
      await closed;
    }
  });

  it("has hosts as the DNS spells them", () => {
    for (const [url, host] of [
      ["tcp://b\u00fccher.example:7000", "xn--bcher-kva.example"],
      ["tls://LOCALHOST:7000", "localhost"],
      ["tcp://[::1]:7000", "::1"],
    ] as const) {
      expect(hostAndPort(parseUrl(url, ["tcp", "tls"]))).to.deep.equal({ host, port: 7000 });
    }
    expect(() => hostAndPort(parseUrl("tcp://a%20b:7000", ["tcp"]))).to.throw(/has a host that can't be/);
  });

  it("takes metadata modes by name and by value", async () => {
    const mimeTypes: string[] = [];
    const accept = ({ metadataMimeType }: Setup): void => void mimeTypes.push(metadataMimeType);
    await using server = await serve("tcp://127.0.0.1:0", { services, accept });
    const [url = ""] = server.urls;
    for (const metadataMode of ["rpc", "composite", compositeMetadata] as const) {
      await using connection = await connect(url, { metadataMode });
      expect((await createTickerClient(connection).last({ name: "A" })).symbol).to.equal("A");
      await using channel = createChannel(url, { metadataMode });
      expect((await createTickerClient(channel).last({ name: "B" })).symbol).to.equal("B");
    }
    const composite = "message/x.rsocket.composite-metadata.v0";
    const rpc = "application/binary";
    expect(mimeTypes).to.deep.equal([rpc, rpc, composite, composite, composite, composite]);
  });

  for (const [url, message] of [
    [
      "http://localhost:1",
      /"http:\/\/localhost:1" has scheme http, expected tcp:\/\/ or tls:\/\/ or ws:\/\/ or wss:\/\/ with host and port, or unix:\/path/,
    ],
    ["localhost:7000", /"localhost:7000" has scheme localhost/],
    ["", /"" is no URL/],
    ["tcp://localhost", /has no port/],
    ["tls://localhost", /has no port/],
    ["unix:relative.sock", /names no Unix socket, expected unix:\/path\/to.sock/],
    ["unix://host/path.sock", /names no Unix socket/],
    ["unix:/path.sock?query", /names no Unix socket/],
    ["unix:", /names no Unix socket/],
  ] as const) {
    it(`"${url}" is refused by name, to connect and to serve`, async () => {
      for (const promise of [connect(url), serve(url, { services })]) {
        const error = (await rejectionOf(promise)) as RpcError;
        expect(RpcError.is(error, Code.InvalidArgument)).to.equal(true);
        expect(error.message).to.match(message);
      }
    });
  }

  it("speaks every scheme, and tells both ends who is there", async () => {
    const { ca, server: identity, ann } = await tlsWorld();
    const folder = mkdtempSync(join(tmpdir(), "rsocket-"));
    const seen: string[] = [];
    const where = ["tls://127.0.0.1:0", "wss://127.0.0.1:0/rpc", `unix:${folder}/a.sock`];
    const server = await serve(where, {
      services,
      tls: { ...identity, ca, clientCertificate: "require" },
      accept: (_setup, { peer }) => {
        seen.push(`${peer.transport} ${peer.isSecure} ${String(peer.certificate?.subject["CN"])}`);
      },
    });
    for (const url of server.urls) {
      const connection = await connect(url, url.startsWith("unix:") ? {} : { tls: { ca, ...ann } });
      expect((await createTickerClient(connection).last({ name: url })).symbol).to.equal(url);
      expect(connection.peer.isSecure).to.equal(true);
      await connection.close();
    }
    expect(seen).to.deep.equal(["tls true ann", "wss true ann", "unix true undefined"]);
    await server.close();
    rmSync(folder, { recursive: true });
  });

  it("encrypts when it is told to, or says that it can't", async () => {
    const { ca, server: tls } = await tlsWorld();
    for (const url of ["tcp://127.0.0.1:1", "ws://127.0.0.1:1/", "unix:/tmp/none"]) {
      for (const promise of [connect(url, { tls: { ca } }), serve(url, { services, tls })]) {
        const error = (await rejectionOf(promise)) as RpcError;
        expect(RpcError.is(error, Code.InvalidArgument)).to.equal(true);
        expect(error.message).to.contain("isn't encrypted, in spite of the option tls");
      }
      expect(() => createChannel(url, { tls: { ca } })).to.throw(RpcError, "isn't encrypted");
    }
    for (const url of ["tls://127.0.0.1:0", "wss://127.0.0.1:0/"]) {
      const error = (await rejectionOf(serve(["tcp://127.0.0.1:0", url], { services }))) as RpcError;
      expect(error.message).to.contain(`"${url}" needs the option tls with cert and key`);
    }
  });

  it("a client that is refused for its certificate hears so", async () => {
    const { ca, server: identity } = await tlsWorld();
    await using server = await serve("tls://127.0.0.1:0", {
      services,
      tls: { ...identity, ca, clientCertificate: "require" },
    });
    const error = (await rejectionOf(connect(server.urls[0] ?? "", { tls: { ca } }))) as ConnectError;
    expect(error).to.include({ code: Code.Unavailable });
    expect(error.message).to.match(/127\.0\.0\.1:\d+: .*certificate/);
  });

  it("bounds handshakes, by number and time, over tls, wss and ws", async () => {
    const { ca, server: identity } = await tlsWorld();
    for (const scheme of ["tls", "wss", "ws"]) {
      const tls = scheme === "ws" ? {} : { tls: identity };
      const limits = { maxHandshakes: 1, handshakeTimeoutMs: 400 };
      await using server = await serve(`${scheme}://127.0.0.1:0${scheme === "tls" ? "" : "/rpc"}`, {
        services,
        limits,
        ...tls,
      });
      const [url = ""] = server.urls;
      const silent = connectSocket({ host: "127.0.0.1", port: Number(new URL(url).port) });
      silent.on("error", () => {});
      const closed = once(silent, "close");
      await once(silent, "connect");
      const options = scheme === "ws" ? {} : { tls: { ca } };
      expect(await rejectionOf(connect(url, options)), `${scheme}, one too many`).to.be.instanceOf(ConnectError);
      await closed;
      await using connection = await connect(url, options);
      expect((await createTickerClient(connection).last({ name: "X" })).symbol).to.equal("X");
    }
  });

  it("an address where nobody listens is unavailable, and named", async () => {
    const port = await freePort();
    const error = (await rejectionOf(connect(`tcp://127.0.0.1:${port}`))) as ConnectError;
    expect(error).to.be.instanceOf(ConnectError);
    expect(error).to.include({ code: Code.Unavailable, initiator: "local", retryable: true });
    expect(error.message).to.contain(`127.0.0.1:${port}`).and.contain("ECONNREFUSED");
    const ws = (await rejectionOf(connect(`ws://127.0.0.1:${port}/rpc`))) as ConnectError;
    expect(ws).to.include({ code: Code.Unavailable });
    expect(ws.message).to.contain(`127.0.0.1:${port}`);
  });

  it("an address that is taken can't be served, and nothing stays open", async () => {
    await using server = await serve("tcp://127.0.0.1:0", { services });
    const taken = server.urls[0] as string;
    const free = await freePort();
    const error = (await rejectionOf(serve([`tcp://127.0.0.1:${free}`, taken], { services }))) as Error;
    expect(error.message).to.contain("EADDRINUSE").and.contain(new URL(taken).port);
    expect(await rejectionOf(connect(`tcp://127.0.0.1:${free}`))).to.be.instanceOf(ConnectError);
  });

  it("drains with many servers in one process by one listener for each signal", async () => {
    const before = process.listenerCount("SIGUSR2");
    const drain = { onSignals: ["SIGUSR2", "SIGUSR2"], exit: false };
    const servers = await Promise.all(
      Array.from({ length: 12 }, () => serve("tcp://127.0.0.1:0", { services, drain })),
    );
    expect(process.listenerCount("SIGUSR2")).to.equal(before + 1);
    await servers[0]?.close();
    expect(process.listenerCount("SIGUSR2")).to.equal(before + 1);
    process.emit("SIGUSR2", "SIGUSR2");
    await Promise.all(servers.map(({ closed }) => closed));
    expect(process.listenerCount("SIGUSR2")).to.equal(before);
  });

  it("drains on the signals it was given, and forgets them when it is closed", async () => {
    const before = process.listenerCount("SIGUSR2");
    const server = await serve("tcp://127.0.0.1:0", {
      services,
      drain: { onSignals: ["SIGUSR2"], graceMs: 100, exit: false },
    });
    const connection = await connect(server.urls[0] as string);
    expect(process.listenerCount("SIGUSR2")).to.equal(before + 1);
    process.emit("SIGUSR2", "SIGUSR2");
    const { reason, error } = await connection.closed;
    expect(reason).to.match(/server is draining/);
    expect(error).to.equal(undefined);
    expect(process.listenerCount("SIGUSR2")).to.equal(before);
    await server.closed;

    const other = await serve("tcp://127.0.0.1:0", { services, drain: { onSignals: ["SIGUSR2"] } });
    await other.close();
    await other.closed;
    expect(process.listenerCount("SIGUSR2")).to.equal(before);
  });
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
