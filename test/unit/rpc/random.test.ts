// SPDX-License-Identifier: Apache-2.0
// Random calls of all shapes in both directions, with random handlers, sources, consumers and ends, in virtual time:
// every call ends once on each side, with an RpcError or the right items, and nothing is left.

import { expect } from "chai";
import { type CallEnd, type CallOptions, Code, type Connection, type Interceptor, RpcError } from "rsocket-rpc";
import {
  createTickerClient,
  implementTicker,
  type TickerClient,
  type TickerHandler,
} from "../../../examples/hello/gen/ticker_rsocket.js";
import { Random } from "../../support/rng.js";
import { leavesNoTrace, RpcWorld } from "../../support/rpc-world.js";

const ROUNDS = 60;
const CALLS = 40;
const LONG_TEXT = 3_000;

type Shape = "last" | "watch" | "upload" | "chat" | "log";
const SHAPES: readonly Shape[] = ["last", "watch", "upload", "chat", "log"];

/** How often each thing happened, over all rounds. */
const reached = new Map<string, number>();
const count = (what: string): void => void reached.set(what, (reached.get(what) ?? 0) + 1);

class Round {
  readonly random: Random;
  readonly world: RpcWorld = new RpcWorld();
  readonly #ends = new Map<string, CallEnd[]>();
  /** How often each source that was opened has ended. */
  readonly #sourceEnds: { ends: number }[] = [];

  constructor(seed: number) {
    this.random = new Random(seed);
  }

  async run(): Promise<void> {
    const { random, world } = this;
    const fragmentBytes = random.pick([64, 200, 65_536]);
    const services = [implementTicker(this.#handler())];
    const interceptors = [this.#record];
    const limits = { producerPauseBytes: random.pick([2_000, 1_048_576]) };
    let ofServer: Connection | undefined;
    const server = await world.serve({
      services,
      interceptors,
      fragmentBytes,
      limits,
      observer: {},
      accept: (_setup, connection) => void (ofServer = connection),
    });
    const ofClient = await world.connect(server, {
      services,
      interceptors,
      fragmentBytes,
      limits,
      observer: {},
      hello: !random.oneIn(4),
    });
    const clients = [createTickerClient(ofClient), createTickerClient(ofServer as unknown as Connection)];
    const calls: Promise<void>[] = [];
    for (let i = 0; i < CALLS; i++) {
      calls.push(this.#call(random.pick(clients), String(i)));
      if (random.oneIn(3)) await world.scheduler.advance(random.below(4));
    }
    if (random.oneIn(6)) {
      count("lost link");
      world.lose(random.pick([ofClient, ofServer as unknown as Connection]));
    } else if (random.oneIn(4)) {
      count("close with grace");
      void random.pick([ofClient, ofServer as unknown as Connection]).close({ graceMs: random.below(30) });
    }
    await world.scheduler.advance(500);
    await world.run(Promise.all(calls));
    await world.scheduler.settle();
    this.#expectEnds();
  }

  // ── handlers ──────────────────────────────────────────────────────────────────────────────────────────────────────

  #handler(): TickerHandler {
    const { random } = this;
    const text = (): string => (random.oneIn(6) ? "x".repeat(random.between(100, LONG_TEXT)) : "x");
    return {
      last: async () => {
        await this.#pause();
        this.#maybeThrow();
        return { symbol: text() };
      },
      watch: ({ name }) => this.#items(Number(name), (price) => ({ price, symbol: text() })),
      upload: async (quotes) => {
        let seen = 0;
        const stopsAt = random.oneIn(3) ? random.below(5) : Number.POSITIVE_INFINITY;
        if (stopsAt > 0) {
          for await (const _quote of quotes) {
            if (++seen >= stopsAt) break;
            await this.#pause();
          }
        }
        this.#maybeThrow();
        return { count: seen };
      },
      chat: (lines) => this.#echo(lines, text),
      log: async () => {
        await this.#pause();
        this.#maybeThrow();
      },
    };
  }

  async *#echo(lines: AsyncIterable<{ text: string }>, text: () => string): AsyncGenerator<{ text: string }> {
    const { random } = this;
    const readsFirst = random.oneIn(2);
    if (!readsFirst) yield { text: text() };
    for await (const _line of lines) {
      await this.#pause();
      this.#maybeThrow();
      yield { text: text() };
      if (random.oneIn(20)) return;
    }
    if (random.oneIn(2)) yield { text: text() };
  }

  #items<T>(total: number, make: (index: number) => T): Iterable<T> | AsyncIterable<T> {
    const { random } = this;
    const fails = (): void => this.#maybeThrow();
    const pause = (): Promise<void> => this.#pause();
    if (random.oneIn(3)) return Array.from({ length: total }, (_, i) => make(i));
    if (random.oneIn(2)) {
      return (function* () {
        for (let i = 0; i < total; i++) {
          fails();
          yield make(i);
        }
      })();
    }
    return (async function* () {
      for (let i = 0; i < total; i++) {
        await pause();
        fails();
        yield make(i);
      }
    })();
  }

  async #pause(): Promise<void> {
    const { random, world } = this;
    if (!random.oneIn(4)) return;
    await new Promise<void>((resolve) => void world.scheduler.setTimer(random.below(20), resolve));
  }

  #maybeThrow(): void {
    if (!this.random.oneIn(25)) return;
    if (this.random.oneIn(2)) throw new RpcError(Code.NotFound, "not found");
    throw new Error("unexpected");
  }

  // ── callers ───────────────────────────────────────────────────────────────────────────────────────────────────────

  async #call(ticker: TickerClient, name: string): Promise<void> {
    const { random } = this;
    const shape = random.pick(SHAPES);
    const controller = new AbortController();
    const options: CallOptions = {
      headers: { "x-name": name },
      ...(random.oneIn(3) ? { signal: this.world.signalOf(controller) } : {}),
      ...(random.oneIn(4) ? { timeoutMs: random.between(1, 60) } : {}),
      ...(random.oneIn(3) ? { prefetch: random.between(1, 40) } : {}),
    };
    if (options.signal !== undefined) this.world.scheduler.setTimer(random.below(60), () => controller.abort());
    try {
      await this.#make(shape, ticker, options);
      count(`${shape} succeeded`);
    } catch (error) {
      if (!RpcError.is(error)) throw error;
      count(`${shape} failed`);
      count(`code ${error.code}`);
    }
  }

  async #make(shape: Shape, ticker: TickerClient, options: CallOptions): Promise<void> {
    const { random } = this;
    switch (shape) {
      case "last":
        await ticker.last({}, options);
        break;
      case "log":
        await ticker.log({ text: "x".repeat(random.below(LONG_TEXT)) }, options);
        break;
      case "upload":
        await ticker.upload(
          this.#source(() => ({ symbol: "x".repeat(random.below(200)) })),
          options,
        );
        break;
      case "watch": {
        const total = random.below(120);
        await this.#consume(
          ticker.watch({ name: String(total) }, options),
          ({ price }, index) => expect(price).to.equal(index),
          total,
        );
        break;
      }
      case "chat":
        await this.#consume(
          ticker.chat(
            this.#source(() => ({ text: "x" })),
            options,
          ),
          () => {},
          undefined,
        );
    }
  }

  async #consume<T>(
    items: AsyncIterable<T>,
    check: (item: T, index: number) => void,
    total: number | undefined,
  ): Promise<void> {
    const { random } = this;
    const leavesAt = random.oneIn(4) ? random.below(30) : Number.POSITIVE_INFINITY;
    let index = 0;
    for await (const item of items) {
      check(item, index++);
      if (index > leavesAt) {
        count("left the loop");
        return;
      }
      if (random.oneIn(10)) await this.#pause();
    }
    if (total !== undefined) expect(index).to.equal(total);
  }

  // A source that counts its ends: each must have exactly one, by exhaustion or by return.
  #source<T>(make: () => T): Iterable<T> | AsyncIterable<T> {
    const { random } = this;
    const total = random.below(30);
    const pause = (): Promise<void> => this.#pause();
    const open = (): { next(): IteratorResult<T, undefined>; return(): IteratorReturnResult<undefined> } => {
      const source = { ends: 0 };
      this.#sourceEnds.push(source);
      let index = 0;
      const end = (): IteratorReturnResult<undefined> => {
        source.ends++;
        return { done: true, value: undefined };
      };
      return { next: () => (index++ < total ? { done: false, value: make() } : end()), return: end };
    };
    if (random.oneIn(2)) return { [Symbol.iterator]: open };
    return {
      [Symbol.asyncIterator]: () => {
        const source = open();
        let isDone = false;
        return {
          next: async () => {
            await pause();
            // As a generator would: whichever of next and return comes to the end first is the end.
            const result = isDone ? { done: true as const, value: undefined } : source.next();
            isDone ||= result.done === true;
            return result;
          },
          return: async () => {
            if (isDone) return { done: true, value: undefined };
            isDone = true;
            return source.return();
          },
        };
      },
    };
  }

  // ── what came of it ───────────────────────────────────────────────────────────────────────────────────────────────

  readonly #record: Interceptor = (call, next) => {
    const name = `${call.side} ${call.headers.get("x-name")}`;
    call.onEnd((end) => this.#ends.set(name, [...(this.#ends.get(name) ?? []), end]));
    if (!this.#ends.has(name)) this.#ends.set(name, []);
    return next(call);
  };

  #expectEnds(): void {
    for (const { ends } of this.#sourceEnds) expect(ends, "ends of a source that was opened").to.equal(1);
    for (const [name, ends] of this.#ends) {
      expect(ends, name).to.have.length(1);
      count(`end of ${name.slice(0, 6)} ${ends[0]?.code === 0 ? "in order" : "by an error"}`);
    }
  }
}

describe("random calls", () => {
  afterEach(leavesNoTrace);

  it(`end once on both sides and leave nothing, ${ROUNDS} rounds of ${CALLS}`, async function () {
    this.timeout(60_000);
    const { seed } = new Random();
    const seeds = new Random(seed);
    for (let i = 0; i < ROUNDS; i++) {
      const roundSeed = seeds.uint32();
      const round = new Round(roundSeed);
      try {
        await round.run();
        await round.world.leaveNoTrace();
      } catch (error) {
        throw new Error(`round ${i} of SEED=${seed} (its own seed is ${roundSeed})`, { cause: error });
      }
    }
    // Each was reached, and what calls do, often.
    const often = SHAPES.flatMap((shape) => [`${shape} succeeded`, ...(shape === "log" ? [] : [`${shape} failed`])]);
    const ends = ["client", "server"].flatMap((side) => [`end of ${side} in order`, `end of ${side} by an error`]);
    const expectReached = (what: string, bound: number): void => {
      expect(reached.get(what) ?? 0, `${what}, SEED=${seed}`).to.be.greaterThan(bound);
    };
    for (const what of [...often, ...ends, "left the loop"]) expectReached(what, 3);
    for (const what of ["lost link", "close with grace"]) expectReached(what, 0);
  });
});
