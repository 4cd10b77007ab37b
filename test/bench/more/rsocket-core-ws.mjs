// SPDX-License-Identifier: Apache-2.0
// Contestant: rsocket-core 0.0.27 on its own WebSocket transport, as rsocket-core.ts is on TCP.

import rsocketCore from "rsocket-core-0";
import rsocketFlowable from "rsocket-flowable";
import websocketClient from "rsocket-websocket-client-0";
import websocketServer from "rsocket-websocket-server-0";
import WebSocket from "ws";
import { service } from "../contestant.js";
import { asBuffer, decodeItem, encodeItem } from "../contestants/codec.js";

/** u16 version 1 · u16 length + service · u16 length + method · u16 length of the tracing map, here empty. */
const names = ["bench.v1.Bench", "Echo"].map((name) => Buffer.concat([u16(name.length), Buffer.from(name)]));
const echoMetadata = Buffer.concat([u16(1), ...names, u16(0)]);

function u16(value) {
  return Buffer.of(value >> 8, value & 0xff);
}

async function serve() {
  let httpPort;
  const listening = new Promise((resolve) => (httpPort = resolve));
  const transport = new websocketServer.default(
    { host: "127.0.0.1", port: 0 },
    rsocketCore.BufferEncoders,
    // What the transport would make by itself, to learn its port.
    (options) => {
      const server = new WebSocket.Server(options);
      server.once("listening", () => httpPort(server.address().port));
      return server;
    },
  );
  const responder = {
    requestResponse: ({ data }) =>
      rsocketFlowable.Single.of({ data: asBuffer(encodeItem(service.echo(decodeItem(data)))) }),
  };
  const server = new rsocketCore.RSocketServer({ getRequestHandler: () => responder, transport });
  server.start();
  return { port: await listening, close: async () => server.stop() };
}

async function connect(port) {
  const client = new rsocketCore.RSocketClient({
    setup: {
      dataMimeType: "application/binary",
      metadataMimeType: "application/binary",
      keepAlive: 20_000,
      lifetime: 90_000,
    },
    transport: new websocketClient.default(
      { url: `ws://127.0.0.1:${port}`, wsCreator: (url) => new WebSocket(url) },
      rsocketCore.BufferEncoders,
    ),
  });
  const socket = await new Promise((resolve, reject) =>
    client.connect().subscribe({ onComplete: resolve, onError: reject }),
  );
  return {
    echo: (request) =>
      new Promise((resolve, reject) => {
        socket.requestResponse({ data: asBuffer(encodeItem(request)), metadata: echoMetadata }).subscribe({
          onComplete: ({ data }) => resolve(decodeItem(data)),
          onError: reject,
        });
      }),
    close: async () => client.close(),
  };
}

export default { serve, connect };
