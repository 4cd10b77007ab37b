// SPDX-License-Identifier: Apache-2.0
// The other side of src/example: our client calls SpringServer and our server is called by SpringClient, each with a name
// and password, with a token, and with a wrong password.
//
//   npx tsx test/interop/peers/spring/example.ts        (after npm run interop -- --peer spring, which builds the peer)

import { createHmac } from "node:crypto";
import { once } from "node:events";
import { compositeMetadata } from "rsocket-rpc";
import { authenticate, connect, secretsEqual, serve, tokenTable } from "rsocket-rpc/node";
import { systemScheduler } from "rsocket-rpc/rsocket";
import { createTestServiceClient } from "../../../support/gen/interop_rsocket.js";
import { interopService } from "../../../support/rpc-interop-service.js";
import { java, untilListening } from "../../jvm/example.js";

const CLASSPATH = "dist/classes:dist/lib/*";
const SPRING_PORT = 7878;

// ── our server, Spring's client ─────────────────────────────────────────────────────────────────────────────────────

// #region serve
const auth = authenticate({
  simple: (name, password) => (name === "ann" && secretsEqual(password, "correct horse") ? name : undefined),
  bearer: tokenTable(new Map([["s3cret", "ann"]])),
  requireSetup: true,
});
// The metadata mime type of a SETUP tells Spring's clients, which route by composite metadata, from those of rsocket-rpc.
const server = await serve("tcp://127.0.0.1:0", {
  services: [interopService(systemScheduler)],
  accept: auth.accept,
  interceptors: [auth.interceptor],
});
// #endregion
const springClient = java(import.meta.url, CLASSPATH, "example.SpringClient", new URL(server.urls[0] ?? "").port);
springClient.stdout.on("data", (text: Buffer) => process.stdout.write(`Spring's client: ${text}`));
await once(springClient, "exit");
await server.close();

// ── Spring's server, our client ─────────────────────────────────────────────────────────────────────────────────────

const springServer = java(import.meta.url, CLASSPATH, "example.SpringServer", String(SPRING_PORT));
const url = `tcp://127.0.0.1:${SPRING_PORT}`;
for (const [title, who] of [
  ["simple", { credentials: { username: "ann", password: "correct horse" } }],
  ["bearer", { bearerToken: signed({ sub: "ann" }) }],
  ["wrong", { credentials: { username: "ann", password: "guess" } }],
] as const) {
  console.log(`our client: ${title}: ${await call(who).catch(String)}`);
}
springServer.kill();

async function call(who: Parameters<typeof connect>[1]): Promise<string> {
  // #region call
  const connection = await untilListening(() => connect(url, { metadataMode: compositeMetadata, ...who }));
  const client = createTestServiceClient(connection);
  const { payload } = await client.unaryCall({ payload: Buffer.from("hello") });
  const numbers: number[] = [];
  for await (const { sequence } of client.serverStream({ sizes: [1, 1, 1] })) numbers.push(sequence);
  // #endregion
  await connection.close();
  return `${Buffer.from(payload).toString()} ${numbers}`;
}

/** A JSON Web Token, HS256. */
function signed(claims: object): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const text = `${part({ alg: "HS256", typ: "JWT" })}.${part(claims)}`;
  return `${text}.${createHmac("sha256", "a key that both sides know: 32 bytes").update(text).digest("base64url")}`;
}
