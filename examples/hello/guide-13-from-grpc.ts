// SPDX-License-Identifier: Apache-2.0
// The code of docs/guide/13-coming-from-elsewhere.md: a service and its caller with grpc-js, and the same here.

import { fileURLToPath } from "node:url";

const roots = ["./proto", "../../proto"].map((path) => fileURLToPath(new URL(path, import.meta.url)));

// #region grpc-serve
import * as grpc from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";

const { demo } = grpc.loadPackageDefinition(loadSync("ticker.proto", { includeDirs: roots })) as never as Packages;
const oldServer = new grpc.Server();
oldServer.addService(demo.v1.Ticker.service, {
  last(call: grpc.ServerUnaryCall<{ name: string }, object>, answer: grpc.sendUnaryData<object>) {
    const { name } = call.request;
    if (name === "ACME") answer(null, { symbol: name, price: 42 });
    else answer({ code: grpc.status.NOT_FOUND, details: `no symbol ${name}` });
  },
  watch(call: grpc.ServerWritableStream<{ name: string }, object>) {
    let price = 1;
    const send = () => {
      while (!call.cancelled) if (!call.write({ symbol: call.request.name, price: price++ })) break;
    };
    call.on("drain", send);
    send();
  },
});
// #endregion
interface Packages {
  readonly demo: { readonly v1: { readonly Ticker: grpc.ServiceClientConstructor } };
}
interface OldTicker extends grpc.Client {
  last(symbol: object, options: grpc.CallOptions, answer: (error: grpc.ServiceError | null) => void): void;
  watch(symbol: object): grpc.ClientReadableStream<{ price: number }>;
}
const oldPort = await new Promise<number>((resolve, reject) => {
  const credentials = grpc.ServerCredentials.createInsecure();
  oldServer.bindAsync("127.0.0.1:0", credentials, (error, port) => (error === null ? resolve(port) : reject(error)));
});

// #region serve
import { Code, connect, RpcError, serve } from "rsocket-rpc/node";
import { createTickerClient, implementTicker, unimplementedTicker } from "./gen/ticker_rsocket.js";

const server = await serve("tcp://127.0.0.1:0", {
  services: [
    implementTicker({
      ...unimplementedTicker,
      last({ name }) {
        if (name !== "ACME") throw new RpcError(Code.NotFound, `no symbol ${name}`);
        return { symbol: name, price: 42 };
      },
      async *watch({ name }) {
        for (let price = 1; ; price++) yield { symbol: name, price };
      },
    }),
  ],
});
// #endregion

let done = (): void => {};
const finished = new Promise<void>((resolve) => {
  done = resolve;
});

// #region grpc-call
const stub = new demo.v1.Ticker(`127.0.0.1:${oldPort}`, grpc.credentials.createInsecure()) as never as OldTicker;
stub.last({ name: "NONE" }, { deadline: Date.now() + 500 }, (error: grpc.ServiceError | null) => {
  console.log("grpc:", error?.code === grpc.status.NOT_FOUND, error?.details);
  const quotes = stub.watch({ name: "ACME" });
  quotes.on("data", ({ price }) => {
    if (price === 3) quotes.cancel();
  });
  quotes.on("error", ({ code }: grpc.ServiceError) => {
    console.log("grpc:", code === grpc.status.CANCELLED);
    done();
  });
});
// #endregion

await finished;
stub.close();
await new Promise<void>((resolve) => oldServer.tryShutdown(() => resolve()));

// #region call
const connection = await connect(server.urls[0] ?? "");
const ticker = createTickerClient(connection);
try {
  await ticker.last({ name: "NONE" }, { timeoutMs: 500 });
} catch (error) {
  if (!RpcError.is(error, Code.NotFound)) throw error;
  console.log(error.rawMessage); // no symbol NONE
}
for await (const { price } of ticker.watch({ name: "ACME" })) if (price === 3) break; // cancels
// #endregion

await connection.close();
await server.close();
