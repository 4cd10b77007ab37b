// SPDX-License-Identifier: Apache-2.0
// The code of docs/guide/5-tls.md.

import { connect, createContextKey } from "rsocket-rpc/node";
import { createAuthority } from "./certificates.js";
import { createTickerClient, implementTicker, unimplementedTicker } from "./gen/ticker_rsocket.js";

const authority = await createAuthority();
const { ca } = authority;
const identity = await authority.issue("CN=server", { names: ["DNS:localhost", "IP:127.0.0.1"] });
const ann = await authority.issue("CN=ann");

// #region serve
import { Code, RpcError, serve } from "rsocket-rpc/node";

const userKey = createContextKey("user", "nobody");

const services = [
  implementTicker({
    ...unimplementedTicker,
    last: ({ name }, context) => {
      console.log(`${context.values.get(userKey)} asks for ${name}`);
      return { symbol: name, price: 42 };
    },
  }),
];

const server = await serve("tls://127.0.0.1:0", {
  services,
  tls: { ...identity, ca, clientCertificate: "require" }, // { cert, key }: PEM, as text or as readFile gives it
  accept: ({ values }, { peer }) => {
    const name = peer.certificate?.subject["CN"];
    if (typeof name !== "string") throw new RpcError(Code.Unauthenticated, "a certificate without a name");
    values.set(userKey, name);
  },
});
// #endregion
const url = server.urls[0] ?? "";

// #region connect
const connection = await connect(url, { tls: { ca, ...ann } });
console.log((await createTickerClient(connection).last({ name: "ACME" })).price); // 42
// #endregion
await connection.close();
const stranger = await (await createAuthority()).issue("CN=ann");
await connect(url, { tls: { ca, ...stranger } }).catch(() => console.log("refused"));
await server.close();

// #region renew
import { listenTls, type TlsListener } from "rsocket-rpc/node";

let listener: TlsListener | undefined;
const renewable = await serve(
  async (onLink) => {
    listener = await listenTls({ host: "127.0.0.1", port: 0, ...identity }, onLink);
    return listener;
  },
  { services, accept: ({ values }) => void values.set(userKey, "ann") },
);

const renewed = await authority.issue("CN=renewed", { names: ["IP:127.0.0.1"] });
listener?.setIdentity(renewed); // connections that are open stay
// #endregion
const later = await connect(renewable.urls[0] ?? "", { tls: { ca } });
console.log((await createTickerClient(later).last({ name: "ACME" })).price);
console.log(later.peer.certificate?.subject["CN"]);
await later.close();
await renewable.close();
