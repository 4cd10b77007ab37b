// SPDX-License-Identifier: Apache-2.0
// A page that only calls, in less than half of the bytes.

// #region small
import { Code, connect, RpcError } from "rsocket-rpc/lite";
import { createTickerClient } from "../hello/gen/ticker_rsocket.js";

const { rpcUrl } = globalThis as unknown as { readonly rpcUrl: string };
const connection = await connect(rpcUrl, { bearerToken: "secret" });
void connection.closed.then(({ reason }) => show(`the connection is over: ${reason}`));
const ticker = createTickerClient(connection); // the same generated client

try {
  for await (const { price } of ticker.watch({ name: "ACME" }, { timeoutMs: 60_000 })) {
    show(price.toFixed(2));
    if (price > 99) break; // cancels on the server
  }
} catch (error) {
  if (!RpcError.is(error, Code.Unavailable, Code.DeadlineExceeded)) throw error;
  show("try again later");
}
// #endregion

function show(line: string): void {
  document.body.append(`${line}\n`);
}
