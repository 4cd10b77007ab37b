// SPDX-License-Identifier: Apache-2.0
// A WebSocket link against raw WebSockets and raw sockets: messages, handshakes, origins, ends (FRM-02, FRM-07, WS-01 … WS-03).

import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { expect } from "chai";
import { WebSocket, WebSocketServer } from "ws";
import type { FrameLink, Listener } from "../../runtime/src/engine/link.js";
import { acceptUpgrade, listenWs, type WsListenOptions, wsDialer } from "../../runtime/src/transports/ws.js";
import { bytesOf, hex, hexOf } from "../support/frames-dsl.js";
import { LinkRecorder, turns } from "./link-contract-recorder.js";
import { rawSocket } from "./link-contract-sockets.js";

const CANCEL = hex`
  00000001   // stream 1
  2400       // CANCEL
`;
const PAYLOAD = hex`
  00000003   // stream 3
  2820       // PAYLOAD, N
  68656c6c6f // "hello"
`;
const CLOSE_WITHIN_MS = 1_500;
const HOST = "127.0.0.1";

describe("a WebSocket link and a raw WebSocket", () => {
  let listener: Listener;
  let accepted: (link: FrameLink) => void;
  let link: FrameLink;
  let handler: LinkRecorder;
  let peer: WebSocket;
  let closed: Promise<{ code: number; reason: string }>;

  before(async () => {
    listener = await listenWs({ host: HOST, port: 0, path: "/rpc", maxFrameBytes: 100_000 }, (opened) =>
      accepted(opened),
    );
  });

  beforeEach(async () => {
    const opening = new Promise<FrameLink>((resolve) => {
      accepted = resolve;
    });
    peer = await openWebSocket(`${listener.url}?a=b`, { headers: { "X-Test": "1" } });
    closed = closeOf(peer);
    link = await opening;
    handler = new LinkRecorder();
    link.setHandler(handler);
  });

  afterEach(async () => {
    link.abort();
    peer.terminate();
    await Promise.all([handler.untilClosed(), closed]);
    expect(handler.violations).to.deep.equal([]);
    expect(handler.closes.length).to.equal(1);
  });

  after(() => listener.close());

  it("FRM-02, WS-01: brings each binary message as one frame, and sends each frame as one binary message", async () => {
    const messages: string[] = [];
    peer.on("message", (data: Buffer, isBinary) => messages.push(`${isBinary} ${data.toString("hex")}`));
    peer.send(bytesOf(PAYLOAD));
    peer.send(bytesOf(CANCEL));
    await handler.untilFrames(2);
    expect(handler.frames.map(hexOf)).to.deep.equal([PAYLOAD, CANCEL]);
    // Two frames in three chunks.
    link.send({
      chunks: [bytesOf(`000006${CANCEL}00000b00`), bytesOf(PAYLOAD.slice(2, 14)), bytesOf(PAYLOAD.slice(14))],
      byteLength: 23,
    });
    link.close();
    await closed;
    expect(messages).to.deep.equal([`true ${CANCEL}`, `true ${PAYLOAD}`]);
  });

  it("WS-01: joins a message that comes in several frames of the WebSocket, with a ping between them", async () => {
    const bytes = bytesOf(PAYLOAD);
    peer.send(bytes.subarray(0, 1), { fin: false });
    peer.ping("in between");
    peer.send(bytes.subarray(1, 7), { fin: false });
    peer.send(bytes.subarray(7), { fin: true });
    await handler.untilFrames(1);
    expect(handler.frames.map(hexOf)).to.deep.equal([PAYLOAD]);
  });

  it("WS-01: answers pings, also while nothing else comes, and counts them as something read", async () => {
    const pong = new Promise<string>((resolve) => peer.once("pong", (data: Buffer) => resolve(data.toString())));
    peer.ping("are you there");
    expect(await pong).to.equal("are you there");
    expect(handler.partialBytes).to.deep.equal([0]);
  });

  it("says how much of a message is there", async () => {
    const { socket } = underlying(peer);
    // FIN and binary, masked with zeros, 100 bytes; 40 of them.
    socket.write(bytesOf(`82e400000000${"07".repeat(40)}`));
    await handler.until(() => handler.partialBytes.length === 1);
    expect(handler.partialBytes).to.deep.equal([46]);
    socket.write(bytesOf("07".repeat(60)));
    await handler.untilFrames(1);
    expect(handler.partialBytes.at(-1)).to.equal(0);
  });

  it("reads messages that come byte by byte", async () => {
    const { socket } = underlying(peer);
    for (const byte of bytesOf(`828b00000000${PAYLOAD}828600000000${CANCEL}`)) {
      await new Promise<void>((resolve) => {
        socket.write(Uint8Array.of(byte), () => resolve());
      });
    }
    await handler.untilFrames(2);
    expect(handler.frames.map(hexOf)).to.deep.equal([PAYLOAD, CANCEL]);
  });

  it("WS-03: refuses text with 1003", async () => {
    peer.send(CANCEL);
    expect(await closed).to.deep.equal({ code: 1003, reason: "binary messages only" });
    await handler.untilClosed();
    expect(handler.malformed.length).to.equal(1);
  });

  it("WS-03: refuses text that isn't UTF-8 with 1003, too", async () => {
    underlying(peer).socket.write(bytesOf("818200000000ffff"));
    expect((await closed).code).to.equal(1003);
  });

  for (const byteLength of [0, 1, 5]) {
    it(`refuses a message of ${byteLength} bytes, and all that follow`, async () => {
      peer.send(new Uint8Array(byteLength));
      peer.send(bytesOf(CANCEL));
      await handler.until(() => handler.malformed.length > 0);
      await turns();
      expect(handler.frames.length).to.equal(0);
      expect(handler.malformed).to.deep.equal([
        `message of ${byteLength} bytes, expected 6 … 4194304 (RSocket 1.0 §Framing)`,
      ]);
    });
  }

  it("refuses a message above the limit of the server with 1009, from its length", async () => {
    // FIN and binary, masked, 8 bytes of length: 16 MiB; and not one byte of them.
    underlying(peer).socket.write(bytesOf("82ff000000000100000000000000"));
    expect((await closed).code).to.equal(1009);
    await handler.untilClosed();
    expect(handler.malformed.length).to.equal(1);
  });

  it("refuses a message above the limit of the handler before it is whole, however small its pieces", async () => {
    handler.maxFrameBytes = 64;
    const piece = new Uint8Array(1_000);
    while (handler.malformed.length === 0) {
      peer.send(piece, { fin: false });
      await turns(2);
    }
    expect(handler.malformed).to.deep.equal(["message of more than 64 bytes"]);
  });

  it("closes when frames of the WebSocket break its rules", async () => {
    // RSV bits; no mask.
    underlying(peer).socket.write(bytesOf("f20100"));
    await handler.untilClosed();
    expect(handler.malformed.length).to.equal(1);
    expect(handler.closes[0]).to.be.an.instanceOf(Error);
  });

  for (const code of [1000, 1001]) {
    it(`takes a close with ${code} as an orderly end, behind what was sent`, async () => {
      handler.whenFrame = () => false;
      for (let i = 0; i < 3; i++) peer.send(bytesOf(CANCEL));
      peer.close(code);
      await handler.until(() => handler.frames.length === 1);
      link.resume();
      await handler.until(() => handler.frames.length === 2);
      link.resume();
      await handler.untilClosed();
      expect(handler.frames.length).to.equal(3);
      expect(handler.closes).to.deep.equal([undefined]);
    });
  }

  it("passes on what came before the close to a handler that is paused, for it is the last", async () => {
    handler.whenFrame = () => false;
    // Three messages and a close with 1000 in one read.
    underlying(peer).socket.write(bytesOf(`${`828600000000${CANCEL}`.repeat(3)}88820000000003e8`));
    await handler.untilClosed();
    expect(handler.frames.length).to.equal(3);
    expect(handler.closes).to.deep.equal([undefined]);
  });

  it("doesn't look at what comes behind a close", async () => {
    handler.maxFrameBytes = 64;
    const { socket } = underlying(peer);
    socket.write(bytesOf("88820000000003e8"));
    for (let i = 0; i < 10; i++) socket.write(new Uint8Array(60_000));
    socket.end();
    await handler.untilClosed();
    expect([...handler.malformed, ...handler.closes]).to.deep.equal([undefined]);
  });

  it("doesn't take the headers of many small pieces for a large message", async () => {
    handler.maxFrameBytes = 64;
    // A message of 20 pieces has 114 bytes of headers that nobody sees; a thousand of them have more than the slack.
    const first = "028100000000" + "00";
    const middle = "008100000000" + "00";
    const last = "808100000000" + "00";
    const bytes = bytesOf(first + middle.repeat(18) + last);
    for (let i = 1; i <= 1_500; i++) {
      underlying(peer).socket.write(bytes);
      if (i % 100 === 0) await handler.untilFrames(i);
    }
    expect(handler.malformed).to.deep.equal([]);
  });

  it("tells any other close with the peer's reason in quotes", async () => {
    peer.close(1011, 'he said "no"');
    await handler.untilClosed();
    expect(handler.closes[0]).to.have.property(
      "message",
      'the other end closed the WebSocket with code 1011, its reason: "he said \\"no\\""',
    );
  });

  it("tells an end without close frame", async () => {
    underlying(peer).socket.end();
    await handler.untilClosed();
    expect(handler.closes[0]).to.have.property("message", "the WebSocket ended without a close frame");
  });

  it("tells a reset", async () => {
    underlying(peer).socket.resetAndDestroy();
    await handler.untilClosed();
    expect(handler.closes[0]).to.have.property("code", "ECONNRESET");
  });

  it("closes with 1000", async () => {
    link.close();
    expect((await closed).code).to.equal(1000);
  });

  it("is gone a second after close() when the other end doesn't read", async () => {
    peer.pause();
    fill(link);
    const startMs = performance.now();
    link.close();
    await handler.untilClosed();
    expect(performance.now() - startMs).to.be.within(900, CLOSE_WITHIN_MS);
    peer.resume();
  });

  it("is gone a second after a peer's close when the peer keeps the stream open", async () => {
    const { socket } = underlying(peer);
    socket.pause();
    // FIN and close, masked with zeros, 1000.
    socket.write(bytesOf("88820000000003e8"));
    const startMs = performance.now();
    await handler.untilClosed();
    expect(performance.now() - startMs).to.be.below(CLOSE_WITHIN_MS);
    socket.resume();
  });

  it("doesn't gather answers to pings without end for a peer that doesn't read", async () => {
    peer.pause();
    fill(link);
    const { socket } = underlying(peer);
    const pings = bytesOf("898000000000".repeat(1_000));
    for (let i = 0; i < 10 && handler.closes.length === 0; i++) {
      socket.write(pings);
      await turns();
    }
    await handler.untilClosed();
    peer.resume();
  });

  it("writes a batch at once", async () => {
    const { socket } = underlying(peer);
    let reads = 0;
    socket.on("data", () => reads++);
    const frame = bytesOf(`00000b${PAYLOAD}`);
    const received = new Promise<void>((resolve) => {
      let count = 0;
      peer.on("message", () => {
        if (++count === 100) resolve();
      });
    });
    link.send({ chunks: Array.from({ length: 100 }, () => frame), byteLength: 1_400 });
    await received;
    expect(reads).to.equal(1);
  });

  it("knows both addresses and the request that opened it", () => {
    const { info } = link;
    expect(info.transport).to.equal("ws");
    expect(info.isSecure).to.equal(false);
    expect(info.localAddress).to.equal(new URL(listener.url).host);
    expect(info.remoteAddress).to.equal(`${HOST}:${underlying(peer).socket.localPort}`);
    expect(info.upgrade?.url).to.equal("/rpc?a=b");
    expect(info.upgrade?.headers).to.include({ "x-test": "1", host: new URL(listener.url).host });
  });
});

describe("WebSocket: the request that opens one", () => {
  let listener: Listener | undefined;
  const links: FrameLink[] = [];

  afterEach(async () => {
    for (const link of links.splice(0)) link.abort();
    await listener?.close();
    listener = undefined;
  });

  async function listen(options: Partial<WsListenOptions> = {}): Promise<string> {
    listener = await listenWs({ host: HOST, port: 0, path: "/rpc", ...options }, (link) => links.push(link));
    return listener.url;
  }

  it("is taken at its path and refused with 404 elsewhere", async () => {
    const url = await listen();
    for (const path of ["/", "/rp", "/rpc/", "/rpc/x", "//rpc", "/RPC", "/x?/rpc"]) {
      expect(await statusOf(url.replace("/rpc", path)), path).to.equal(404);
    }
    expect(await statusOf(`${url}?x`)).to.equal(101);
  });

  it("may come from no page, or from a page of the same host; from no other one", async () => {
    const url = await listen();
    const { host, port } = new URL(url);
    const statusWith = (headers: Record<string, string>): Promise<number> => statusOf(url, { headers });
    expect(await statusWith({ Origin: `http://${host}` })).to.equal(101);
    expect(await statusWith({ Origin: `https://${host}` })).to.equal(101);
    expect(await statusWith({ Origin: "https://app.example.com", Host: "app.example.com" })).to.equal(101);
    expect(await statusWith({ Origin: "https://app.example.com", Host: "APP.example.com:443" })).to.equal(101);
    expect(await statusWith({ Origin: "https://app.example.com", Host: "app.example.com:80" })).to.equal(403);
    expect(await statusWith({ Origin: "https://evil.example.com" })).to.equal(403);
    expect(await statusWith({ Origin: `http://${HOST}:${Number(port) - 1}` })).to.equal(403);
    expect(await statusWith({ Origin: `http://${host}.evil.example.com` })).to.equal(403);
    expect(await statusWith({ Origin: "null" })).to.equal(403);
    expect(await statusWith({ Origin: "" })).to.equal(403);
  });

  it("may come from pages of the origins that are listed, then from those alone", async () => {
    const url = await listen({ allowedOrigins: ["https://app.example.com"] });
    expect(await statusOf(url, { headers: { Origin: "https://app.example.com" } })).to.equal(101);
    expect(await statusOf(url, { headers: { Origin: `http://${new URL(url).host}` } })).to.equal(403);
    expect(await statusOf(url)).to.equal(101);
  });

  it("may be judged by a function, which sees it", async () => {
    const allowedOrigins: WsListenOptions["allowedOrigins"] = (origin, { url, headers }) =>
      origin === "https://a.example.com" && url === "/rpc?key=1" && headers["x-test"] === "1";
    const url = await listen({ allowedOrigins });
    const headers = { Origin: "https://a.example.com", "X-Test": "1" };
    expect(await statusOf(`${url}?key=1`, { headers })).to.equal(101);
    expect(await statusOf(`${url}?key=2`, { headers })).to.equal(403);
  });

  it("is refused when that function throws, and the error is told", async () => {
    const errors: unknown[] = [];
    const bug = new Error("a bug of the check");
    const allowedOrigins = (): boolean => {
      throw bug;
    };
    listener = await listenWs(
      { host: HOST, port: 0, path: "/rpc", allowedOrigins },
      (link) => links.push(link),
      (error) => errors.push(error),
    );
    await statusOf(listener.url, { headers: { Origin: "https://a.example.com" } }).catch(() => {});
    expect(errors).to.deep.equal([bug]);
    expect(links).to.deep.equal([]);
  });

  it("is refused unless that function says true in so many words; of a promise somebody is told", async () => {
    const errors: string[] = [];
    let answer: () => unknown;
    listener = await listenWs(
      { host: HOST, port: 0, path: "/rpc", allowedOrigins: () => answer() as boolean },
      (link) => links.push(link),
      (error) => errors.push(String(error)),
      () => {},
    );
    const headers = { Origin: "https://a.example.com" };
    for (const value of [undefined, null, 1, "https://a.example.com"]) {
      answer = () => value;
      expect(await statusOf(listener.url, { headers })).to.equal(403);
    }
    expect(errors).to.deep.equal([]);
    for (answer of [() => Promise.resolve(true), () => Promise.reject(new Error("no database"))]) {
      await statusOf(listener.url, { headers }).catch(() => {});
      expect(errors.splice(0).join()).to.match(/^TypeError: allowedOrigins returned a promise, expected true or false/);
    }
    expect(links).to.deep.equal([]);
  });

  it("WS-02: has its subprotocol `rsocket` echoed, and no other one; without one it is taken, too", async () => {
    const url = await listen();
    const webSocket = await openWebSocket(url, { protocols: ["chat", "rsocket"] });
    expect(webSocket.protocol).to.equal("rsocket");
    webSocket.terminate();
    expect(await responseTo(url, { "Sec-WebSocket-Protocol": "chat" })).to.not.match(/Sec-WebSocket-Protocol/i);
    const response = await responseTo(url, {});
    expect(response).to.match(/^HTTP\/1.1 101 /);
    expect(response).to.not.match(/Sec-WebSocket-Protocol/i);
  });

  it("has no compression agreed on", async () => {
    const url = await listen();
    expect(await responseTo(url, { "Sec-WebSocket-Extensions": "permessage-deflate" })).to.not.match(/deflate/i);
  });

  it("must ask for a WebSocket: 426", async () => {
    const url = await listen();
    expect((await fetch(url.replace("ws:", "http:"))).status).to.equal(426);
  });

  it("may not have endless headers: 431", async () => {
    const url = await listen();
    expect(await responseTo(url, { "X-Long": "x".repeat(100_000) })).to.match(/^HTTP\/1.1 431 /);
  });

  it("has a time limit, for silent connections and for slow ones", async () => {
    const url = await listen({ handshakeTimeoutMs: 50 });
    const silent = await rawSocket(Number(new URL(url).port));
    const slow = await rawSocket(Number(new URL(url).port));
    await slow.write("GET /rpc HTTP/1.1\r\nHost: a\r\nX-Slow: ");
    await Promise.all([silent.untilOver(), slow.untilOver()]);
    silent.socket.destroy();
    slow.socket.destroy();
  });

  it("WS-02: comes with the headers and subprotocols of the dialer", async () => {
    const url = await listen();
    const dialer = wsDialer(url, { headers: { Authorization: "Bearer x" }, protocols: ["rsocket"] });
    links.push(await dialer.dial(new AbortController().signal));
    await turns();
    expect(links.find(({ info }) => info.upgrade !== undefined)?.info.upgrade?.headers).to.include({
      authorization: "Bearer x",
      "sec-websocket-protocol": "rsocket",
    });
  });

  it("WS-02: offers no subprotocol and no compression unless told to", async () => {
    const url = await listen();
    links.push(await wsDialer(url).dial(new AbortController().signal));
    await turns();
    const headers = links.find(({ info }) => info.upgrade !== undefined)?.info.upgrade?.headers;
    expect(headers).to.not.have.any.keys("sec-websocket-protocol", "sec-websocket-extensions");
  });
});

describe("WebSocket: dial", () => {
  it("says which address refused, without what is secret in it", async () => {
    const listener = await listenWs({ host: HOST, port: 0, path: "/rpc" }, (link) => link.abort());
    const { port } = new URL(listener.url);
    const secret = `ws://user:password@${HOST}:${port}/other?token=secret`;
    const refused = await rejectionOf(wsDialer(secret).dial(new AbortController().signal));
    expect(refused.message).to.equal(`can't connect to ws://${HOST}:${port}/other: Unexpected server response: 404`);
    await listener.close();
    const gone = await rejectionOf(wsDialer(listener.url).dial(new AbortController().signal));
    expect(gone.message).to.equal(`can't connect to ${listener.url}: connect ECONNREFUSED ${HOST}:${port}`);
    expect(gone.cause).to.have.property("code", "ECONNREFUSED");
  });

  it("gives up with the reason of the signal, before it dials and while nobody answers", async () => {
    const reason = new Error("no time");
    expect(await rejectionOf(wsDialer("ws://127.0.0.1:9/").dial(AbortSignal.abort(reason)))).to.equal(reason);
    const silent = createServer();
    const asked = new Promise<void>((resolve) => silent.once("upgrade", () => resolve()));
    const port = await portOf(silent);
    const controller = new AbortController();
    const dialing = rejectionOf(wsDialer(`ws://${HOST}:${port}/`).dial(controller.signal));
    await asked;
    controller.abort(reason);
    expect(await dialing).to.equal(reason);
    silent.close();
  });

  it("masks what it sends, and gets what a server sends right behind its answer", async () => {
    const server = createServer();
    const webSockets = new WebSocketServer({ server });
    const received: string[] = [];
    const closed = new Promise<void>((resolve) => {
      webSockets.on("connection", (webSocket) => {
        webSocket.send(bytesOf(PAYLOAD));
        webSocket.on("message", (data: Buffer) => received.push(data.toString("hex")));
        webSocket.on("close", () => resolve());
      });
    });
    const link = await wsDialer(`ws://${HOST}:${await portOf(server)}/`).dial(new AbortController().signal);
    const handler = new LinkRecorder();
    await turns();
    link.setHandler(handler);
    await handler.untilFrames(1);
    const batch = { chunks: [bytesOf(`000006${CANCEL}`)], byteLength: 9 };
    link.send(batch);
    link.close();
    await Promise.all([handler.untilClosed(), closed]);
    expect(handler.frames.map(hexOf)).to.deep.equal([PAYLOAD]);
    expect(received).to.deep.equal([CANCEL]);
    // The bytes may be kept for others: masking happens elsewhere.
    expect(batch.chunks.map(hexOf)).to.deep.equal([`000006${CANCEL}`]);
    server.close();
  });
});

describe("WebSocket: upgrades of a foreign HTTP server", () => {
  let server: Server;
  let origin: string;

  beforeEach(async () => {
    server = createServer((_request, response) => response.end("a page"));
    origin = `ws://${HOST}:${await portOf(server)}`;
  });

  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  it("become links at several paths, while pages are served beside them", async () => {
    const opened: string[] = [];
    const stops = ["/a", "/b"].map((path) =>
      acceptUpgrade(server, { path }, (link) => {
        opened.push(path);
        link.abort();
      }),
    );
    await statusOf(`${origin}/b`);
    await statusOf(`${origin}/a`);
    expect(opened).to.deep.equal(["/b", "/a"]);
    expect(await (await fetch(`${origin.replace("ws", "http")}/a`)).text()).to.equal("a page");
    for (const stop of stops) stop();
    expect(server.listenerCount("upgrade")).to.equal(0);
  });

  it("are left to others at other paths, and refused when there are none", async () => {
    acceptUpgrade(server, { path: "/a" }, (link) => link.abort());
    expect(await statusOf(`${origin}/c`)).to.equal(404);
    server.on("upgrade", (request: IncomingMessage, socket) => {
      if (request.url === "/c") socket.end("HTTP/1.1 402 Payment Required\r\nConnection: close\r\n\r\n");
    });
    expect(await statusOf(`${origin}/c`)).to.equal(402);
  });
});

interface OpenOptions {
  readonly headers?: Record<string, string>;
  readonly protocols?: string[];
}

function openWebSocket(url: string, { headers = {}, protocols = [] }: OpenOptions = {}): Promise<WebSocket> {
  const webSocket = new WebSocket(url, protocols, { headers, perMessageDeflate: false });
  return new Promise((resolve, reject) => {
    webSocket.on("error", reject);
    webSocket.on("open", () => resolve(webSocket));
  });
}

// 101 when it opens, otherwise what the server says.
function statusOf(url: string, { headers = {} }: OpenOptions = {}): Promise<number> {
  const webSocket = new WebSocket(url, { headers });
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

// The head of the answer to an upgrade request, as it is written.
async function responseTo(url: string, headers: Record<string, string>): Promise<string> {
  const { host, port, pathname } = new URL(url);
  const fields = { Host: host, Upgrade: "websocket", Connection: "Upgrade", "Sec-WebSocket-Version": "13", ...headers };
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  const raw = await rawSocket(Number(port));
  await raw.write(`GET ${pathname} HTTP/1.1\r\n${lines.join("")}Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n`);
  await raw.until(() => raw.received.includes("\r\n\r\n") || raw.isClosed);
  raw.socket.destroy();
  return raw.received.toString("latin1");
}

function closeOf(webSocket: WebSocket): Promise<{ code: number; reason: string }> {
  return new Promise((resolve) => {
    webSocket.on("close", (code, reason) => resolve({ code, reason: reason.toString() }));
  });
}

// Bytes that `ws` would never write need the stream under it, which it has no public name for.
function underlying(webSocket: WebSocket): { readonly socket: Socket } {
  return { socket: (webSocket as unknown as { _socket: Socket })._socket };
}

function fill(link: FrameLink): void {
  const frame = new Uint8Array(60_003);
  frame.set([0, 0xea, 0x60]); // 60,000 bytes follow
  for (let i = 0; i < 1_000; i++) if (!link.send({ chunks: [frame], byteLength: frame.length })) return;
  expect.fail("never stopped");
}

async function portOf(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, HOST, resolve));
  return (server.address() as AddressInfo).port;
}

async function rejectionOf(promise: Promise<unknown>): Promise<Error> {
  const error = await promise.then(
    () => expect.fail("resolved"),
    (reason: unknown) => reason,
  );
  return error as Error;
}
