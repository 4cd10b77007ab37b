// SPDX-License-Identifier: Apache-2.0
// Connections that end before RSocket begins: observers hear of each kind, at most ten a second, and servers count them.

import { once } from "node:events";
import { connect as connectSocket, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { Worker } from "node:worker_threads";
import { expect } from "chai";
import { type Incident, type NodeServeOptions, type Server, serve } from "rsocket-rpc/node";
import { createAuthority } from "../../../examples/hello/certificates.js";
import { readHead, upgradeRequest } from "../../hostile/raw-peer.js";
import { HOST, portOf, type TlsWorld, tlsWorld } from "../../support/tls-world.js";

describe("incidents of handshakes", () => {
  let world: TlsWorld;
  let server: Server;
  let told: Incident[];
  let waiting: (() => void) | undefined;
  const sockets: Socket[] = [];
  const observer = {
    onIncident: (incident: Incident) => {
      told.push(incident);
      waiting?.();
    },
  };

  before(async () => {
    world = await tlsWorld();
  });
  beforeEach(() => {
    told = [];
  });
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    await server.close();
  });

  async function listen(url: string, options: Partial<NodeServeOptions> = {}): Promise<number> {
    server = await serve(url, { services: [], observer, ...options });
    return portOf(server.urls[0] ?? "");
  }

  async function dial(port: number): Promise<Socket> {
    const socket = connectSocket({ host: HOST, port });
    socket.on("error", () => {}).resume();
    sockets.push(socket);
    await once(socket, "connect");
    return socket;
  }

  async function firstIncident(): Promise<Incident> {
    for (;;) {
      const [incident] = told;
      if (incident !== undefined) return incident;
      await new Promise<void>((resolve) => {
        waiting = resolve;
      });
    }
  }

  it("are those whose client shows a certificate that nobody vouches for, over TLS and WebSocket", async () => {
    const stranger = await (await createAuthority()).issue("CN=eve", { names: ["DNS:eve"] });
    for (const scheme of ["tls", "wss"]) {
      told = [];
      const tls = { ...world.server, ca: world.ca, clientCertificate: "require" } as const;
      const port = await listen(`${scheme}://${HOST}:0/`, { tls });
      const socket = connectTls({ host: HOST, port, ca: world.ca, ...stranger });
      sockets.push(socket.on("error", () => {}).resume());
      const { kind, code, reason, initiator, peer } = await firstIncident();
      expect({ kind, code, initiator }).to.deep.equal({ kind: "handshake_refused", code: 1, initiator: "local" });
      expect(reason).to.match(/^the (TLS handshake with|certificate of) 127\.0\.0\.1:\d+ (failed|was refused): ./);
      expect(peer).to.include({ transport: scheme, isSecure: true });
      expect(server.stats()).to.include({ handshakesRefused: 1, connectionsRefused: 0, connectionsClosed: 0 });
      await server.close();
    }
  });

  it("are those that don't speak TLS", async () => {
    const port = await listen(`tls://${HOST}:0`, { tls: world.server });
    (await dial(port)).write("GET / HTTP/1.1\r\n\r\n");
    expect((await firstIncident()).reason).to.match(/failed: the other end speaks HTTP without TLS/);
  });

  it("are those that take too long: handshakeTimeoutMs", async () => {
    for (const [scheme, tls] of [["tls", world.server] as const, ["ws", undefined] as const]) {
      told = [];
      const options = { limits: { handshakeTimeoutMs: 30 }, ...(tls === undefined ? {} : { tls }) };
      const socket = await dial(await listen(`${scheme}://${HOST}:0/`, options));
      const { kind, code, reason, peer } = await firstIncident();
      expect({ kind, code, reason }).to.deep.equal({
        kind: "handshake_refused",
        code: 1, // INVALID_SETUP
        reason: "the handshake took more than 30 ms",
      });
      expect(peer).to.include({ transport: scheme, address: `${HOST}:${socket.localPort}` });
      await server.close();
    }
  });

  it("are those that are too many, at most ten a second, each of them counted: maxHandshakes", async () => {
    const port = await listen(`tls://${HOST}:0`, { tls: world.server, limits: { maxHandshakes: 1 } });
    await dial(port);
    for (let i = 0; i < 15; i++) await once(await dial(port), "close");
    expect(server.stats()).to.include({ handshakesRefused: 15 });
    expect(told).to.have.length(10);
    const { kind, code, reason } = await firstIncident();
    expect({ kind, code, reason }).to.deep.equal({
      kind: "handshake_refused",
      code: 3, // REJECTED_SETUP
      reason: "server is full: more than 1 handshakes at once",
    });
  });

  it("are pages of other sites that want a WebSocket, and not of connections that go by themselves", async () => {
    const port = await listen(`ws://${HOST}:0/rpc`);
    (await dial(port)).destroy();
    (await dial(port)).write(upgradeRequest({ Origin: `https://evil.example/${"x".repeat(1_000)}` }));
    const { kind, code, reason, peer } = await firstIncident();
    expect({ kind, code }).to.deep.equal({ kind: "handshake_refused", code: 1 });
    expect(reason).to.match(
      /^a page of "https:\/\/evil\.example\/x{79}" may not open a WebSocket, expected one of the host that it connects to, or the option allowedOrigins$/,
    );
    expect(peer.upgrade?.url).to.equal("/rpc");
    expect(told).to.have.length(1);
  });

  // A browser doesn't say why. Each server in a thread of its own: one warning a minute of each kind is all that a process prints.
  for (const [where, title] of [
    ['"ws://127.0.0.1:0/rpc"', "a URL"],
    ['attachWebSocket(http, { path: "/rpc" })', "a server of HTTP"],
  ]) {
    it(`are printed when they are a page's and nobody observes them: ${title}`, async () => {
      const thread = new Worker(
        `import("rsocket-rpc/node").then(async ({ attachWebSocket, connect, serve }) => {
          process.once("warning", ({ message }) => require("node:worker_threads").parentPort.postMessage(message));
          const http = require("node:http").createServer();
          await new Promise((resolve) => http.listen(0, "127.0.0.1", resolve));
          const server = await serve(${where}, { services: [] });
          await connect(server.urls[0], { webSocketHeaders: { origin: "http://localhost:5173" } }).catch(() => {});
        })`,
        { eval: true },
      );
      const [message] = await once(thread, "message");
      await thread.terminate();
      expect(message).to.equal(
        'a link couldn\'t be accepted: a page of "http://localhost:5173" may not open a WebSocket, expected one of the host that it connects to, or the option allowedOrigins',
      );
    });
  }

  it("are requests for another path, requests that are no good, and what isn't HTTP", async () => {
    const port = await listen(`ws://${HOST}:0/rpc`);
    for (const [request, reason, status] of [
      [upgradeRequest({}, `/other?${"x".repeat(1_000)}`), /^nothing is served at "\/other"$/, 404],
      [upgradeRequest({ "Sec-WebSocket-Version": "12" }), /^the request for a WebSocket is malformed: ./, 400],
      [upgradeRequest({ "Sec-WebSocket-Key": "no" }), /^the request for a WebSocket is malformed: ./, 400],
      ["\x00\x00\x1a\x00\x00\x00\x00", /^the request isn't HTTP: ./, 400],
    ] as const) {
      told = [];
      const socket = connectSocket({ host: HOST, port });
      sockets.push(socket);
      socket.write(request);
      expect((await firstIncident()).reason).to.match(reason);
      expect(await readHead(socket)).to.match(new RegExp(`^HTTP/1.1 ${status} `));
      expect(told).to.have.length(1);
    }
    expect(server.stats()).to.include({ handshakesRefused: 4, connections: 0 });
  });
});
