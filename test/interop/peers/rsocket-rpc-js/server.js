// SPDX-License-Identifier: Apache-2.0
// TestService, served by rsocket-rpc-js over TCP and WebSocket.

import { createRequire } from "node:module";
import { createServer as createNetServer } from "node:net";
import { parseArgs } from "node:util";
import { flowableOf, itemsOf, promiseOf, singleOf } from "./flows.js";
import { SERVICE, TestServiceClient, TestServiceServer } from "./stubs.js";

const require = createRequire(import.meta.url);
const { BufferEncoders, RSocketServer } = require("rsocket-core");
const { RequestHandlingRSocket } = require("rsocket-rpc-core");
const TcpServer = require("rsocket-tcp-server").default;
const WebSocketServer = require("rsocket-websocket-server").default;
const { Server: WsServer } = require("ws");

const CONNECTION_CLOSE = 0x102;

const fired = new Map();
const remember = (key, payload) => fired.set(key, [...(fired.get(key) ?? []), payload]);

/** Tells the next caller of Fired that a call with this key was given up. */
function watch(key, signal) {
  if (key === "") return;
  const note = () => remember(`cancelled:${key}`, Buffer.alloc(0));
  if (signal.aborted) note();
  else signal.addEventListener("abort", note, { once: true });
}

const wait = (delayMs) => new Promise((resolve) => setTimeout(resolve, delayMs));

async function answer(request, metadata, signal, sequence) {
  watch(request.key, signal);
  if (request.delayMs > 0) await wait(request.delayMs);
  if (request.failWith != null) throw new Error(request.failWith.message);
  return {
    payload: request.responseSize > 0 ? Buffer.alloc(request.responseSize) : request.payload,
    sequence,
    requestMetadata: metadata,
  };
}

const handlerFor = (caller) => ({
  emptyCall: () => singleOf(async () => ({})),
  unaryCall: (request, metadata) => singleOf((signal) => answer(request, metadata, signal, 0)),
  fireAndForget: ({ key, payload }) => void remember(key, payload),
  fired: ({ key }) =>
    singleOf(async () => {
      const payloads = fired.get(key) ?? [];
      return { count: payloads.length, lastPayload: payloads.at(-1) ?? Buffer.alloc(0) };
    }),
  serverStream: ({ sizes, intervalMs, failAfter, failWith }) =>
    flowableOf(async function* () {
      for (const [sequence, size] of sizes.entries()) {
        if (failWith != null && sequence === failAfter) throw new Error(failWith.message);
        if (intervalMs > 0 && sequence > 0) await wait(intervalMs);
        yield { payload: Buffer.alloc(size), sequence };
      }
    }),
  clientStream: (requests) =>
    flowableOf(async function* (signal) {
      let count = 0;
      let bytes = 0;
      for await (const { message } of itemsOf(requests, 8)) {
        watch(message.key, signal);
        count++;
        bytes += message.payload.length;
      }
      yield { count, bytes };
    }),
  bidiStream: (requests) =>
    flowableOf(async function* (signal) {
      let sequence = 0;
      for await (const { message, metadata } of itemsOf(requests, 8)) {
        yield await answer(message, metadata, signal, sequence++);
      }
    }),
  callBack: (request) => singleOf(() => promiseOf(caller.unaryCall(request))),
});

const { values } = parseArgs({
  options: {
    listen: { type: "string", multiple: true },
    mtu: { type: "string" }, // this runtime sends no fragments
  },
});
for (const url of values.listen ?? []) await serve(new URL(url));

async function serve(url) {
  const port = await freePort();
  const at = { port, host: "127.0.0.1" };
  const transport =
    url.protocol === "tcp:"
      ? new TcpServer(at, BufferEncoders)
      : new WebSocketServer(at, BufferEncoders, (options) => new WsServer(options));
  const server = new RSocketServer({
    transport,
    // Clients that leave say so on stream 0, which counts as an error here.
    errorHandler: (error) => error.source?.code === CONNECTION_CLOSE || console.error(error.message),
    getRequestHandler: (requester) => {
      const handler = new RequestHandlingRSocket();
      handler.addService(SERVICE, new TestServiceServer(handlerFor(new TestServiceClient(requester))));
      return handler;
    },
  });
  server.start();
  console.log(`LISTENING ${url.protocol}//127.0.0.1:${port}${url.protocol === "ws:" ? "/" : ""}`);
}

/** Neither transport tells the port that the system chose. */
function freePort() {
  return new Promise((resolve) => {
    const probe = createNetServer().listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}
