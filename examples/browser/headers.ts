// SPDX-License-Identifier: Apache-2.0
// A page that only calls, with headers.

// #region headers
import { connect, metadata } from "rsocket-rpc/lite";
import { createTickerClient } from "../hello/gen/ticker_rsocket.js";

const { rpcUrl } = globalThis as unknown as { readonly rpcUrl: string };
const connection = await connect(rpcUrl, { metadata, headers: { "x-page": location.pathname } });
const { price } = await createTickerClient(connection).last(
  { name: "ACME" },
  { headers: { "x-user": "ann" }, onTrailers: (trailers) => show(`cost ${trailers.get("x-cost")}`) },
);
show(price.toFixed(2));
// #endregion

function show(line: string): void {
  document.body.append(`${line}\n`);
}
