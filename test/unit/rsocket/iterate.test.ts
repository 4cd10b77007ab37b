// SPDX-License-Identifier: Apache-2.0
// Where credits meet AsyncIterable: windows that grow, a pull that is a credit, a loop that gives way.

import { expect } from "chai";
import { turnBudgetOf } from "../../../runtime/src/engine/turn-budget.js";
import { ConsumerLedger, IncomingItems, OutgoingItems } from "../../../runtime/src/rsocket/iterate.js";
import type { StreamHandle } from "../../../runtime/src/rsocket/payload.js";
import { VirtualScheduler } from "../../../runtime/src/testing/virtual-scheduler.js";
import { collectGarbage } from "../../regressions/support.js";
import { TurnScheduler } from "../../support/turn-scheduler.js";

/** A stream whose `request` is written down. */
class FakeStream implements StreamHandle {
  readonly id = 1;
  readonly neverSent = false;
  readonly requests: number[] = [];
  credit = 0;
  hasRoom = true;
  cancels = 0;

  get mayProduce(): boolean {
    return this.credit > 0 && this.hasRoom;
  }

  get mayAnswer(): boolean {
    return this.mayProduce;
  }

  next(): boolean {
    this.credit--;
    return this.mayProduce;
  }

  complete(): void {}
  error(): void {}

  request(n: number): void {
    this.requests.push(n);
  }

  cancel(): void {
    this.cancels++;
  }
}

const BYTE = Uint8Array.of(7);
const bytes = (byteLength: number): Uint8Array => new Uint8Array(byteLength);

describe("incoming items", () => {
  let scheduler: VirtualScheduler;
  let stream: FakeStream;
  let abandoned: number;
  beforeEach(() => {
    scheduler = new VirtualScheduler();
    stream = new FakeStream();
    abandoned = 0;
  });

  function createItems(
    options: { prefetch?: number; firstWindow?: number; ledger?: ConsumerLedger } = {},
  ): IncomingItems<number> {
    return new IncomingItems<number>(
      {
        decode: (data) => {
          if (data.length === 3) throw new RangeError("three bytes");
          return data.length;
        },
        abandon: () => {
          abandoned++;
        },
        undecodable: (error) => new Error(`undecodable: ${(error as Error).message}`),
      },
      { budget: turnBudgetOf(scheduler), ...options },
    );
  }

  async function pull(items: IncomingItems<number>, count: number): Promise<number[]> {
    const values: number[] = [];
    for (let i = 0; i < count; i++) {
      const { value } = await scheduler.run(items.next());
      values.push(value as number);
    }
    return values;
  }

  /** Feeds and consumes until `total` items went through; the peer sends what was asked for. */
  async function consume(items: IncomingItems<number>, total: number, byteLength = 1): Promise<void> {
    let granted = items.initialN;
    let seen = 0;
    let taken = 0;
    for (let consumed = 0; consumed < total; consumed++) {
      for (; seen < stream.requests.length; seen++) granted += stream.requests[seen] ?? 0;
      while (taken < granted) {
        items.receive(bytes(byteLength), undefined);
        taken++;
      }
      await pull(items, 1);
    }
  }

  describe("credit", () => {
    it("is 32 at first, and grows to 256 by doubling while half of it is used", async () => {
      const items = createItems();
      expect(items.initialN).to.equal(32);
      items.attach(stream, items.initialN);
      await consume(items, 600);
      // At half: 32 → 64 → 128 → 256, each time up to the whole window.
      expect(stream.requests.slice(0, 3)).to.deep.equal([16 + 32, 32 + 64, 64 + 128]);
      expect(stream.requests.slice(3).every((n) => n === 128)).to.equal(true);
    });

    it("costs one REQUEST_N for 128 items once the window has grown", async () => {
      const items = createItems();
      items.attach(stream, items.initialN);
      await consume(items, 10_000);
      expect(stream.requests.length).to.be.lessThan(10_000 / 128 + 5);
    });

    it("doesn't grow while the items at hand are above a quarter of 1 MiB", async () => {
      const items = createItems();
      items.attach(stream, items.initialN);
      // 16 items of 20 KB at hand are 320 KB.
      await consume(items, 200, 20_000);
      expect(stream.requests.every((n) => n === 16)).to.equal(true);
    });

    it("isn't asked for while more than 1 MiB waits, until the consumer has nothing left", async () => {
      const items = createItems();
      items.attach(stream, items.initialN);
      for (let i = 0; i < 32; i++) items.receive(bytes(400_000), undefined);
      await pull(items, 29);
      // 3 items, 1.2 MB, still wait.
      expect(stream.requests).to.deep.equal([]);
      await pull(items, 1);
      // Of items as large as these four are asked for in any case.
      expect(stream.requests).to.deep.equal([2]);
    });

    it("is for so many large items as fit 1 MiB", async () => {
      const items = createItems();
      items.attach(stream, items.initialN);
      await consume(items, 200, 100_000);
      // Of the first 32 so many wait until 5 are left; then always half of 10.
      expect(new Set(stream.requests)).to.deep.equal(new Set([5]));
    });

    it("is for many again when one item was large", async () => {
      const items = createItems();
      items.attach(stream, items.initialN);
      await consume(items, 40, 1_000_000);
      // Never above 1 MiB at hand, which one of them nearly is.
      expect(stream.requests.at(-1)).to.equal(3);
      await consume(items, 2_000);
      expect(stream.requests.at(-1)).to.equal(128);
    });

    it("is fixed when the user says how much", async () => {
      const items = createItems({ prefetch: 10 });
      expect(items.initialN).to.equal(10);
      items.attach(stream, items.initialN);
      await consume(items, 100);
      expect(new Set(stream.requests)).to.deep.equal(new Set([5]));
    });

    it("of 1 is one item at a time", async () => {
      const items = createItems({ prefetch: 1 });
      items.attach(stream, items.initialN);
      await consume(items, 5);
      expect(stream.requests).to.deep.equal([1, 1, 1, 1, 1]);
    });

    it("of a responder's first window is what is left of it", () => {
      const items = createItems({ firstWindow: 4 });
      items.attach(stream, 0);
      items.receive(BYTE, undefined);
      items.requestWindow();
      expect(stream.requests).to.deep.equal([3]);
    });

    it("isn't asked for behind the end", async () => {
      const items = createItems({ prefetch: 2 });
      items.attach(stream, 2);
      items.receive(BYTE, undefined);
      items.receive(BYTE, undefined);
      items.end();
      expect(await pull(items, 3)).to.deep.equal([1, 1, undefined]);
      expect(stream.requests).to.deep.equal([]);
    });
  });

  describe("that wait on all streams of a connection", () => {
    it("above the limit let a stream ask for one item, when its consumer has nothing left", async () => {
      const ledger = new ConsumerLedger(1_000);
      const hoarding = createItems({ ledger });
      hoarding.attach(stream, 32);
      hoarding.receive(bytes(2_000), undefined);
      expect(ledger.isFull).to.equal(true);

      const items = createItems({ ledger, prefetch: 4 });
      const other = new FakeStream();
      items.attach(other, 4);
      for (let i = 0; i < 4; i++) items.receive(BYTE, undefined);
      await pull(items, 3);
      expect(other.requests).to.deep.equal([]);
      await pull(items, 1);
      expect(other.requests).to.deep.equal([1]);
      // The hoard is consumed: the window is whole again.
      await pull(hoarding, 1);
      items.receive(BYTE, undefined);
      await pull(items, 1);
      expect(other.requests.reduce((sum, n) => sum + n, 0)).to.equal(1 + 4);
    });

    it("above what may wait at most end the stream whose item is too much, and what it held is let go", async () => {
      const ledger = new ConsumerLedger(50, 100);
      const other = createItems({ ledger });
      other.attach(new FakeStream(), 32);
      other.receive(bytes(40), undefined);
      const items = createItems({ ledger });
      items.attach(stream, 32);
      items.receive(bytes(40), bytes(10));
      items.receive(bytes(11), undefined);
      expect(ledger.bytes).to.equal(40);
      expect(abandoned).to.equal(1);
      const { message } = (await scheduler.run(items.next().catch((error: unknown) => error))) as Error;
      expect(message).to.equal(
        "messages of 101 bytes wait for their consumers on this connection, expected at most 100",
      );
      expect(await pull(items, 1)).to.deep.equal([undefined]);
      items.receive(bytes(1), undefined);
      expect(await pull(other, 1)).to.deep.equal([40]);
      expect(ledger.bytes).to.equal(0);
    });

    it("count no more when their stream has ended and its iterator was dropped", async () => {
      const ledger = new ConsumerLedger(1_000);
      (() => {
        for (let i = 0; i < 10; i++) {
          const items = createItems({ ledger });
          items.attach(stream, 32);
          items.receive(bytes(5_000), undefined);
          items.receive(bytes(5_000), undefined);
          void items.next();
          if (i % 2 === 0) items.end();
          else items.fail(new Error("no"));
          // Those that are left are off the ledger already, once.
          if (i === 9) void items.return();
        }
      })();
      expect(ledger.bytes).to.equal(9 * 5_000);
      // The platform tells when it likes.
      for (let i = 0; i < 50 && ledger.bytes > 0; i++) await collectGarbage();
      expect(ledger.bytes).to.equal(0);
    });

    it("may be as many as are asked for, whatever the most is", () => {
      expect(new ConsumerLedger(1_000, 10).maxWaitingBytes).to.equal(1_000);
    });

    it("are handed over however large they are when their consumer waits", async () => {
      const items = createItems({ ledger: new ConsumerLedger(50, 100) });
      items.attach(stream, 32);
      const pulled = items.next();
      items.receive(bytes(1_000), undefined);
      expect((await scheduler.run(pulled)).value).to.equal(1_000);
    });

    it("count until they are consumed, left or discarded", async () => {
      const ledger = new ConsumerLedger(1_000);
      for (const finish of [
        async (items: IncomingItems<number>) => void (await pull(items, 2)),
        async (items: IncomingItems<number>) => void (await items.return()),
        async (items: IncomingItems<number>) => items.discard(),
      ]) {
        const items = createItems({ ledger });
        items.attach(stream, 32);
        items.receive(bytes(10), undefined);
        items.receive(bytes(20), undefined);
        expect(ledger.bytes).to.equal(30);
        await finish(items);
        expect(ledger.bytes).to.equal(0);
      }
    });
  });

  describe("the end", () => {
    it("comes behind the items at hand", async () => {
      const items = createItems();
      items.attach(stream, 32);
      items.receive(bytes(1), undefined);
      items.receive(bytes(2), undefined);
      items.end();
      expect(await pull(items, 4)).to.deep.equal([1, 2, undefined, undefined]);
      expect(abandoned).to.equal(0);
    });

    it("by an error comes behind them too, once", async () => {
      const items = createItems();
      items.attach(stream, 32);
      items.receive(bytes(1), undefined);
      items.fail(new Error("no"));
      expect(await pull(items, 1)).to.deep.equal([1]);
      await items.next().then(
        () => expect.fail("no error"),
        (error: Error) => expect(error.message).to.equal("no"),
      );
      expect(await pull(items, 1)).to.deep.equal([undefined]);
    });

    it("by leaving abandons once, and drops what is at hand and what still comes", async () => {
      const items = createItems();
      items.attach(stream, 32);
      items.receive(BYTE, undefined);
      await items.return();
      await items.return();
      items.receive(BYTE, undefined);
      items.end();
      expect(abandoned).to.equal(1);
      expect(await pull(items, 1)).to.deep.equal([undefined]);
    });

    it("by leaving behind the end abandons nothing", async () => {
      const items = createItems();
      items.attach(stream, 32);
      items.receive(BYTE, undefined);
      items.end();
      await items.return();
      expect(abandoned).to.equal(0);
    });

    it("by throw leaves, and throws", async () => {
      const items = createItems();
      items.attach(stream, 32);
      const reason = new Error("thrown");
      await items.throw(reason).then(
        () => expect.fail("no error"),
        (error: unknown) => expect(error).to.equal(reason),
      );
      expect(abandoned).to.equal(1);
    });

    it("by an item that can't be decoded fails the pull, and leaves", async () => {
      for (const early of [true, false]) {
        const items = createItems();
        items.attach(stream, 32);
        const waiting = early ? items.next() : undefined;
        items.receive(bytes(3), undefined);
        const error = await (waiting ?? items.next()).then(
          () => undefined,
          (thrown: unknown) => thrown as Error,
        );
        expect(error?.message).to.equal("undecodable: three bytes");
        expect(await pull(items, 1)).to.deep.equal([undefined]);
      }
      expect(abandoned).to.equal(2);
    });

    it("of waiting pulls: the first hears the error, the others that there is no more", async () => {
      const items = createItems();
      items.attach(stream, 32);
      const pulls = Promise.allSettled([items.next(), items.next(), items.next()]);
      items.fail(new Error("no"));
      expect((await pulls).map(({ status }) => status)).to.deep.equal(["rejected", "fulfilled", "fulfilled"]);
    });
  });

  it("can be iterated once", () => {
    const items = createItems();
    items[Symbol.asyncIterator]();
    expect(() => items[Symbol.asyncIterator]()).to.throw(TypeError, "can be iterated once");
  });

  it("give way to the event loop after 256 pulls in a turn", async () => {
    const turns = new TurnScheduler();
    scheduler = turns;
    const items = createItems({ prefetch: 1_000 });
    items.attach(stream, 1_000);
    for (let i = 0; i < 1_000; i++) items.receive(BYTE, undefined);
    let consumed = 0;
    void (async () => {
      for await (const _item of items) consumed++;
    })();
    const seen: number[] = [];
    for (let i = 0; i < 4; i++) {
      await turns.turn();
      seen.push(consumed);
    }
    // One was pulled before the first turn.
    expect(seen).to.deep.equal([1 + 256, 1 + 512, 1 + 768, 1_000]);
  });
});

describe("outgoing items", () => {
  let scheduler: VirtualScheduler;
  let stream: FakeStream;
  let log: string[];
  beforeEach(() => {
    scheduler = new VirtualScheduler();
    stream = new FakeStream();
    log = [];
  });

  function createItems(source: Iterable<number> | AsyncIterable<number>, looksAhead = false): OutgoingItems<number> {
    return new OutgoingItems<number>(
      {
        encode: (value) => {
          if (value < 0) throw new RangeError(`${value} can't be encoded`);
          return bytes(value);
        },
        send: (data) => {
          log.push(`send ${data.length}`);
          return stream.next();
        },
        complete: () => log.push("complete"),
        fail: (error) => log.push(`fail ${(error as Error).message}`),
        onCleanupError: (error) => log.push(`cleanup ${(error as Error).message}`),
        onFinished: () => log.push("finished"),
        looksAhead: () => looksAhead,
      },
      source,
      stream,
      turnBudgetOf(scheduler),
    );
  }

  async function run(items: OutgoingItems<number>, credit: number): Promise<void> {
    stream.credit += credit;
    items.run();
    await scheduler.settle();
  }

  const sources: Readonly<Record<string, (...values: number[]) => Iterable<number> | AsyncIterable<number>>> = {
    array: (...values) => values,
    generator: function* (...values) {
      yield* values;
    },
    "async generator": async function* (...values) {
      yield* values;
    },
  };

  for (const [name, create] of Object.entries(sources)) {
    it(`are pulled under credit only (${name})`, async () => {
      const items = createItems(create(1, 2, 3));
      await run(items, 0);
      expect(log).to.deep.equal([]);
      await run(items, 2);
      expect(log).to.deep.equal(["send 1", "send 2"]);
      await run(items, 5);
      expect(log.slice(2)).to.deep.equal(["send 3", "complete", "finished"]);
    });

    it(`are looked at one ahead at the end of the credit, when asked to (${name})`, async () => {
      const items = createItems(create(1, 2), true);
      await run(items, 1);
      expect(log).to.deep.equal(["send 1"]);
      await run(items, 1);
      // The third pull, without credit, told that none follows.
      expect(log.slice(1)).to.deep.equal(["send 2", "complete", "finished"]);
    });

    it(`aren't looked at for who has asked for none, whoever looks ahead (${name})`, async () => {
      const items = createItems(create(1), true);
      await run(items, 0);
      expect(log).to.deep.equal([]);
      await run(items, 1);
      expect(log).to.deep.equal(["send 1", "complete", "finished"]);
    });
  }

  it("wait for room in the queue", async () => {
    stream.hasRoom = false;
    const items = createItems([1, 2]);
    await run(items, 10);
    expect(log).to.deep.equal([]);
    stream.hasRoom = true;
    await run(items, 0);
    expect(log).to.deep.equal(["send 1", "send 2", "complete", "finished"]);
  });

  it("are pulled by one at a time, though run is called again and again", async () => {
    let pulls = 0;
    let inFlight = 0;
    let most = 0;
    const source: AsyncIterable<number> = {
      [Symbol.asyncIterator]: () => ({
        next: async () => {
          most = Math.max(most, ++inFlight);
          await Promise.resolve();
          inFlight--;
          return pulls++ < 10 ? { done: false, value: 1 } : { done: true, value: undefined };
        },
      }),
    };
    const items = createItems(source);
    stream.credit = 20;
    for (let i = 0; i < 5; i++) items.run();
    await scheduler.settle();
    for (let i = 0; i < 5; i++) items.run();
    expect(most).to.equal(1);
    expect(log.filter((entry) => entry === "send 1")).to.have.length(10);
  });

  it("that are stopped have their source closed once, by return", async () => {
    let returns = 0;
    const items = createItems({
      [Symbol.iterator]: () => ({
        next: () => ({ done: false, value: 1 }),
        return: () => {
          returns++;
          return { done: true, value: undefined };
        },
      }),
    });
    await run(items, 3);
    items.stop();
    items.stop();
    await scheduler.settle();
    await run(items, 3);
    expect(returns).to.equal(1);
    expect(log).to.deep.equal(["send 1", "send 1", "send 1", "finished"]);
  });

  it("that are stopped by their own source have it closed behind that step", async () => {
    for (const then of ["yields", "ends", "throws"]) {
      log = [];
      let items: OutgoingItems<number> | undefined;
      const source = (function* (): Generator<number> {
        try {
          items?.stop();
          if (then === "throws") throw new Error("too late");
          if (then === "yields") yield 1;
        } finally {
          log.push("closed");
        }
      })();
      items = createItems(source);
      await run(items, 1);
      expect(log, then).to.deep.equal(["closed", "finished"]);
    }
  });

  it("that are stopped behind their end aren't closed again", async () => {
    let returns = 0;
    const source = (function* () {
      try {
        yield 1;
      } finally {
        returns++;
      }
    })();
    const items = createItems(source);
    await run(items, 5);
    items.stop();
    await scheduler.settle();
    expect(returns).to.equal(1);
    expect(log).to.deep.equal(["send 1", "complete", "finished"]);
  });

  it("whose return fails tell so, and are finished all the same", async () => {
    for (const close of [
      () => {
        throw new Error("in return");
      },
      () => Promise.reject(new Error("in return")),
    ]) {
      log = [];
      const items = createItems({
        [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => {}), return: close }),
      });
      await run(items, 1);
      items.stop();
      await scheduler.settle();
      expect(log).to.deep.equal(["cleanup in return", "finished"]);
    }
  });

  it("without return are finished when they are stopped", async () => {
    const items = createItems({ [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => {}) }) });
    await run(items, 1);
    items.stop();
    await scheduler.settle();
    expect(log).to.deep.equal(["finished"]);
  });

  it("that fail say so once, and are finished", async () => {
    const failing: Readonly<Record<string, Iterable<number> | AsyncIterable<number>>> = {
      "fail boom": (function* () {
        yield 1;
        throw new Error("boom");
      })(),
      "fail rejected": (async function* () {
        yield 1;
        throw new Error("rejected");
      })(),
      "fail -1 can't be encoded": [1, -1, 2],
      "fail the iterator gave undefined, expected an object with done and value": {
        [Symbol.iterator]: () => {
          let first = true;
          return {
            next: () => {
              if (!first) return undefined as unknown as IteratorResult<number>;
              first = false;
              return { done: false, value: 1 };
            },
          };
        },
      },
    };
    for (const [message, source] of Object.entries(failing)) {
      log = [];
      stream.credit = 0;
      await run(createItems(source), 5);
      expect(log, message).to.have.members(["send 1", message, "finished"]);
    }
  });

  it("that aren't iterable are refused", () => {
    for (const source of [undefined, null, 5, {}]) expect(() => createItems(source as never)).to.throw(TypeError);
  });

  it("give way to the event loop after 256 items in a turn, sync or async", async () => {
    for (const source of [
      (function* () {
        for (;;) yield 1;
      })(),
      (async function* () {
        for (;;) yield 1;
      })(),
    ]) {
      log = [];
      const turns = new TurnScheduler();
      scheduler = turns;
      const items = createItems(source);
      stream.credit = 10_000;
      items.run();
      const seen: number[] = [];
      for (let i = 0; i < 3; i++) {
        await turns.turn();
        seen.push(log.length);
      }
      // The first turn's share was taken when it was run, or by the microtasks behind.
      expect(seen).to.deep.equal([seen[0], (seen[0] ?? 0) + 256, (seen[0] ?? 0) + 512]);
      expect(seen[0]).to.be.at.most(512);
      items.stop();
      await turns.turn();
    }
  });
});
