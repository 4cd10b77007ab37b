// SPDX-License-Identifier: Apache-2.0
import { Code, createContextKey, type Interceptor, RpcError, secretsEqual, serve } from "rsocket-rpc/node";
import { createAlertsClient, implementTicker } from "./gen/ticker_rsocket.js";

const user = createContextKey("user", "anonymous");
const prices = new Map([["ACME", 42]]);
const log: Interceptor = (call, next) => {
  call.onEnd(({ code, durationMs }) => console.log(call.method.name, code, `${durationMs.toFixed(1)} ms`));
  return next(call);
};
const server = await serve(["tcp://127.0.0.1:7000", "ws://127.0.0.1:7001/rpc"], {
  interceptors: [log],
  drain: { onSignals: ["SIGTERM"], graceMs: 10_000 },
  accept(setup) {
    if (!secretsEqual(setup.bearerToken ?? "", "secret")) throw new RpcError(Code.Unauthenticated, "unknown token");
    setup.values.set(user, "ann");
  },
  services: [implementTicker({
    last({ name }) {
      const price = prices.get(name);
      if (price === undefined) throw new RpcError(Code.NotFound, `no symbol ${name}`);
      return { symbol: name, price };
    },
    async *watch({ name }, { signal }) {
      while (!signal.aborted) yield { symbol: name, price: Math.random() * 200 };
    },
    async upload(quotes) { let count = 0; for await (const _ of quotes) count++; return { count }; },
    async *chat(lines, { connection, values }) {
      for await (const { text } of lines) yield { text: `${values.get(user)}: ${text}` };
      await createAlertsClient(connection).notify({ text: "bye" });
    },
    log({ text }) { console.log(text); },
  })],
});
console.log("listening on", server.urls.join(" and "));
