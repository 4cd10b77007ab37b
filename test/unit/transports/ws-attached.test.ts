// SPDX-License-Identifier: Apache-2.0
// WebSockets over TLS and at servers that are there already: paths, origins, cookies, certificates, handshakes.

import { once } from "node:events";
import { createServer as createHttpServer, type IncomingMessage, type Server } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { type AddressInfo, connect as connectSocket } from "node:net";
import { expect } from "chai";
import { connect, serve } from "rsocket-rpc/node";
import { WebSocket } from "ws";
import { readAlternativeNames } from "../../../runtime/src/transports/certificates.js";
import { parseCookies } from "../../../runtime/src/transports/upgrade-request.js";
import { attachWebSocket, listenWs, wsDialer } from "../../../runtime/src/transports/ws.js";
import { Accepted, dial, HOST, portOf, rejectionOf, tlsWorld } from "../../support/tls-world.js";

describe("a WebSocket over TLS", () => {
  const accepted = new Accepted();
  afterEach(() => accepted.abort());

  it("shows both ends each other's certificate, and is refused to a client that lacks one", async () => {
    const { ca, server, ann } = await tlsWorld();
    const tls = { ...server, ca, clientCertificate: "require" } as const;
    const listener = await listenWs({ host: HOST, port: 0, path: "/rpc", tls }, accepted.onLink, () => {});
    expect(listener.url).to.match(/^wss:\/\/127\.0\.0\.1:\d+\/rpc$/);
    const link = await dial(wsDialer(listener.url, { tls: { ca, ...ann } }));
    expect(link.info).to.include({ transport: "wss", isSecure: true });
    expect(link.info.certificate?.subject["CN"]).to.equal("server");
    expect((await accepted.at(0)).info.certificate).to.deep.include({
      subject: { CN: "ann", O: "acme" },
      authorized: true,
    });
    const refused = await rejectionOf(dial(wsDialer(listener.url, { tls: { ca } })));
    expect(refused.message).to.contain(`can't connect to ${listener.url}`);
    const unknown = await rejectionOf(dial(wsDialer(listener.url)));
    expect(unknown.message).to.contain("the certificate's authority is not among those in `ca`");
    link.abort();
    await listener.close();
  });

  it("may be opened by pages of the same host that came over TLS themselves", async () => {
    const { ca, server } = await tlsWorld();
    const listener = await listenWs({ host: HOST, port: 0, path: "/rpc", tls: server }, accepted.onLink);
    const { host } = new URL(listener.url);
    expect(await statusOf(listener.url, { Origin: `https://${host}` }, ca)).to.equal(101);
    expect(await statusOf(listener.url, { Origin: `http://${host}` }, ca)).to.equal(403);
    expect(await statusOf(listener.url, { Origin: "https://evil.example.com" }, ca)).to.equal(403);
    await listener.close();
  });

  for (const [name, secure] of [
    ["TLS", true],
    ["HTTP", false],
  ] as const) {
    it(`has a time limit for the handshake, and a limit for how many there are (${name})`, async () => {
      const { server, ca } = await tlsWorld();
      const options = { host: HOST, port: 0, path: "/", handshakeTimeoutMs: 150, maxHandshakes: 1 };
      const listener = await listenWs({ ...options, ...(secure ? { tls: server } : {}) }, accepted.onLink);
      const silent = connectSocket({ host: HOST, port: portOf(listener.url) });
      silent.resume().on("error", () => {});
      await once(silent, "connect");
      await rejectionOf(dial(wsDialer(listener.url, secure ? { tls: { ca } } : {})));
      await once(silent, "close");
      (await dial(wsDialer(listener.url, secure ? { tls: { ca } } : {}))).abort();
      await listener.close();
    });
  }
});

describe("WebSockets at a server that is there already", () => {
  let http: Server;
  const accepted = new Accepted();

  beforeEach(async () => {
    http = createHttpServer((_request, response) => response.end("a page"));
    await once(http.listen(0, HOST), "listening");
  });
  afterEach(() => {
    accepted.abort();
    http.closeAllConnections();
    http.close();
  });

  it("are served beside URLs, at several paths, while pages are served as before", async () => {
    const { port } = http.address() as AddressInfo;
    await using first = await serve([attachWebSocket(http, { path: "/a" }), "tcp://127.0.0.1:0"], { services: [] });
    await using second = await serve(attachWebSocket(http, { path: "/b" }), { services: [] });
    expect(first.urls[0]).to.equal(`ws://127.0.0.1:${port}/a`);
    expect(second.urls).to.deep.equal([`ws://127.0.0.1:${port}/b`]);
    for (const url of [...first.urls, ...second.urls]) await (await connect(url)).close();
    expect(await statusOf(`ws://127.0.0.1:${port}/c`)).to.equal(404);
    expect(await (await fetch(`http://127.0.0.1:${port}/a`)).text()).to.equal("a page");
    await second.close();
    expect(await statusOf(`ws://127.0.0.1:${port}/b`)).to.equal(404);
    await first.close();
    expect(http.listenerCount("upgrade")).to.equal(0);
  });

  it("leave requests for other paths to others", async () => {
    const { port } = http.address() as AddressInfo;
    await using _first = await serve(attachWebSocket(http, { path: "/a" }), { services: [] });
    await using _second = await serve(attachWebSocket(http, { path: "/b" }), { services: [] });
    http.on("upgrade", (request: IncomingMessage, socket) => {
      if (request.url === "/c") socket.end("HTTP/1.1 402 Payment Required\r\nConnection: close\r\n\r\n");
    });
    expect(await statusOf(`ws://127.0.0.1:${port}/c`)).to.equal(402);
    expect(await statusOf(`ws://127.0.0.1:${port}/b`)).to.equal(101);
  });

  it("have a path to themselves", async () => {
    await using _server = await serve(attachWebSocket(http, { path: "/a" }), { services: [] });
    const error = await rejectionOf(serve(attachWebSocket(http, { path: "/a" }), { services: [] }));
    expect(error.message).to.equal("WebSockets at /a of this HTTP server are served already");
  });

  it("have a URL as soon as their server listens; before, a path", async () => {
    const later = createHttpServer();
    await using server = await serve(attachWebSocket(later, { path: "/a" }), { services: [] });
    expect(server.urls).to.deep.equal(["/a"]);
    await once(later.listen(0, "::1"), "listening");
    expect(server.urls[0]).to.match(/^ws:\/\/\[::1\]:\d+\/a$/);
    later.close();
  });

  it("of an HTTPS server check origins as over TLS, and tell of certificates", async () => {
    const { ca, server, ann } = await tlsWorld();
    const https = createHttpsServer({ ...server, ca, requestCert: true, rejectUnauthorized: false });
    await once(https.listen(0, HOST), "listening");
    const listener = await attachWebSocket(https, { path: "/a" })(accepted.onLink);
    expect(listener.url).to.match(/^wss:/);
    expect(await statusOf(listener.url, { Origin: `http://${new URL(listener.url).host}` }, ca)).to.equal(403);
    (await dial(wsDialer(listener.url, { tls: { ca, ...ann } }))).abort();
    expect((await accepted.at(0)).info.certificate?.subject["CN"]).to.equal("ann");
    await listener.close();
    https.closeAllConnections();
    https.close();
  });

  it("tell accept and handlers of cookies, origin and headers", async () => {
    const seen: unknown[] = [];
    await using server = await serve(
      attachWebSocket(http, { path: "/a", allowedOrigins: ["https://app.example.com"] }),
      {
        services: [],
        accept: (_setup, { peer }) => {
          const { cookies, origin, url } = peer.upgrade ?? {};
          seen.push(
            { ...cookies },
            origin,
            url,
            peer.isSecure,
            peer.localAddress === new URL(server.urls[0] ?? "").host,
          );
        },
      },
    );
    const webSocketHeaders = { Cookie: "session=a%20b; theme=dark", Origin: "https://app.example.com" };
    await (await connect(`${server.urls[0]}?x=1`, { webSocketHeaders })).close();
    expect(seen).to.deep.equal([{ session: "a b", theme: "dark" }, "https://app.example.com", "/a?x=1", false, true]);
  });

  it("close with 1009 when a message is larger than what is allowed, and write each frame as one message", async () => {
    await using server = await serve(attachWebSocket(http, { path: "/a" }), { services: [] });
    const webSocket = new WebSocket(server.urls[0] ?? "", { perMessageDeflate: false });
    await once(webSocket, "open");
    webSocket.send(new Uint8Array(70_000)); // above maxSetupBytes
    const [code] = (await once(webSocket, "close")) as [number];
    expect(code).to.equal(1009);
  });

  it("send a frame of 1 MiB as one unmasked binary message that isn't split", async () => {
    const listener = await attachWebSocket(http, { path: "/a" })(accepted.onLink);
    const { port } = http.address() as AddressInfo;
    const socket = connectSocket({ host: HOST, port });
    socket.write(
      `GET /a HTTP/1.1\r\nHost: ${HOST}:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n` +
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
    );
    const link = await accepted.at(0);
    const frame = new Uint8Array(3 + 1_048_576);
    frame.set([0x10, 0x00, 0x00]);
    link.send({ chunks: [frame], byteLength: frame.length });
    link.close();
    const chunks: Buffer[] = [];
    for await (const chunk of socket) chunks.push(chunk as Buffer);
    const all = Buffer.concat(chunks);
    const bytes = all.subarray(all.indexOf("\r\n\r\n") + 4);
    // FIN and binary, no RSV bit, unmasked; 8 bytes of length: 1 MiB. Behind it a close with 1000.
    expect(bytes.toString("hex", 0, 10)).to.equal("827f0000000000100000");
    expect(bytes.toString("hex", 10 + 1_048_576)).to.equal("880203e8");
    await listener.close();
  });
});

describe("what comes with a request", () => {
  it("has cookies, of which the first of a name counts, decoded where they can be", () => {
    const cookies = parseCookies('a=1; b="two words"; a=2; c=%7Bx%7D; d=%zz; =e; f; __proto__=g; h=i=j');
    expect(Object.entries(cookies)).to.deep.equal([
      ["a", "1"],
      ["b", "two words"],
      ["c", "{x}"],
      ["d", "%zz"],
      ["", "e"],
      ["__proto__", "g"],
      ["h", "i=j"],
    ]);
    expect(Object.keys(parseCookies(""))).to.deep.equal([]);
  });

  it("has alternative names, which can't be mistaken for several", () => {
    expect(
      readAlternativeNames('DNS:a.example.com, IP Address:127.0.0.1, URI:"x, DNS:evil", email:ann@example.com'),
    ).to.deep.equal(["DNS:a.example.com", "IP:127.0.0.1", "URI:x, DNS:evil", "email:ann@example.com"]);
    expect(readAlternativeNames("")).to.deep.equal([]);
  });
});

// 101 when it opens, otherwise what the server says.
function statusOf(url: string, headers: Record<string, string> = {}, ca?: string): Promise<number> {
  const webSocket = new WebSocket(url, { headers, ...(ca === undefined ? {} : { ca }) });
  return new Promise((resolve, reject) => {
    webSocket.on("error", reject);
    webSocket.on("unexpected-response", (request, response) => {
      resolve(response.statusCode ?? 0);
      request.destroy();
    });
    webSocket.on("open", () => {
      resolve(101);
      webSocket.terminate();
    });
  });
}
