// SPDX-License-Identifier: Apache-2.0
// The server that clients on other runtimes call: it does what the symbol of a request says, and tells what it has seen.

import { Code, RpcError, serve } from "rsocket-rpc/node";
import { createAlertsClient, implementTicker } from "./gen/ticker_rsocket.js";

/** Smaller than most large messages of the cases, so that both sides fragment. */
const FRAGMENT_BYTES = 1_000;

/** What happened, by "what:key". */
const counts = new Map();
const count = (what) => counts.set(what, (counts.get(what) ?? 0) + 1);
const releases = new Map();

/** Waits for the end of the call. */
const aborted = (signal) => new Promise((resolve) => signal.addEventListener("abort", resolve));

const ticker = implementTicker({
  async last({ name }, { signal }) {
    const [what, key] = name.split(":");
    if (what === "none") throw new RpcError(Code.NotFound, `no symbol ${name}`);
    if (what === "count") return { price: counts.get(name.slice("count:".length)) ?? 0 };
    if (what === "release") releases.get(key)?.();
    if (what === "slow") {
      await aborted(signal);
      count(`ended:${key}`);
    }
    return { symbol: name, price: name.length };
  },
  async *watch({ name }) {
    const [what, key] = name.split(":");
    try {
      for (let price = 0; what === "endless" || price < Number(key); price++) {
        count(`made:${key}`);
        yield { symbol: what, price };
      }
    } finally {
      count(`ended:${key}`);
    }
  },
  async upload(quotes) {
    let taken = 0;
    for await (const { symbol } of quotes) {
      taken++;
      const [what, key] = symbol.split(":");
      if (what === "stall") await new Promise((resolve) => releases.set(key, resolve));
    }
    return { count: taken };
  },
  async *chat(lines, { connection }) {
    for await (const { text } of lines) {
      if (text.startsWith("alert ")) await createAlertsClient(connection).notify({ text });
      yield { text: `${text}!` };
    }
  },
  log({ text }) {
    count(`logged:${text}`);
  },
});

const server = await serve(["tcp://127.0.0.1:0", "ws://127.0.0.1:0/rpc"], {
  fragmentBytes: FRAGMENT_BYTES,
  drain: { onSignals: ["SIGTERM"], graceMs: 1_000 },
  services: [ticker],
});
console.log(`listening ${server.urls.join(" ")};`);
