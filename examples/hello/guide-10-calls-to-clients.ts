// SPDX-License-Identifier: Apache-2.0
// The code of docs/guide/10-calls-to-clients.md.

import { Code, type Connection, connect, RpcError, serve } from "rsocket-rpc/node";
import { createNotesClient, implementNotes, unimplementedNotes } from "./gen/notes_rsocket.js";
import {
  createAlertsClient,
  createTickerClient,
  implementAlerts,
  implementTicker,
  unimplementedTicker,
} from "./gen/ticker_rsocket.js";

// #region server
const clients = new Map<string, Connection>();

const server = await serve("tcp://127.0.0.1:0", {
  accept({ headers }, connection) {
    const name = headers.get("x-name") ?? "nobody";
    clients.set(name, connection);
    void connection.closed.then(() => {
      if (clients.get(name) === connection) clients.delete(name);
    });
  },
  services: [],
});
// #endregion

const [url = ""] = server.urls;
// #region client
const ann = await connect(url, {
  headers: { "x-name": "ann" },
  services: [
    implementNotes({ ...unimplementedNotes, read: ({ name }) => ({ name, text: "milk, bread" }) }),
    implementTicker({
      ...unimplementedTicker,
      async *watch({ name }) {
        try {
          for (let price = 1; ; price++) yield { symbol: name, price };
        } finally {
          console.log("ann: the server has seen enough");
        }
      },
    }),
    implementAlerts({ notify: ({ text }) => console.log("ann hears:", text) }),
  ],
});
const bob = await connect(url, {
  headers: { "x-name": "bob" },
  services: [implementAlerts({ notify: ({ text }) => console.log("bob hears:", text) })],
});
// #endregion

// #region call
const toAnn = clients.get("ann");
if (toAnn === undefined) throw new Error("ann isn't here");

const { text } = await createNotesClient(toAnn).read({ name: "shopping" }, { timeoutMs: 1_000 });
console.log(text); // milk, bread

for await (const { price } of createTickerClient(toAnn).watch({ name: "ACME" })) if (price === 3) break;
// #endregion

// #region everybody
async function tellEverybody(text: string): Promise<void> {
  await Promise.allSettled([...clients.values()].map((client) => createAlertsClient(client).notify({ text })));
}
await tellEverybody("closing soon");
// #endregion

// #region missing
const toBob = clients.get("bob") as Connection;
try {
  await createNotesClient(toBob).read({ name: "shopping" });
} catch (error) {
  console.log(RpcError.is(error, Code.Unimplemented)); // true: bob serves no notes
}
await bob.close();
await toBob.closed;
try {
  await createAlertsClient(toBob).notify({ text: "too late" });
} catch (error) {
  console.log(RpcError.is(error, Code.Unavailable), [...clients.keys()]); // true [ 'ann' ]
}
// #endregion

await ann.close();
await server.close();
