// SPDX-License-Identifier: Apache-2.0
// The code of docs/guide/11-testing.md.

// #region handler
import assert from "node:assert/strict";
import { Code, RpcError } from "rsocket-rpc/node";
import { inProcessChannel } from "rsocket-rpc/testing";
import { createTickerClient, implementTicker, unimplementedTicker } from "./gen/ticker_rsocket.js";

const channel = await inProcessChannel([
  implementTicker({ ...unimplementedTicker, last: ({ name }) => ({ symbol: name, price: 42 }) }),
]);
const ticker = createTickerClient(channel);

assert.equal((await ticker.last({ name: "ACME" })).price, 42);
await assert.rejects(ticker.upload([]), (error) => RpcError.is(error, Code.Unimplemented));
await channel.close();
// #endregion
console.log("handler: ok");

// #region options
const faults: unknown[] = [];
const guarded = await inProcessChannel(
  [
    implementTicker({
      ...unimplementedTicker,
      last() {
        throw new TypeError("a bug");
      },
    }),
  ],
  {
    serve: {
      accept({ bearerToken }) {
        if (bearerToken !== "secret") throw new RpcError(Code.Unauthenticated, "unknown token");
      },
      observer: { onHandlerError: (error) => faults.push(error) },
    },
    connect: { bearerToken: "secret" },
  },
);
await assert.rejects(createTickerClient(guarded).last({}), (error) => RpcError.is(error, Code.Internal));
assert.deepEqual(faults.map(String), ["TypeError: a bug"]);
await guarded.close();
// #endregion
console.log("options: ok");

// #region time
import { VirtualScheduler } from "rsocket-rpc/testing";

const scheduler = new VirtualScheduler();
const slow = await scheduler.run(
  inProcessChannel([implementTicker({ ...unimplementedTicker, last: () => new Promise(() => {}) })], {
    serve: { scheduler },
  }),
);
const failure = createTickerClient(slow)
  .last({}, { timeoutMs: 600_000 })
  .catch((error: unknown) => error);
await scheduler.advance(600_004); // ten minutes pass in no time; deadlines are up to 4 ms late
assert.ok(RpcError.is(await scheduler.run(failure), Code.DeadlineExceeded));

const closing = slow.close();
await scheduler.run(closing);
assert.equal(scheduler.timerCount, 0); // nothing is left behind
// #endregion
console.log("time: ok");

// #region script
import { connectWith } from "rsocket-rpc/node";
import { scriptedPeer } from "rsocket-rpc/testing";

const [link, peer] = scriptedPeer(scheduler);
const connection = await scheduler.run(
  connectWith({ dial: () => Promise.resolve(link) }, { scheduler, confirm: false }),
);
const answer = createTickerClient(connection).last({ name: "ACME" });
await scheduler.settle();
console.log(peer.describe()); // a line for each frame that came

// PAYLOAD[N C] on stream 1, and the Quote { symbol: "A" }
peer.send("00000001 2860 0a0141");
assert.equal((await scheduler.run(answer)).symbol, "A");

const lost = createTickerClient(connection)
  .last({ name: "ACME" })
  .catch((error: unknown) => error);
await scheduler.settle();
peer.abort();
assert.ok(RpcError.is(await scheduler.run(lost), Code.Unavailable));
// #endregion
console.log("script: ok");
