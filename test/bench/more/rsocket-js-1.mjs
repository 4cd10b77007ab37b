// SPDX-License-Identifier: Apache-2.0
// Contestant: rsocket-core 1.0.0-alpha.3 on its own TCP transport, with the same protobuf-es messages. As for rsocket-core
// 0.0.27, the metadata is built once and the server doesn't route by it: both favour it.
import { createServer } from "node:net";
import { RSocketConnector, RSocketServer } from "rsocket-core";
import { TcpClientTransport } from "rsocket-tcp-client";
import { TcpServerTransport } from "rsocket-tcp-server";
import { service } from "../contestant.js";
import { asBuffer, decodeItem, encodeItem } from "../contestants/codec.js";

/** u16 version 1 · u16 length + service · u16 length + method · u16 length of the tracing map, here empty. */
const names = ["bench.v1.Bench", "Echo"].map((name) => Buffer.concat([u16(name.length), Buffer.from(name)]));
const echoMetadata = Buffer.concat([u16(1), ...names, u16(0)]);

function u16(value) {
  return Buffer.of(value >> 8, value & 0xff);
}

const nothing = { cancel() {}, onExtension() {}, request() {} };

const responder = {
  requestResponse({ data }, stream) {
    stream.onNext({ data: asBuffer(encodeItem(service.echo(decodeItem(data)))) }, true);
    return nothing;
  },
};

async function serve() {
  let listener;
  const transport = new TcpServerTransport({
    listenOptions: { host: "127.0.0.1", port: 0 },
    // What the transport would make by itself, to learn its port.
    socketCreator: (options) => (listener = createServer(options)),
  });
  const server = new RSocketServer({ transport, acceptor: { accept: async () => responder } });
  const closeable = await server.bind();
  if (!listener.listening) await new Promise((resolve) => listener.once("listening", resolve));
  return { port: listener.address().port, close: async () => closeable.close() };
}

async function connect(port) {
  const connector = new RSocketConnector({
    setup: { keepAlive: 20_000, lifetime: 90_000 },
    transport: new TcpClientTransport({ connectionOptions: { host: "127.0.0.1", port } }),
  });
  const rsocket = await connector.connect();
  return {
    echo: (request) =>
      new Promise((resolve, reject) => {
        rsocket.requestResponse(
          { data: asBuffer(encodeItem(request)), metadata: echoMetadata },
          { onNext: ({ data }) => resolve(decodeItem(data)), onError: reject, onComplete() {}, onExtension() {} },
        );
      }),
    close: async () => rsocket.close(),
  };
}

export default { serve, connect };
