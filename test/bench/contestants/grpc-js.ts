// SPDX-License-Identifier: Apache-2.0
// Contestant: @grpc/grpc-js, insecure or over TLS, a channel per client, every option at its default but for the largest message, the
// same protobuf-es messages.
import {
  type ChannelOptions,
  type Client,
  type ClientDuplexStream,
  type ClientReadableStream,
  credentials,
  type handleBidiStreamingCall,
  type handleServerStreamingCall,
  type handleUnaryCall,
  makeGenericClientConstructor,
  Server,
  ServerCredentials,
  type ServiceDefinition,
} from "@grpc/grpc-js";
import { type BenchClient, type BenchServer, type Contestant, type Setting, service } from "../contestant.js";
import type { DownloadRequest, Item } from "../gen/bench_pb.js";
import {
  asBuffer,
  decodeDownloadRequest,
  decodeItem,
  encodeDownloadRequest,
  encodeItem,
  MAX_MESSAGE_BYTES,
} from "./codec.js";

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
  chat: itemStream("Chat", true),
  watch: itemStream("Watch", false),
};

function itemStream(name: string, requestStream: boolean): ServiceDefinition[string] {
  return {
    path: `/bench.v1.Bench/${name}`,
    requestStream,
    responseStream: true,
    requestSerialize: itemToBuffer,
    requestDeserialize: decodeItem,
    responseSerialize: itemToBuffer,
    responseDeserialize: decodeItem,
  };
}

const OPTIONS: ChannelOptions = {
  "grpc.max_receive_message_length": MAX_MESSAGE_BYTES,
  // Otherwise clients of one process share a connection.
  "grpc.use_local_subchannel_pool": 1,
  "grpc.ssl_target_name_override": "localhost", // only TLS looks at it
};

const echo: handleUnaryCall<Item, ItemInit> = (call, callback) => callback(null, service.echo(call.request));

const download: handleServerStreamingCall<DownloadRequest, ItemInit> = (call) => {
  writeAll(call, service.download(call.request)).catch((error: unknown) => call.destroy(error as Error));
};

const chat: handleBidiStreamingCall<Item, ItemInit> = (call) => {
  // An iterator that destroys the call at the end of its requests would cut off the answers.
  const requests = call.iterator({ destroyOnReturn: false }) as AsyncIterable<Item>;
  writeAll(call, service.chat(requests)).catch((error: unknown) => call.destroy(error as Error));
};

const watch: handleServerStreamingCall<Item, ItemInit> = (call) => {
  writeAll(call, service.watch()).catch((error: unknown) => call.destroy(error as Error));
};

/** What a stream of either side is written through. */
interface ItemWriter {
  write(item: ItemInit): boolean;
  once(event: "drain", listener: () => void): unknown;
  end(): void;
}

async function writeAll(call: ItemWriter, items: AsyncIterable<ItemInit>): Promise<void> {
  for await (const item of items) {
    if (!call.write(item)) await new Promise<void>((resolve) => call.once("drain", resolve));
  }
  call.end();
}

async function startServer({ identity }: Setting): Promise<BenchServer> {
  const server = new Server(OPTIONS);
  server.addService(definition, { echo, download, chat, watch });
  const port = await new Promise<number>((resolve, reject) => {
    const secrets =
      identity === undefined
        ? ServerCredentials.createInsecure()
        : ServerCredentials.createSsl(null, [
            { cert_chain: Buffer.from(identity.cert), private_key: Buffer.from(identity.key) },
          ]);
    server.bindAsync("127.0.0.1:0", secrets, (error, bound) => (error ? reject(error) : resolve(bound)));
  });
  return { port, close: async () => server.forceShutdown() };
}

/** The methods that `makeGenericClientConstructor` adds to its class, which its types leave open. */
interface GenericClient extends Client {
  echo(request: ItemInit, callback: (error: Error | null, reply: Item) => void): unknown;
  download(request: DownloadInit): ClientReadableStream<Item>;
  chat(): ClientDuplexStream<ItemInit, Item>;
  watch(request: ItemInit): ClientReadableStream<Item>;
}

async function openClient(port: number, { identity }: Setting): Promise<BenchClient> {
  const BenchServiceClient = makeGenericClientConstructor(definition, "Bench");
  const client = new BenchServiceClient(
    `127.0.0.1:${port}`,
    identity === undefined ? credentials.createInsecure() : credentials.createSsl(Buffer.from(identity.ca)),
    OPTIONS,
  ) as unknown as GenericClient;
  await new Promise<void>((resolve, reject) =>
    client.waitForReady(Date.now() + 10_000, (error) => (error ? reject(error) : resolve())),
  );
  return {
    echo: (request) =>
      new Promise((resolve, reject) =>
        client.echo(request, (error, reply) => (error ? reject(error) : resolve(reply))),
      ),
    download: (request) => client.download(request),
    chat: (requests) => {
      const call = client.chat();
      writeAll(call, requests).catch((error: unknown) => call.destroy(error as Error));
      return call;
    },
    watch: () => client.watch({ payload: new Uint8Array(0) }),
    close: async () => client.close(),
  };
}

const grpcJs: Contestant = { serve: startServer, connect: openClient };
export default grpcJs;
