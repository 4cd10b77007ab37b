// SPDX-License-Identifier: Apache-2.0
// The contract of links, over every transport.

import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer as createHttpServer } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { WebSocket as WsWebSocket } from "ws";
import { type Authority, createAuthority, type Identity } from "../../examples/hello/certificates.js";
import type { Dialer, FrameLink, Listener } from "../../runtime/src/engine/link.js";
import { systemScheduler } from "../../runtime/src/engine/scheduler.js";
import { browserWebSocketDialer } from "../../runtime/src/transports/browser-websocket.js";
import { createInProcessPair } from "../../runtime/src/transports/in-process.js";
import { listenTcp, tcpDialer } from "../../runtime/src/transports/tcp.js";
import { listenTls, tlsDialer } from "../../runtime/src/transports/tls.js";
import { listenUds, udsDialer } from "../../runtime/src/transports/uds.js";
import { attachWebSocket, listenWs, wsDialer } from "../../runtime/src/transports/ws.js";
import { type LinkMaker, linkContract } from "./link-contract.js";
import { turns } from "./link-contract-recorder.js";

const HOST = "127.0.0.1";

// Node has one from 22 on; before, that of `ws` behaves alike as far as links see it.
const PlatformWebSocket =
  (globalThis.WebSocket as typeof WebSocket | undefined) ?? (WsWebSocket as unknown as typeof WebSocket);

linkContract("in-process", async () => ({
  open: async () => {
    const [client, server] = createInProcessPair(systemScheduler);
    return { client, server };
  },
  close: async () => {},
}));

linkContract("TCP", () =>
  overSockets(
    (onLink) => listenTcp({ host: HOST, port: 0 }, onLink),
    (url) => tcpDialer({ host: HOST, port: Number(new URL(url).port) }),
  ),
);

linkContract("WebSocket of `ws`", () => overSockets(listenAtPath, (url) => wsDialer(url)));

linkContract("WebSocket of the platform", () =>
  overSockets(listenAtPath, (url) => browserWebSocketDialer(url, { WebSocket: PlatformWebSocket })),
);

linkContract("TLS", async () => {
  const { ca, server } = await world();
  return await overSockets(
    (onLink) => listenTls({ host: HOST, port: 0, ...server }, onLink),
    (url) => tlsDialer({ host: HOST, port: Number(new URL(url).port) }, { ca }),
  );
});

linkContract("TLS 1.2 with certificates of both ends", async () => {
  const { ca, server, authority } = await world();
  const client = await authority.issue("CN=ann");
  return await overSockets(
    (onLink) => listenTls({ host: HOST, port: 0, ...server, ca, clientCertificate: "require" }, onLink),
    (url) => tlsDialer({ host: HOST, port: Number(new URL(url).port) }, { ca, ...client, ...TLS_1_2 }),
  );
});

linkContract("Unix socket", async () => {
  const folder = await mkdtemp(join(tmpdir(), "rsocket-"));
  const path = join(folder, "s");
  const maker = await overSockets(
    (onLink) => listenUds({ path }, onLink),
    () => udsDialer({ path }),
  );
  return {
    ...maker,
    canReset: false,
    close: async () => {
      await maker.close();
      await rm(folder, { recursive: true });
    },
  };
});

linkContract("WebSocket over TLS", async () => {
  const { ca, server } = await world();
  return await overSockets(
    (onLink) => listenWs({ host: HOST, port: 0, path: "/rpc", tls: server }, onLink),
    (url) => wsDialer(url, { tls: { ca } }),
  );
});

linkContract("WebSocket at an HTTP server", async () => {
  const http = createHttpServer();
  await once(http.listen(0, HOST), "listening");
  const maker = await overSockets(attachWebSocket(http, { path: "/rpc" }), (url) => wsDialer(url));
  return { ...maker, close: () => maker.close().then(() => void http.close()) };
});

linkContract("WebSocket at an HTTPS server that asks for certificates", async () => {
  const { ca, server, authority } = await world();
  const client = await authority.issue("CN=ann");
  const https = createHttpsServer({ ...server, ca, requestCert: true });
  await once(https.listen(0, HOST), "listening");
  const maker = await overSockets(attachWebSocket(https, { path: "/rpc" }), (url) =>
    wsDialer(url, { tls: { ca, ...client } }),
  );
  return { ...maker, close: () => maker.close().then(() => void https.close()) };
});

const TLS_1_2 = { minVersion: "TLSv1.2", maxVersion: "TLSv1.2" } as const;

async function world(): Promise<{ authority: Authority; ca: string; server: Identity }> {
  const authority = await createAuthority();
  const server = await authority.issue("CN=server", { names: ["IP:127.0.0.1", "DNS:localhost"] });
  return { authority, ca: authority.ca, server };
}

function listenAtPath(onLink: (link: FrameLink) => void): Promise<Listener> {
  return listenWs({ host: HOST, port: 0, path: "/rpc" }, onLink);
}

async function overSockets(
  listen: (onLink: (link: FrameLink) => void) => Promise<Listener>,
  dialerOf: (url: string) => Dialer,
): Promise<LinkMaker> {
  let accepted: (link: FrameLink) => void = () => {};
  const listener = await listen((link) => accepted(link));
  const dialer = dialerOf(listener.url);
  return {
    async open() {
      const server = new Promise<FrameLink>((resolve) => {
        accepted = resolve;
      });
      const client = await dialer.dial(new AbortController().signal);
      const pair = { client, server: await server };
      // A server writes session tickets behind the handshake of TLS 1.3: Node takes a reset that they meet for an end.
      if (pair.client.info.isSecure) await turns(5);
      return pair;
    },
    close: () => listener.close(),
  };
}
