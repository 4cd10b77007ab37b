// SPDX-License-Identifier: Apache-2.0
// What the compiler must refuse and accept in code that uses a generated file. It is compiled, never run.
import type { BoundService, CallContext, CallOptions, Channel, Method } from "rsocket-rpc/codegen";
import type { Line, Quote, Summary, Symbol as TickerSymbol } from "../gen/ticker_pb.js";
import {
  createTickerClient,
  implementTicker,
  type TickerClient,
  type TickerHandler,
  TickerLast,
  TickerName,
  unimplementedTicker,
} from "../gen/ticker_rsocket.js";

declare const channel: Channel;
declare const options: CallOptions;

const ticker: TickerClient = createTickerClient(channel);

// Requests are any subset of the fields.
const quote: Quote = await ticker.last({ name: "ACME" }, options);
await ticker.last({});
// @ts-expect-error wrong field
await ticker.last({ nmae: "ACME" });
// @ts-expect-error wrong type of a field
await ticker.last({ name: 1 });
// @ts-expect-error a request is due
await ticker.last();
// @ts-expect-error one message, not many
await ticker.last([{ name: "ACME" }]);
// @ts-expect-error not iterable
for await (const x of ticker.last({ name: "ACME" })) void x;

// A stream of answers is an AsyncIterable.
for await (const { symbol, price } of ticker.watch({ name: "ACME" }))
  void [symbol satisfies string, price satisfies number];
// @ts-expect-error not a promise
void ticker.watch({ name: "ACME" }).then;

// A stream of requests is anything one can iterate over.
const summary: Summary = await ticker.upload([{ symbol: "A", price: 1 }, {}]);
async function* lines(): AsyncGenerator<{ text: string }> {
  yield { text: "hello" };
}
for await (const { text } of ticker.chat(lines(), { signal: AbortSignal.timeout(5_000) })) void (text satisfies string);
// @ts-expect-error many messages, not one
await ticker.upload({ symbol: "A" });
// @ts-expect-error wrong field in a stream
await ticker.upload([{ smybol: "A" }]);

// Fire-and-forget answers nothing.
const nothing: void = await ticker.log({ text: "x" });

// @ts-expect-error channel required
createTickerClient();
// @ts-expect-error options are CallOptions
await ticker.last({}, { timeout: 1 });

// A handler returns values, promises, iterables and async iterables.
const handler: TickerHandler = {
  last: ({ name }: TickerSymbol, { signal }: CallContext) => ({ symbol: name, price: signal.aborted ? 0 : 1 }),
  async *watch({ name }) {
    yield { symbol: name };
  },
  async upload(quotes) {
    let count = 0;
    for await (const { price } of quotes) count += price;
    return { count };
  },
  chat: () => [{ text: "a" }, { text: "b" }],
  async log({ text }: Line) {
    void text;
  },
};
const bound: BoundService = implementTicker(handler);

// @ts-expect-error missing methods
implementTicker({ last: () => ({ price: 1 }) });
// A part is served when the rest is said to be unimplemented.
implementTicker({ ...unimplementedTicker, last: async () => ({ price: 1 }) });
// @ts-expect-error wrong field of an answer
implementTicker({ ...unimplementedTicker, last: () => ({ prcie: 1 }) });
// @ts-expect-error a stream is due
implementTicker({ ...unimplementedTicker, watch: () => ({ price: 1 }) });
// @ts-expect-error not a method of the service
implementTicker({ ...unimplementedTicker, lats: () => ({ price: 1 }) });
// @ts-expect-error nothing is answered
implementTicker({ ...unimplementedTicker, log: () => ({ text: "x" }) });

// Constants know their messages.
const name: "demo.v1.Ticker" = TickerName;
type InputOf<M> = M extends Method<infer I, infer _A, infer _B, infer _C> ? I : never;
const input: InputOf<typeof TickerLast> = {} as TickerSymbol;

export type _Used = [typeof quote, typeof summary, typeof nothing, typeof bound, typeof name, typeof input];
