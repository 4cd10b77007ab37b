// SPDX-License-Identifier: Apache-2.0
// Contestant: a plain WebSocket of the `ws` package, a message for each call and each answer, the same protobuf-es messages.
// What is sent in one tick leaves in one write, as with ours.
//
// Message: u32 call id · message.
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { type RawData, WebSocket, WebSocketServer } from "ws";
import { type BenchClient, type BenchServer, type Contestant, service } from "../contestant.js";
import type { Item } from "../gen/bench_pb.js";
import { decodeItem, encodeItem, MAX_MESSAGE_BYTES } from "./codec.js";

const ID_BYTES = 4;
const OPTIONS = { perMessageDeflate: false, maxPayload: MAX_MESSAGE_BYTES } as const;

/** Sends what is given in one tick in one write. */
function createSender(webSocket: WebSocket): (id: number, message: Uint8Array) => void {
  // The stream under it, which has no public name.
  const { _socket: socket } = webSocket as unknown as { _socket: Duplex };
  let isCorked = false;
  const flush = (): void => {
    isCorked = false;
    socket.uncork();
  };
  return (id, message) => {
    if (!isCorked) {
      isCorked = true;
      socket.cork();
      process.nextTick(flush);
    }
    const bytes = Buffer.allocUnsafe(ID_BYTES + message.byteLength);
    bytes.writeUInt32BE(id, 0);
    bytes.set(message, ID_BYTES);
    webSocket.send(bytes);
  };
}

function onMessages(webSocket: WebSocket, onMessage: (id: number, message: Uint8Array) => void): void {
  webSocket.on("message", (data: RawData) => {
    const bytes = data as Buffer; // "nodebuffer" is the default
    onMessage(bytes.readUInt32BE(0), bytes.subarray(ID_BYTES));
  });
}

async function startServer(): Promise<BenchServer> {
  const server = new WebSocketServer({ ...OPTIONS, host: "127.0.0.1", port: 0 });
  server.on("connection", (webSocket) => {
    const send = createSender(webSocket);
    onMessages(webSocket, (id, message) => send(id, encodeItem(service.echo(decodeItem(message)))));
  });
  await new Promise<void>((resolve, reject) => server.once("listening", resolve).once("error", reject));
  const close = async (): Promise<void> => {
    for (const webSocket of server.clients) webSocket.terminate();
    server.close();
  };
  return { port: (server.address() as AddressInfo).port, close };
}

async function openClient(port: number): Promise<BenchClient> {
  const webSocket = new WebSocket(`ws://127.0.0.1:${port}`, OPTIONS);
  await new Promise<void>((resolve, reject) => webSocket.once("open", resolve).once("error", reject));
  const send = createSender(webSocket);
  const calls = new Map<number, (item: Item) => void>();
  let lastId = 0;
  onMessages(webSocket, (id, message) => {
    const resolve = calls.get(id);
    calls.delete(id);
    resolve?.(decodeItem(message));
  });
  return {
    echo: (request) =>
      new Promise((resolve) => {
        const id = ++lastId;
        calls.set(id, resolve);
        send(id, encodeItem(request));
      }),
    close: async () => webSocket.terminate(),
  };
}

const rawWs: Contestant = { serve: startServer, connect: openClient };
export default rawWs;
