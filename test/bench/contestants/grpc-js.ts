// SPDX-License-Identifier: Apache-2.0
// Contestant: @grpc/grpc-js, insecure, one channel, every option at its default, the same protobuf-es messages.
import {
  type Client,
  type ClientReadableStream,
  credentials,
  type handleServerStreamingCall,
  type handleUnaryCall,
  makeGenericClientConstructor,
  Server,
  ServerCredentials,
  type ServerWritableStream,
  type ServiceDefinition,
} from "@grpc/grpc-js";
import { type BenchClient, type BenchServer, type Contestant, service } from "../contestant.js";
import type { DownloadRequest, Item } from "../gen/bench_pb.js";
import { asBuffer, decodeDownloadRequest, decodeItem, encodeDownloadRequest, encodeItem } from "./codec.js";

type ItemInit = { payload: Uint8Array };
type DownloadInit = { count: number; payloadBytes: number };

const itemToBuffer = (item: ItemInit): Buffer => asBuffer(encodeItem(item));

const definition: ServiceDefinition = {
  echo: {
    path: "/bench.v1.Bench/Echo",
    requestStream: false,
    responseStream: false,
    requestSerialize: itemToBuffer,
    requestDeserialize: decodeItem,
    responseSerialize: itemToBuffer,
    responseDeserialize: decodeItem,
  },
  download: {
    path: "/bench.v1.Bench/Download",
    requestStream: false,
    responseStream: true,
    requestSerialize: (request: DownloadInit) => asBuffer(encodeDownloadRequest(request)),
    requestDeserialize: decodeDownloadRequest,
    responseSerialize: itemToBuffer,
    responseDeserialize: decodeItem,
  },
};

const echo: handleUnaryCall<Item, ItemInit> = (call, callback) => callback(null, service.echo(call.request));

const download: handleServerStreamingCall<DownloadRequest, ItemInit> = (call) => {
  writeAll(call).catch((error: unknown) => call.destroy(error as Error));
};

async function writeAll(call: ServerWritableStream<DownloadRequest, ItemInit>): Promise<void> {
  for await (const item of service.download(call.request)) {
    if (!call.write(item)) await new Promise<void>((resolve) => call.once("drain", resolve));
  }
  call.end();
}

async function startServer(): Promise<BenchServer> {
  const server = new Server();
  server.addService(definition, { echo, download });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  return { port, close: async () => server.forceShutdown() };
}

/** The methods that `makeGenericClientConstructor` adds to its class, which its types leave open. */
interface GenericClient extends Client {
  echo(request: ItemInit, callback: (error: Error | null, reply: Item) => void): unknown;
  download(request: DownloadInit): ClientReadableStream<Item>;
}

async function openClient(port: number): Promise<BenchClient> {
  const BenchServiceClient = makeGenericClientConstructor(definition, "Bench");
  const client = new BenchServiceClient(`127.0.0.1:${port}`, credentials.createInsecure()) as unknown as GenericClient;
  await new Promise<void>((resolve, reject) =>
    client.waitForReady(Date.now() + 10_000, (error) => (error ? reject(error) : resolve())),
  );
  return {
    echo: (request) =>
      new Promise((resolve, reject) =>
        client.echo(request, (error, reply) => (error ? reject(error) : resolve(reply))),
      ),
    download: (request) => client.download(request),
    close: async () => client.close(),
  };
}

const grpcJs: Contestant = { serve: startServer, connect: openClient };
export default grpcJs;
