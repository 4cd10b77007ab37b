// SPDX-License-Identifier: Apache-2.0
// Contestant: rsocket-core 0.0.27 on its own TCP transport with BufferEncoders and the same protobuf-es messages.
//
// The RPC metadata (version 1) of a request is built once, and the server routes by interaction alone: both favour this
// contestant over its own RPC layer, which encodes and parses the names in every call. Socket options are its own: with
// TCP_NODELAY it took 5 to 15 % more CPU per call of 128 and 70 % more per streamed item, since it writes each frame by itself.
/// <reference path="./rsocket-js.d.ts" />
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import rsocketCore, { type Payload, type ReactiveSocket, type Responder } from "rsocket-core";
import rsocketFlowable, { type Flowable, type Subscription } from "rsocket-flowable";
import tcpClient from "rsocket-tcp-client";
import tcpServer from "rsocket-tcp-server";
import { type BenchClient, type BenchServer, type Contestant, service } from "../contestant.js";
import type { Item } from "../gen/bench_pb.js";
import { asBuffer, decodeDownloadRequest, decodeItem, encodeDownloadRequest, encodeItem } from "./codec.js";
import { PushQueue } from "./push-queue.js";

/** Items asked for ahead of the consumer; refilled at half, so that the sender never waits. */
const PREFETCH_ITEMS = 256;

/** u16 version 1 · u16 length + service · u16 length + method · u16 length of the tracing map, here empty. */
function rpcMetadata(serviceName: string, method: string): Buffer {
  const names = [serviceName, method].map((name) => Buffer.concat([u16(name.length), Buffer.from(name)]));
  return Buffer.concat([u16(1), ...names, u16(0)]);
}

function u16(value: number): Buffer {
  return Buffer.of(value >> 8, value & 0xff);
}

const echoMetadata = rpcMetadata("bench.v1.Bench", "Echo");
const downloadMetadata = rpcMetadata("bench.v1.Bench", "Download");
const chatMetadata = rpcMetadata("bench.v1.Bench", "Chat");
const notifyMetadata = rpcMetadata("bench.v1.Bench", "Notify");

const responder: Responder = {
  requestResponse: ({ data }) =>
    rsocketFlowable.Single.of({ data: asBuffer(encodeItem(service.echo(decodeItem(data)))) }),
  requestStream: ({ data }) => flowableOf(service.download(decodeDownloadRequest(data))),
  requestChannel: (payloads) => flowableOf(service.chat(iterate(payloads))),
  fireAndForget: ({ data }) => service.notify(decodeItem(data)),
};

/** Pulls from the iterable only under credit. */
function flowableOf(items: AsyncIterable<{ payload: Uint8Array }>, metadata?: Buffer): Flowable<Payload> {
  let isFirst = metadata !== undefined;
  return new rsocketFlowable.Flowable<Payload>((subscriber) => {
    let credit = 0;
    let cancelled = false;
    let wake: (() => void) | undefined;
    const pump = async (): Promise<void> => {
      for await (const item of items) {
        while (credit === 0 && !cancelled) await new Promise<void>((resolve) => (wake = resolve));
        if (cancelled) return;
        credit--;
        const data = asBuffer(encodeItem(item));
        subscriber.onNext(isFirst && metadata !== undefined ? { data, metadata } : { data });
        isFirst = false;
      }
      subscriber.onComplete();
    };
    subscriber.onSubscribe({
      request: (n) => {
        credit += n;
        wake?.();
      },
      cancel: () => {
        cancelled = true;
        wake?.();
      },
    });
    pump().catch((error: unknown) => subscriber.onError(error as Error));
  });
}

async function startServer(): Promise<BenchServer> {
  const server = createServer();
  const listening = new Promise<void>((resolve, reject) => server.once("listening", resolve).once("error", reject));
  const serverFactory = (onConnection: (socket: Socket) => void): Server => server.on("connection", onConnection);
  const transport = new tcpServer.default({ host: "127.0.0.1", port: 0, serverFactory }, rsocketCore.BufferEncoders);
  const rsocketServer = new rsocketCore.RSocketServer({ getRequestHandler: () => responder, transport });
  rsocketServer.start();
  await listening;
  return { port: (server.address() as AddressInfo).port, close: async () => rsocketServer.stop() };
}

async function openClient(port: number): Promise<BenchClient> {
  const client = new rsocketCore.RSocketClient({
    setup: {
      dataMimeType: "application/binary",
      metadataMimeType: "application/binary",
      keepAlive: 20_000, // what the other peers of this family send: 20 s, 90 s
      lifetime: 90_000,
    },
    transport: new tcpClient.default({ host: "127.0.0.1", port }, rsocketCore.BufferEncoders),
  });
  const socket = await new Promise<ReactiveSocket>((resolve, reject) =>
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
    download: (request) =>
      iterate(socket.requestStream({ data: asBuffer(encodeDownloadRequest(request)), metadata: downloadMetadata })),
    chat: (requests) => iterate(socket.requestChannel(flowableOf(requests, chatMetadata))),
    notify: async (request) => socket.fireAndForget({ data: asBuffer(encodeItem(request)), metadata: notifyMetadata }),
    close: async () => client.close(),
  };
}

function iterate(payloads: Flowable<Payload>): AsyncIterable<Item> {
  let subscription: Subscription | undefined;
  let taken = 0;
  const queue = new PushQueue<Item>(() => {
    if (++taken < PREFETCH_ITEMS / 2) return;
    taken = 0;
    subscription?.request(PREFETCH_ITEMS / 2);
  });
  payloads.subscribe({
    onSubscribe: (given) => {
      subscription = given;
      subscription.request(PREFETCH_ITEMS);
    },
    onNext: ({ data }) => queue.push(decodeItem(data)),
    onComplete: () => queue.end(),
    onError: (error) => queue.end(error),
  });
  return queue;
}

const rsocketJs: Contestant = { serve: startServer, connect: openClient };
export default rsocketJs;
