// SPDX-License-Identifier: Apache-2.0
// Cuts the links of resumed connections on real sockets: `npx tsx test/resilience/cuts.ts [cuts] [seed]`, 10,000 unless
// given. Every message must arrive once and in order, in both directions, whoever sends them.

import { once } from "node:events";
import {
  type AddressInfo,
  connect as connectSocket,
  createServer,
  type Server as NetServer,
  type Socket,
} from "node:net";
import { connect, serve } from "rsocket-rpc/node";
import { createTickerClient, implementTicker, unimplementedTicker } from "../../examples/hello/gen/ticker_rsocket.js";
import { Random } from "../support/rng.js";

/** How a link ends: both halves closed in order, or reset. */
type CutKind = "FIN" | "RST";

/** What a run came to. */
export interface CutsResult {
  readonly cuts: number;
  readonly resumed: number;
  readonly kinds: Readonly<Record<string, number>>;
  readonly items: Readonly<Record<string, number>>;
  readonly recoveryMs: { readonly median: number; readonly p99: number; readonly most: number };
}

/** A TCP relay that cuts each connection after so many bytes as `cutAfter` says, wherever in a frame that is. */
class FaultProxy {
  cuts = 0;
  readonly kinds: Record<string, number> = { FIN: 0, RST: 0 };
  /** When the last link was cut, until something came from the server on the next. */
  cutAtMs: number | undefined;
  readonly recoveriesMs: number[] = [];
  readonly #target: number;
  readonly #rng: Random;
  readonly #server: NetServer;
  isCutting = true;

  constructor(target: number, rng: Random) {
    this.#target = target;
    this.#rng = rng;
    this.#server = createServer({ noDelay: true }, (client) => this.#relay(client));
  }

  async listen(): Promise<number> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    return (this.#server.address() as AddressInfo).port;
  }

  close(): void {
    this.#server.close();
  }

  #relay(client: Socket): void {
    const upstream = connectSocket({ host: "127.0.0.1", port: this.#target, noDelay: true });
    // Small numbers cut in the handshake, in headers and prefixes; large ones in the middle of work.
    let leftBytes = this.#rng.pick([3, 20, 60, 120, 500, 2_000, 10_000, 40_000]);
    leftBytes = 1 + this.#rng.below(leftBytes * 2);
    let isOver = false;
    const cut = (): void => {
      if (isOver) return;
      isOver = true;
      this.cuts++;
      this.cutAtMs ??= performance.now();
      const kind: CutKind = this.#rng.oneIn(2) ? "FIN" : "RST";
      this.kinds[kind] = (this.kinds[kind] ?? 0) + 1;
      for (const socket of [client, upstream]) {
        if (kind === "RST") socket.resetAndDestroy();
        else socket.end();
      }
    };
    const pass = (from: Socket, to: Socket, chunk: Uint8Array): void => {
      if (isOver) return;
      const taken = this.isCutting ? Math.min(chunk.length, leftBytes) : chunk.length;
      leftBytes -= taken;
      if (from === upstream && taken > 8) this.#recovered();
      if (taken > 0 && !to.write(chunk.subarray(0, taken))) {
        from.pause();
        to.once("drain", () => from.resume());
      }
      if (this.isCutting && leftBytes <= 0) cut();
    };
    client.on("data", (chunk: Uint8Array) => pass(client, upstream, chunk));
    upstream.on("data", (chunk: Uint8Array) => pass(upstream, client, chunk));
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      socket.on("error", () => other.destroy());
      socket.on("close", () => other.destroy());
      socket.on("end", () => other.end());
    }
  }

  #recovered(): void {
    if (this.cutAtMs === undefined) return;
    this.recoveriesMs.push(performance.now() - this.cutAtMs);
    this.cutAtMs = undefined;
  }
}

/** Runs until so many links were cut. @throws Error when a message is lost, repeated or out of order. */
export async function runCuts(cuts: number, seed: number): Promise<CutsResult> {
  const rng = new Random(seed);
  let resumed = 0;
  const runs = new Set<string>();
  const last = ({ name }: { name: string }): { symbol: string } => {
    if (runs.has(name)) throw new Error(`${name} runs twice`);
    runs.add(name);
    return { symbol: name };
  };
  await using server = await serve("tcp://127.0.0.1:0", {
    services: [implementTicker({ ...unimplementedTicker, last, watch, upload, chat })],
    resume: { onSession: (event) => void (event === "resumed" && resumed++) },
    limits: { maxSessionBytes: 1_048_576 },
  });
  const proxy = new FaultProxy(Number(new URL(server.urls[0] ?? "").port), rng);
  const url = `tcp://127.0.0.1:${await proxy.listen()}`;
  const items: Record<string, number> = { watch: 0, upload: 0, chat: 0, calls: 0 };
  const connection = await connectWithPatience(url);
  const ticker = createTickerClient(connection);
  const isOver = (): boolean => proxy.cuts >= cuts;
  await Promise.all([
    downwards(ticker, items, isOver),
    upwards(ticker, items, isOver),
    bothWays(ticker, items, isOver),
    calls(ticker, items, isOver),
  ]);
  proxy.isCutting = false;
  await connection.close({ graceMs: 1_000 });
  proxy.close();
  const sorted = proxy.recoveriesMs.sort((a, b) => a - b);
  const at = (part: number): number => Number((sorted[Math.floor(part * (sorted.length - 1))] ?? 0).toFixed(2));
  return {
    cuts: proxy.cuts,
    resumed,
    kinds: proxy.kinds,
    items,
    recoveryMs: { median: at(0.5), p99: at(0.99), most: at(1) },
  };
}

// The first SETUP may be cut off, too: then there is no session yet.
async function connectWithPatience(url: string): ReturnType<typeof connect> {
  for (;;) {
    try {
      // No wait between attempts, and no end of them: cuts in a row are what this is about.
      const backoff = { initialMs: 1, factor: 1, jitter: 0, maxMs: 1 };
      return await connect(url, { resume: { backoff, maxUnanswered: Number.POSITIVE_INFINITY } });
    } catch {}
  }
}

async function downwards(ticker: Ticker, items: Record<string, number>, isOver: () => boolean): Promise<void> {
  let expected = 0;
  for await (const { price } of ticker.watch({ name: "A" })) {
    expect(price, expected++, "watch");
    items.watch = expected;
    if (isOver()) break;
  }
}

async function upwards(ticker: Ticker, items: Record<string, number>, isOver: () => boolean): Promise<void> {
  let sent = 0;
  async function* quotes(): AsyncGenerator<{ price: number }> {
    while (!isOver()) {
      yield { price: sent++ };
      if (sent % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
  }
  const { count } = await ticker.upload(quotes());
  expect(count, sent, "upload");
  items.upload = sent;
}

async function bothWays(ticker: Ticker, items: Record<string, number>, isOver: () => boolean): Promise<void> {
  let sent = 0;
  let received = 0;
  const padding = "x".repeat(3_000);
  async function* lines(): AsyncGenerator<{ text: string }> {
    while (!isOver()) {
      yield { text: `${sent++} ${padding.slice(0, (sent * 37) % 3_000)}` };
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  for await (const { text } of ticker.chat(lines())) expect(Number.parseInt(text, 10), received++, "chat");
  expect(received, sent, "chat, in all");
  items.chat = received;
}

async function calls(ticker: Ticker, items: Record<string, number>, isOver: () => boolean): Promise<void> {
  for (let i = 0; !isOver(); i += 8) {
    const names = Array.from({ length: 8 }, (_, k) => `${i + k}`);
    const answers = await Promise.all(names.map((name) => ticker.last({ name })));
    for (const [k, { symbol }] of answers.entries()) expect(Number(symbol), i + k, "calls");
    items.calls = i + 8;
  }
}

async function* watch(): AsyncGenerator<{ price: number }> {
  for (let price = 0; ; price++) yield { price };
}

async function upload(quotes: AsyncIterable<{ price: number }>): Promise<{ count: number }> {
  let count = 0;
  for await (const { price } of quotes) expect(price, count++, "upload, at the server");
  return { count };
}

async function* chat(lines: AsyncIterable<{ text: string }>): AsyncGenerator<{ text: string }> {
  for await (const { text } of lines) yield { text };
}

type Ticker = ReturnType<typeof createTickerClient>;

function expect(actual: number, expected: number, what: string): void {
  if (actual !== expected) throw new Error(`${what}: got ${actual}, expected ${expected}`);
}

if (process.argv[1] === import.meta.filename) {
  const seed = Number(process.argv[3] ?? Date.now() % 1_000_000);
  console.log(`seed ${seed}`);
  console.log(JSON.stringify(await runCuts(Number(process.argv[2] ?? 10_000), seed)));
}
