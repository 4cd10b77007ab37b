// SPDX-License-Identifier: Apache-2.0
// The code of docs/guide/3-errors.md.

// #region throw
import { Code, connect, errorDetail, findDetails, RpcError, serve } from "rsocket-rpc/node";
import { LineSchema as LineDetail } from "./gen/ticker_pb.js";
import { createTickerClient, implementTicker, unimplementedTicker } from "./gen/ticker_rsocket.js";

const server = await serve("tcp://127.0.0.1:0", {
  services: [
    implementTicker({
      ...unimplementedTicker,
      last({ name }) {
        if (name === "") throw new TypeError("a bug: details of it stay here");
        throw new RpcError(Code.NotFound, `no symbol ${name}`, {
          details: [errorDetail(LineDetail, { text: "try ACME" })],
        });
      },
      async upload(quotes, { signal }) {
        signal.addEventListener("abort", () => console.log("upload was given up"));
        let count = 0;
        for await (const _ of quotes) count++;
        return { count };
      },
      async *watch({ name }, { signal }) {
        while (!signal.aborted) {
          yield { symbol: name };
          await new Promise((resolve) => setTimeout(resolve, 10));
        }
      },
    }),
  ],
  observer: { onHandlerError: (error, method) => console.log("server log:", method.name, String(error)) },
});
// #endregion
const connection = await connect(server.urls[0] ?? "");
const ticker = createTickerClient(connection);

// #region catch
try {
  await ticker.last({ name: "NONE" });
} catch (error) {
  if (!RpcError.is(error, Code.NotFound)) throw error;
  console.log(error.rawMessage); // no symbol NONE
  console.log(findDetails(error, LineDetail)[0]?.text); // try ACME
}
// #endregion

// #region masked
try {
  await ticker.last({ name: "" });
} catch (error) {
  console.log(RpcError.from(error).message); // [internal] internal error
}
// #endregion

// #region deadline
async function* slowly() {
  yield { symbol: "A" };
  await new Promise((resolve) => setTimeout(resolve, 200));
  yield { symbol: "B" };
}
try {
  await ticker.upload(slowly(), { timeoutMs: 50 });
} catch (error) {
  console.log(RpcError.from(error).message); // [deadline_exceeded] deadline exceeded after 50 ms
}
// #endregion

// #region cancel
const controller = new AbortController();
setTimeout(() => controller.abort(), 30);
try {
  for await (const _ of ticker.watch({ name: "ACME" }, { signal: controller.signal }));
} catch (error) {
  console.log(RpcError.is(error, Code.Cancelled)); // true
}
// #endregion

// #region lost
await server.close();
const { initiator, reason } = await connection.closed;
console.log("closed:", initiator, reason); // closed: remote CONNECTION_CLOSE (0x102): server is draining
try {
  await ticker.last({ name: "ACME" });
} catch (error) {
  console.log(RpcError.is(error, Code.Unavailable) && error.retryable); // true
}
// #endregion
