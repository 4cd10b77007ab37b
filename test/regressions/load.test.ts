// SPDX-License-Identifier: Apache-2.0
// What went wrong under load: two ends that waited for each other, streams that waited for ever, bursts that were
// taken for attacks, memory that grew.

import { expect } from "chai";
import type { Connection } from "rsocket-rpc";
import { callBidi, callClientStream, callServerStream, callUnary } from "rsocket-rpc/codegen";
import { TurnBudget } from "../../runtime/src/engine/turn-budget.js";
import { IncomingItems, OutgoingItems } from "../../runtime/src/rsocket/iterate.js";
import { leavesNoTrace, RpcWorld } from "../support/rpc-world.js";
import { TurnScheduler } from "../support/turn-scheduler.js";
import { blob, blobs, collectGarbage, Echo, Get, Upload, Watch } from "./support.js";

describe("under load", () => {
  let world: RpcWorld;
  beforeEach(() => {
    world = new RpcWorld();
  });
  afterEach(leavesNoTrace);

  describe("two ends that each have more to say than the other reads", () => {
    const echoes = async (streams: number, items: number, itemBytes: number, options: object): Promise<number> => {
      const services = [
        blobs({
          async *echo(requests) {
            yield* requests;
          },
        }),
      ];
      const { connection } = await world.pair({ services, ...options }, options);
      let got = 0;
      const talk = async (): Promise<void> => {
        // All callers wait for their sources at once, so that none sees what the others are about to send.
        const requests = (async function* () {
          for (let i = 0; i < items; i++) yield blob(itemBytes);
        })();
        for await (const { bytes } of callBidi(connection, Echo, requests)) got += bytes.length / itemBytes;
      };
      let isDone = false;
      const talks = Promise.all(Array.from({ length: streams }, talk)).then(() => {
        isDone = true;
      });
      for (let i = 0; i < 20 && !isDone; i++) await world.scheduler.settle();
      if (isDone) await talks;
      else talks.catch(() => {}); // they end with the world
      return got;
    };

    it("don't wait for each other for ever", async () => {
      const limits = { readPauseBytes: 131_072, producerPauseBytes: 65_536, maxPeerCausedBytes: 4_194_304 };
      expect(await echoes(16, 8, 65_536, { limits })).to.equal(16 * 8);
    });

    it("nor with limits at their defaults", async () => {
      expect(await echoes(16, 2, 1_000_000, {})).to.equal(16 * 2);
    });

    it("nor when each has much to answer to the other at once", async () => {
      let go = (): void => {};
      const gate = new Promise<void>((resolve) => {
        go = resolve;
      });
      let running = 0;
      const get = async () => {
        if (++running === 32) go();
        await gate;
        return blob(1_000_000);
      };
      const services = [blobs({ get })];
      let ofServer: Connection | undefined;
      const accept = (_setup: unknown, connection: Connection): void => void (ofServer = connection);
      const { connection } = await world.pair({ services, accept }, { services });
      let answered = 0;
      for (const caller of [connection, ofServer as unknown as Connection]) {
        for (let i = 0; i < 16; i++) {
          callUnary(caller, Get, blob(1)).then(
            () => answered++,
            () => {},
          );
        }
      }
      await world.scheduler.advance(1_000);
      expect(answered).to.equal(32);
    });
  });

  describe("a subscriber that asks for items without bound", () => {
    it("doesn't keep another's items back", async () => {
      const total = 20_000;
      const made: number[] = [];
      const services = [
        blobs({
          *watch({ bytes: [who = 0] }) {
            for (let i = 0; i < total; i++) {
              made.push(who);
              yield blob(1);
            }
          },
        }),
      ];
      const { connection } = await world.pair({ services });
      const consume = async (who: number, count: number): Promise<void> => {
        const items = callServerStream(connection, Watch, { bytes: Uint8Array.of(who) }, { prefetch: 0x7fffffff });
        let got = 0;
        for await (const _item of items) if (++got === count) return;
      };
      const greedy = consume(1, total);
      const modest = consume(2, 10);
      await world.run(Promise.all([greedy, modest]));
      const firstOfModest = made.indexOf(2);
      // A turn each: 256 items at most.
      expect(firstOfModest).to.be.within(0, 512);
    });

    it("shares the turns with other sources that never wait", async () => {
      const scheduler = new TurnScheduler();
      const budget = new TurnBudget(scheduler);
      const counts = [0, 0, 0];
      const sources = counts.map(
        (_count, k) =>
          new OutgoingItems<number>(
            {
              encode: () => new Uint8Array(1),
              send: () => {
                counts[k] = (counts[k] ?? 0) + 1;
                scheduler.work(0.01);
                return true;
              },
              complete() {},
              fail() {},
              onCleanupError() {},
            },
            (function* () {
              for (;;) yield 1;
            })(),
            { mayProduce: true, credit: 1 },
            budget,
          ),
      );
      for (const source of sources) source.run();
      for (let turn = 0; turn < 30; turn++) await scheduler.turn();
      for (const source of sources) source.stop();
      const [least = 0, , most = 0] = [...counts].sort((a, b) => a - b);
      expect(least, String(counts)).to.be.above(0);
      expect(most / least, String(counts)).to.be.below(2);
    });
  });

  describe("a burst of answers in one tick", () => {
    it("reaches a caller that reads: 8 of 4 MB", async () => {
      let go = (): void => {};
      const gate = new Promise<void>((resolve) => {
        go = resolve;
      });
      let running = 0;
      const answer = blob(4_000_000);
      const get = async () => {
        if (++running === 8) go();
        await gate;
        return answer;
      };
      const { connection } = await world.pair({ services: [blobs({ get })] });
      const answers = Array.from({ length: 8 }, () => callUnary(connection, Get, blob(1)));
      const lengths = (await world.run(Promise.all(answers))).map(({ bytes }) => bytes.length);
      expect(lengths).to.deep.equal(new Array<number>(8).fill(4_000_000));
    });
  });

  describe("memory", () => {
    it("of items that were consumed is free, though the consumer never catches up", async () => {
      const atHand = 8;
      const items = new IncomingItems<number>(
        { decode: (data) => data.length, abandon() {}, undecodable: (error) => error },
        { prefetch: 1_000_000, budget: new TurnBudget(world.scheduler) },
      );
      const received: WeakRef<Uint8Array>[] = [];
      const receive = (): void => {
        const data = new Uint8Array(1_000);
        received.push(new WeakRef(data));
        items.receive(data, undefined);
      };
      for (let i = 0; i < atHand; i++) receive();
      for (let i = 0; i < 1_000; i++) {
        receive();
        await world.run(items.next());
      }
      await collectGarbage();
      const alive = received.filter((reference) => reference.deref() !== undefined).length;
      // As many again as are at hand may wait to be let go together.
      expect(alive).to.be.within(atHand, 2 * atHand + 2);
      await items.return();
    });

    const uploads = async (maxUnconsumedBytes: number) => {
      let taken = 0;
      let read = (): void => {};
      const reading = new Promise<void>((resolve) => {
        read = resolve;
      });
      const upload = async (requests: AsyncIterable<{ readonly bytes: Uint8Array }>) => {
        await reading;
        let bytes = 0;
        for await (const request of requests) bytes += request.bytes.length;
        return { bytes: Uint8Array.of(bytes / 10_000) };
      };
      const { connection } = await world.pair({ services: [blobs({ upload })], limits: { maxUnconsumedBytes } });
      const source = function* () {
        for (let i = 0; i < 50; i++) {
          taken++;
          yield blob(10_000);
        }
      };
      const calls = Array.from({ length: 8 }, () => callClientStream(connection, Upload, source()));
      await world.scheduler.settle();
      return { calls, read, taken: () => taken };
    };

    it("of messages that no handler reads has a bound for the connection: 8 client streams", async () => {
      const { calls, read, taken } = await uploads(50_000);
      // 5 messages; and what a call is granted before they are there: 4, with the one it began with.
      expect(taken()).to.be.at.most(5 + 8 * 5);
      read();
      const answers = await world.run(Promise.all(calls));
      expect(answers.map(({ bytes }) => bytes[0])).to.deep.equal(new Array<number>(8).fill(50));
    });

    it("of messages that no handler reads yet is small before any is read", async () => {
      const { calls, read, taken } = await uploads(16_777_216);
      expect(taken()).to.be.at.most(8 * 6);
      read();
      await world.run(Promise.all(calls));
    });
  });
});
