// SPDX-License-Identifier: Apache-2.0
// The other side of src/example: our client calls RpcServer and our server is called by RpcClient.
//
//   npx tsx test/interop/peers/rsocket-rpc-java/example.ts   (after npm run interop -- --peer rsocket-rpc-java, which builds it)

import { once } from "node:events";
import { rsocketRpcJava } from "rsocket-rpc/compat";
import { connect, serve } from "rsocket-rpc/node";
import { systemScheduler } from "rsocket-rpc/rsocket";
import { createTestServiceClient } from "../../../support/gen/interop_rsocket.js";
import { interopService } from "../../../support/rpc-interop-service.js";
import { java, untilListening } from "../../jvm/example.js";

const CLASSPATH = "dist/classes:dist/theirs/*:dist/lib/*";
const JAVA_PORT = 7879;

// ── our server, its client ──────────────────────────────────────────────────────────────────────────────────────────

// #region serve
const server = await serve("tcp://127.0.0.1:0", {
  services: [interopService(systemScheduler)],
  compatibility: rsocketRpcJava,
});
// #endregion
const rpcClient = java(import.meta.url, CLASSPATH, "example.RpcClient", new URL(server.urls[0] ?? "").port);
rpcClient.stdout.on("data", (text: Buffer) => process.stdout.write(`its client: ${text}`));
await once(rpcClient, "exit");
await server.close();

// ── its server, our client ──────────────────────────────────────────────────────────────────────────────────────────

const rpcServer = java(import.meta.url, CLASSPATH, "example.RpcServer", String(JAVA_PORT));
// #region call
const connection = await untilListening(() =>
  connect(`tcp://127.0.0.1:${JAVA_PORT}`, { compatibility: rsocketRpcJava }),
);
const client = createTestServiceClient(connection);
const hello = { payload: Buffer.from("hello") };
console.log(`our client: ${Buffer.from((await client.unaryCall(hello)).payload)}`);
for await (const { sequence } of client.serverStream({ sizes: [1, 1, 1] })) console.log(`our client: ${sequence}`);
console.log(`our client: ${(await client.clientStream([hello, hello])).count}`);
// #endregion
await connection.close();
rpcServer.kill();
