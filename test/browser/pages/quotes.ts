// SPDX-License-Identifier: Apache-2.0
// The service that pages, workers and frames of the tests serve, and what callers do with it, wherever it runs.

import { Code, type Connection, errorDetail, RpcError } from "rsocket-rpc/web";
import { LineSchema } from "../../../examples/hello/gen/ticker_pb.js";
import {
  createAlertsClient,
  createTickerClient,
  type TickerHandler,
} from "../../../examples/hello/gen/ticker_rsocket.js";

/** What a caller saw. */
export type Findings = Readonly<Record<string, unknown>>;

/** Something both sides of a test wait for. */
export class Gate {
  readonly passed: Promise<void>;
  open: () => void = () => {};

  constructor() {
    this.passed = new Promise((resolve) => {
      this.open = resolve;
    });
  }
}

/** What a handler has seen. */
export class Log {
  made = 0;
  taken = 0;
  watchers = 0;
  readonly lines: string[] = [];
}

/** A handler that keeps a log; an upload by `slow` takes three quotes and then waits for the line `go`. */
export function tickerHandler(log: Log): TickerHandler {
  const go = new Gate();
  return {
    async last({ name }, { headers, responseHeaders, responseTrailers, signal }) {
      if (name === "NONE") {
        const details = [errorDetail(LineSchema, { text: "try ACME" })];
        throw new RpcError(Code.NotFound, `no symbol ${name}`, { details });
      }
      if (name === "NEVER") {
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
        log.lines.push("gave up");
      }
      if (name === "MADE") return { price: log.made };
      responseHeaders.set("x-answers", headers.get("x-asks") ?? "nothing");
      responseTrailers.set("x-source", "exchange");
      return { symbol: name, price: 42 };
    },
    async *watch({ name }) {
      log.watchers++;
      log.made = 0;
      try {
        for (let price = 0; ; price++) {
          log.made++;
          yield { symbol: name, price };
        }
      } finally {
        log.watchers--;
      }
    },
    async upload(quotes) {
      let count = 0;
      for await (const { symbol } of quotes) {
        log.taken++;
        if (symbol === "slow" && ++count === 3) await go.passed;
        else if (symbol !== "slow") count++;
      }
      return { count };
    },
    async *chat(lines, { connection }) {
      for await (const { text } of lines) yield { text: text.toUpperCase() };
      await createAlertsClient(connection).notify({ text: "the chat is over" });
    },
    log({ text }) {
      log.lines.push(text);
      if (text === "go") go.open();
    },
  };
}

/** Every shape once; `alerts` are lines that came from the other side's calls. */
export async function callEveryShape(connection: Connection, alerts: readonly string[]): Promise<Findings> {
  const ticker = createTickerClient(connection);
  const seen: Record<string, unknown> = {};
  const last = await ticker.last(
    { name: "ACME" },
    {
      headers: { "x-asks": "ann" },
      onHeaders: (headers) => {
        seen["header"] = headers.get("x-answers");
      },
      onTrailers: (trailers) => {
        seen["trailer"] = trailers.get("x-source");
      },
    },
  );
  seen["unary"] = [last.symbol, last.price];
  const prices: number[] = [];
  for await (const { price } of ticker.watch({ name: "ACME" })) if (prices.push(price) === 1_000) break;
  seen["server stream"] = [prices.length, prices.every((price, index) => price === index)];
  const quotes = Array.from({ length: 1_000 }, (_, price) => ({ symbol: "A", price }));
  seen["client stream"] = (await ticker.upload(quotes)).count;
  const answers: string[] = [];
  async function* lines() {
    yield { text: "hello" };
    while (answers.length < 1) await ticker.last({ name: "ACME" });
    yield { text: "again" };
  }
  for await (const { text } of ticker.chat(lines())) answers.push(text);
  seen["bidi"] = answers;
  await ticker.log({ text: "a line" });
  await ticker.last({ name: "ACME" }); // answered behind it
  seen["called back"] = [...alerts];
  seen["error"] = await ticker.last({ name: "NONE" }).catch((error: unknown) => {
    if (!RpcError.is(error)) return error;
    return [error.code, error.rawMessage, error.details.length];
  });
  seen["deadline"] = await codeOf(ticker.last({ name: "NEVER" }, { timeoutMs: 50 }));
  return seen;
}

/** A text of `length` there and back. */
export async function callWithText(connection: Connection, length: number): Promise<boolean> {
  const name = "0123456789abcdef".repeat(length / 16);
  return (await createTickerClient(connection).last({ name })).symbol === name;
}

/** Takes five items, then a thousand more, and lets the rest lie; returns how many were made ahead, twice each time. */
export async function consumeSlowly(connection: Connection): Promise<readonly number[]> {
  const ticker = createTickerClient(connection);
  const figures: number[] = [];
  let taken = 0;
  for await (const { price } of ticker.watch({ name: "ACME" })) {
    if (price !== taken) throw new Error(`${price} came, expected ${taken}`);
    taken++;
    if (taken !== 5 && taken !== 1_005) continue;
    for (let i = 0; i < 2; i++) {
      await trips(connection, 30);
      figures.push((await ticker.last({ name: "MADE" })).price - taken);
    }
    if (taken > 5) break;
  }
  return figures;
}

/** Gives as many quotes as are asked for to a handler that takes three and waits; returns how many it was asked for. */
export async function produceForSlow(connection: Connection): Promise<Findings> {
  const ticker = createTickerClient(connection);
  let made = 0;
  function* quotes() {
    while (made < 2_000) {
      made++;
      yield { symbol: "slow", price: made };
    }
  }
  const uploading = ticker.upload(quotes());
  const figures: number[] = [];
  for (let i = 0; i < 2; i++) {
    await trips(connection, 30);
    figures.push(made);
  }
  await ticker.log({ text: "go" });
  await uploading;
  return { figures, made };
}

/** The code that a call ends with. */
export async function codeOf(call: Promise<unknown>): Promise<unknown> {
  return await call.then(
    () => "none",
    (error: unknown) => (RpcError.is(error) ? error.code : String(error)),
  );
}

// There and back, so that whatever was on the way has come.
async function trips(connection: Connection, count: number): Promise<void> {
  for (let i = 0; i < count; i++) await createTickerClient(connection).last({ name: "ACME" });
}
