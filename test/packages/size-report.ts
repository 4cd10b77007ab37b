// SPDX-License-Identifier: Apache-2.0
// Prints what the README's client costs in a browser, part by part: npm run size.

import { browserClient, callingClient, liteClient, reflectingClient, sizeOf } from "./support/size.js";

for (const [name, client] of [
  ["the README's client", browserClient()],
  ["the same without services", callingClient()],
  ["that by rsocket-rpc/lite", liteClient()],
  ["that by protobuf-es's reflection, too", reflectingClient()],
] as const) {
  const { bytes, gzipBytes, parts } = await sizeOf(client);
  console.log(`${name}:`);
  for (const part of parts) console.log(`${String(part.bytes).padStart(8)}  ${part.name}`);
  console.log(`${String(bytes).padStart(8)}  in all, minified`);
  console.log(`${String(gzipBytes).padStart(8)}  gzip -9`);
}
