// SPDX-License-Identifier: Apache-2.0
// The code of docs/guide/18-authentication.md.

import { createHmac } from "node:crypto";
// #region serve
import { authenticate, secretsEqual, serve, tokenTable } from "rsocket-rpc/node";
import { createTickerClient, implementTicker, unimplementedTicker } from "./gen/ticker_rsocket.js";

const passwords = new Map([["ann", "correct horse"]]); // in earnest: a slow hash of each, and a database
const auth = authenticate({
  bearer: tokenTable(new Map([["s3cret", "a robot"]])),
  simple(name, password) {
    const known = passwords.get(name);
    const isRight = secretsEqual(known ?? "", password); // as long for a name that nobody has
    return isRight && known !== undefined ? name : undefined;
  },
  peer: ({ certificate }) => certificate?.subject["CN"]?.toString(), // mTLS
  authorize: ({ identity, method }) => method.name === "Last" || identity === "ann",
});

const ticker = implementTicker({
  ...unimplementedTicker,
  last: (_request, { values }) => ({ symbol: values.get(auth.identity) ?? "" }),
});
const server = await serve("tcp://127.0.0.1:0", {
  services: [ticker],
  accept: auth.accept,
  interceptors: [auth.interceptor],
});
// #endregion
const url = server.urls[0] ?? "";

// #region connect
import { connect } from "rsocket-rpc/node";

const robot = await connect(url, { bearerToken: "s3cret" });
console.log((await createTickerClient(robot).last({})).symbol); // a robot
const refused = await createTickerClient(robot)
  .upload([])
  .catch((error: unknown) => error);
console.log(String(refused)); // RpcError: [permission_denied] demo.v1.Ticker.Upload isn't allowed to this caller
await connect(url, { credentials: { username: "nobody", password: "" } }).catch((error) => console.log(String(error)));
await connect(url, { bearerToken: "guess" }).catch((error) => console.log(String(error))); // [unauthenticated] …
// #endregion
await robot.close();
await server.close();

// #region tokens
import { Code, type Interceptor, RpcError } from "rsocket-rpc/node";

interface Ticket {
  readonly user: string;
  readonly validUntilMs: number;
}
/** Who issues tokens; here the same process. */
const key = "a key that both know";
const sign = (text: string) => createHmac("sha256", key).update(text).digest("base64url");
function issue(user: string, validForMs: number): string {
  const text = Buffer.from(JSON.stringify({ user, validUntilMs: Date.now() + validForMs })).toString("base64url");
  return `${text}.${sign(text)}`;
}
function verify(token: string): Ticket | undefined {
  const [text = "", signature = ""] = token.split(".");
  return secretsEqual(signature, sign(text)) ? JSON.parse(Buffer.from(text, "base64url").toString()) : undefined;
}

const SKEW_MS = 50; // clocks differ; in earnest some seconds
const ticketed = authenticate({
  bearer: verify,
  authorize({ identity: { validUntilMs } }) {
    if (Date.now() > validUntilMs + SKEW_MS) throw new RpcError(Code.Unauthenticated, "the token has expired");
    return true;
  },
});
// #endregion

const guarded = await serve("tcp://127.0.0.1:0", {
  services: [
    implementTicker({
      ...unimplementedTicker,
      last: (_request, { values }) => ({ symbol: values.get(ticketed.identity)?.user ?? "" }),
    }),
  ],
  accept: ticketed.accept,
  interceptors: [ticketed.interceptor],
});

// #region renew
/** Each call shows a token that is still good for a while; the connection stays. */
function renewing(fetchToken: () => Promise<string>, everyMs: number): Interceptor {
  let token: Promise<string> | undefined;
  let sinceMs = 0;
  return async (call, next) => {
    if (token === undefined || performance.now() - sinceMs > everyMs) {
      sinceMs = performance.now();
      token = fetchToken();
      token.catch(() => {
        token = undefined; // the next call asks again
      });
    }
    call.headers.set("authorization", `Bearer ${await token}`);
    return next(call);
  };
}

let fetched = 0;
const fetchToken = async () => {
  fetched++;
  return issue("ann", 1_000);
};
const connection = await connect(guarded.urls[0] ?? "", { interceptors: [renewing(fetchToken, 200)] });
const client = createTickerClient(connection);
const endsMs = performance.now() + 1_200; // longer than any of them lives
let calls = 0;
while (performance.now() < endsMs) {
  calls += (await client.last({})).symbol === "ann" ? 1 : 0; // no call fails
  await new Promise((resolve) => setTimeout(resolve, 10));
}
console.log(`${calls > 5} ${fetched >= 3}`); // many calls, several tokens, one connection
// #endregion

const stale = await connect(guarded.urls[0] ?? "", { bearerToken: issue("ann", -1_000) });
await createTickerClient(stale)
  .last({})
  .catch((error) => console.log(String(error)));
await Promise.all([connection.close(), stale.close()]);
await guarded.close();
