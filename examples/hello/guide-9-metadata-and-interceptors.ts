// SPDX-License-Identifier: Apache-2.0
// The code of docs/guide/9-metadata-and-interceptors.md.

import { Code, connect, RpcError, serve } from "rsocket-rpc/node";
import { createNotesClient, implementNotes } from "./gen/notes_rsocket.js";

let failures = 0;

// #region logging
import type { Interceptor } from "rsocket-rpc/node";

const log: Interceptor = (call, next) => {
  call.onEnd(({ code, error, durationMs, sentCount, receivedCount }) => {
    const { name } = call.method;
    console.log(
      call.side,
      name,
      error?.message ?? code,
      `${durationMs.toFixed(1)} ms, ${receivedCount} in, ${sentCount} out`,
    );
  });
  return next(call);
};

// #endregion

// #region authorization
import { createContextKey } from "rsocket-rpc/node";

const user = createContextKey<string | undefined>("user", undefined);
const users = new Map([
  ["secret", "ann"],
  ["guest", "bob"],
]);

const authorize: Interceptor = (call, next) => {
  if (call.side === "client") return next(call); // a call that this server makes
  const [scheme, token] = call.headers.get("authorization")?.split(" ") ?? [];
  if (scheme === "Bearer") call.values.set(user, users.get(token ?? "")); // for this call instead of the connection's user
  const name = call.values.get(user);
  if (name === undefined) throw new RpcError(Code.Unauthenticated, "who are you?");
  if (call.method.name === "Add" && name !== "ann") throw new RpcError(Code.PermissionDenied, `${name} may only read`);
  return next(call);
};
// #endregion

// #region server
const server = await serve("tcp://127.0.0.1:0", {
  interceptors: [log, authorize],
  accept(setup) {
    setup.values.set(user, users.get(setup.bearerToken ?? "")); // all calls of this connection begin with it
  },
  services: [
    implementNotes({
      read({ name }, { headers, rawMetadata, responseHeaders, responseTrailers, values }) {
        if (failures-- > 0) throw new RpcError(Code.Unavailable, "the disk is busy");
        responseHeaders.set("x-language", headers.get("x-language") ?? "en");
        responseTrailers.set("x-digest-bin", Uint8Array.of(0xca, 0xfe));
        if (rawMetadata.length > 0) console.log("raw:", new TextDecoder().decode(rawMetadata));
        return { name, text: `a note of ${values.get(user)}` };
      },
      add({ name }) {
        if (name === "") throw new RpcError(Code.InvalidArgument, "no name");
        return {};
      },
    }),
  ],
});
// #endregion

const [url = ""] = server.urls;
// #region client
const connection = await connect(url, { bearerToken: "secret" });
const notes = createNotesClient(connection);

const note = await notes.read(
  { name: "a" },
  {
    headers: { "x-language": "de" },
    onHeaders: (headers) => console.log("language", headers.get("x-language")), // before the first message
    onTrailers: (trailers) => console.log("digest", trailers.getBinary("x-digest-bin")), // behind the last one
  },
);
console.log(note.text);
// #endregion

// #region refused
try {
  await notes.add({ name: "b" }, { headers: { authorization: "Bearer guest" } });
} catch (error) {
  console.log(RpcError.from(error).message); // [permission_denied] bob may only read
}
// #endregion

// #region every-call
const authorized: Interceptor = async (call, next) => {
  call.headers.set("authorization", `Bearer ${await Promise.resolve("secret")}`); // from wherever tokens come
  return await next(call);
};
const anonymous = await connect(url, { interceptors: [authorized] });
console.log((await createNotesClient(anonymous).read({ name: "c" })).text);
// #endregion

failures = 2;

// #region retry
import { retry } from "rsocket-rpc/node";

const persistent = await connect(url, { bearerToken: "secret", interceptors: [retry({ maxAttempts: 3 })] });
const found = await createNotesClient(persistent).read({ name: "d" }, { timeoutMs: 2_000 });
console.log(found.name);
// #endregion

// #region retry-when
let token = "of yesterday";
const renewing: Interceptor = (call, next) => {
  call.headers.set("authorization", `Bearer ${token}`);
  call.retryWhen(({ error, attempt }) => {
    if (error.code !== Code.Unauthenticated || attempt > 1) return undefined;
    token = "secret"; // from wherever tokens come
    return 0; // once more, at once
  });
  return next(call);
};
const renewed = await connect(url, { interceptors: [renewing] });
console.log((await createNotesClient(renewed).read({ name: "f" })).text);
// #endregion

// #region raw
await notes.read({ name: "e" }, { rawMetadata: new TextEncoder().encode("as it is") });
// #endregion

await Promise.all([connection, anonymous, persistent, renewed].map((open) => open.close()));
await server.close();
