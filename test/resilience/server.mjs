// SPDX-License-Identifier: Apache-2.0
// A server for restart.mjs and rolling.mjs: writes each call's number to a file when its handler runs, so that none is forgotten by a kill.

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
  upload: async (quotes) => {
    let count = 0;
    for await (const { symbol } of quotes) if (count++ === 0) appendFileSync(journal, `${symbol}\n`);
    return { count };
  },
  async *chat(lines) {
    let count = 0;
    for await (const { text } of lines) {
      if (count++ === 0) appendFileSync(journal, `${text}\n`);
      yield { text };
    }
  },
  log: async ({ text }) => {
    await new Promise((resolve) => setTimeout(resolve, Number(text) % 20));
    appendFileSync(journal, `${text}\n`);
  },
});

const drain = { onSignals: ["SIGTERM"], graceMs: 10_000 };
await serve(url, {
  services: [ticker],
  drain,
  observer: { onHandlerError: (error) => console.error(RpcError.from(error)) },
});
process.send?.("listening", () => process.disconnect?.());
