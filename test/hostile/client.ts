// SPDX-License-Identifier: Apache-2.0
// A client process that calls a hostile server, and an honest one meanwhile: says how each call ended. With the argument
// `lite` it calls the hostile one by `rsocket-rpc/lite`.

import { connectWith as connectLite } from "rsocket-rpc/lite";
import { type CallOptions, connect, RpcError, serve, tcpDialer } from "rsocket-rpc/node";
import { createTestServiceClient } from "../support/gen/interop_rsocket.js";
import { attackedService } from "./service.js";

/** What became of the calls. */
export interface Report {
  /** How connecting, a unary call, and a stream to the hostile server ended: `ok`, or the error. */
  readonly outcomes: readonly string[];
  /** Calls of the honest server that failed. */
  readonly honestFailures: readonly string[];
}

const OPTIONS: CallOptions = { timeoutMs: 1_000 };
const isLite = process.argv[2] === "lite";

await using server = await serve("tcp://127.0.0.1:0", { services: [attackedService], observer: {} });
const honest = createTestServiceClient(await connect(server.urls[0] ?? ""));

process.on("message", (url: string) => void attempt(url).then((report) => process.send?.(report)));
process.send?.("ready");
await new Promise((resolve) => {
  process.once("disconnect", resolve);
});
process.exit();

async function attempt(url: string): Promise<Report> {
  const honestFailures: string[] = [];
  const timer = setInterval(() => {
    honest.emptyCall({}, { timeoutMs: 2_000 }).catch((error: unknown) => honestFailures.push(String(error)));
  }, 20);
  const outcomes: string[] = [];
  const connected = await outcomeOf(() => callAll(url, (outcome) => outcomes.push(outcome)));
  clearInterval(timer);
  return { outcomes: [connected, ...outcomes], honestFailures };
}

async function callAll(url: string, tell: (outcome: string) => void): Promise<void> {
  const options = { signal: AbortSignal.timeout(1_500) };
  const { hostname: host, port } = new URL(url);
  const connection = isLite
    ? await connectLite(tcpDialer({ host, port: Number(port) }), options)
    : await connect(url, options);
  const client = createTestServiceClient(connection);
  const results = await Promise.all([
    outcomeOf(() => client.unaryCall({}, OPTIONS)),
    outcomeOf(async () => {
      for await (const _ of client.serverStream({}, OPTIONS));
    }),
  ]);
  for (const result of results) tell(result);
  await connection.close();
}

async function outcomeOf(action: () => Promise<unknown>): Promise<string> {
  try {
    await action();
    return "ok";
  } catch (error) {
    return RpcError.is(error) ? error.message : `no RpcError, but ${String(error)}`;
  }
}
