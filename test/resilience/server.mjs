// SPDX-License-Identifier: Apache-2.0
// A server for restart.mjs: writes each call's number to a file when its handler runs, so that none is forgotten by a kill.

import { appendFileSync } from "node:fs";
import { RpcError } from "rsocket-rpc";
import { serve } from "rsocket-rpc/node";
import { implementTicker, unimplementedTicker } from "../../examples/hello/gen/ticker_rsocket.ts";

const [url, journal] = process.argv.slice(2);

const ticker = implementTicker({
  ...unimplementedTicker,
  last: async ({ name }) => {
    appendFileSync(journal, `${name}\n`);
    await new Promise((resolve) => setTimeout(resolve, Number(name) % 7));
    return { symbol: name };
  },
  async *watch({ name }) {
    appendFileSync(journal, `${name}\n`);
    for (let price = 0; price < 5; price++) yield { symbol: name, price };
  },
});

await serve(url, { services: [ticker], observer: { onHandlerError: (error) => console.error(RpcError.from(error)) } });
process.send?.("listening");
