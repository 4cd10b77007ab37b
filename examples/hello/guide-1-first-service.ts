// SPDX-License-Identifier: Apache-2.0
// The code of docs/guide/1-first-service.md.

// #region serve
import { connect, serve } from "rsocket-rpc/node";
import { createTickerClient, implementTicker, unimplementedTicker } from "./gen/ticker_rsocket.js";

const server = await serve("tcp://127.0.0.1:0", {
  services: [
    implementTicker({
      ...unimplementedTicker,
      last: ({ name }) => ({ symbol: name, price: 42 }),
    }),
  ],
});
// #endregion

// #region call
const [url = ""] = server.urls;
const connection = await connect(url);
const ticker = createTickerClient(connection);
const quote = await ticker.last({ name: "ACME" });
console.log(quote.symbol, quote.price);

// #endregion

// #region call-back
import { createAlertsClient, implementAlerts } from "./gen/ticker_rsocket.js";

const alerts: string[] = [];
const busy = await serve("tcp://127.0.0.1:0", {
  services: [
    implementTicker({
      ...unimplementedTicker,
      async last({ name }, { connection }) {
        await createAlertsClient(connection).notify({ text: `somebody asks for ${name}` });
        return { symbol: name, price: 42 };
      },
    }),
  ],
});
const caller = await connect(busy.urls[0] ?? "", {
  services: [implementAlerts({ notify: ({ text }) => void alerts.push(text) })],
});
await createTickerClient(caller).last({ name: "ACME" });
console.log(alerts); // [ 'somebody asks for ACME' ]

// #endregion

// #region accept
import { Code, createContextKey, RpcError, secretsEqual } from "rsocket-rpc/node";

const tenant = createContextKey("tenant", "nobody");
const guarded = await serve("tcp://127.0.0.1:0", {
  accept(setup) {
    if (!secretsEqual(setup.bearerToken ?? "", "secret")) throw new RpcError(Code.Unauthenticated, "unknown token");
    setup.values.set(tenant, "acme");
  },
  services: [
    implementTicker({ ...unimplementedTicker, last: (_, { values }) => ({ symbol: values.get(tenant), price: 1 }) }),
  ],
});
const known = await connect(guarded.urls[0] ?? "", { bearerToken: "secret" });
console.log((await createTickerClient(known).last({})).symbol); // acme
const refused = await connect(guarded.urls[0] ?? "").catch((error: unknown) => error);
console.log(RpcError.is(refused, Code.Unauthenticated)); // true

// #endregion

// #region test
import { inProcessChannel } from "rsocket-rpc/testing";

const channel = await inProcessChannel([implementTicker({ ...unimplementedTicker, last: () => ({ price: 7 }) })]);
console.log((await createTickerClient(channel).last({ name: "X" })).price); // 7
// #endregion

// #region close
await connection.close();
await server.close({ graceMs: 1_000 });
// #endregion
await Promise.all([caller.close(), known.close(), channel.close()]);
await Promise.all([busy.close(), guarded.close()]);
