// SPDX-License-Identifier: Apache-2.0
// The contract of links, over every transport.

import { WebSocket as WsWebSocket } from "ws";
import type { Dialer, FrameLink, Listener } from "../../runtime/src/engine/link.js";
import { systemScheduler } from "../../runtime/src/engine/scheduler.js";
import { browserWebSocketDialer } from "../../runtime/src/transports/browser-websocket.js";
import { createInProcessPair } from "../../runtime/src/transports/in-process.js";
import { listenTcp, tcpDialer } from "../../runtime/src/transports/tcp.js";
import { listenWs, wsDialer } from "../../runtime/src/transports/ws.js";
import { type LinkMaker, linkContract } from "./link-contract.js";

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
      return { client, server: await server };
    },
    close: () => listener.close(),
  };
}
