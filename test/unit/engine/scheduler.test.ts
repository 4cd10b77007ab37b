// SPDX-License-Identifier: Apache-2.0
// The platform's time and tasks, and the time that tests put in their place.

import { expect } from "chai";
import { systemScheduler } from "../../../runtime/src/engine/scheduler.js";
import { pageScheduler } from "../../../runtime/src/lite/scheduler.js";
import { VirtualScheduler } from "../../../runtime/src/testing/virtual-scheduler.js";

for (const [name, scheduler] of [
  ["the system's scheduler", systemScheduler],
  ["the scheduler of pages", pageScheduler],
] as const)
  describe(name, () => {
    it("defers beyond the microtasks of this callback, before timers and sockets", async () => {
      const order: string[] = [];
      await new Promise<void>((resolve) => {
        setImmediate(() => {
          setImmediate(() => order.push("immediate"));
          scheduler.yield(() => {
            order.push("yielded");
            resolve();
          });
          scheduler.defer(() => order.push("deferred"));
          void Promise.resolve().then(() => order.push("microtask"));
          order.push("code");
        });
      });
      expect(order.indexOf("code")).to.equal(0);
      expect(order.indexOf("deferred")).to.be.lessThan(order.indexOf("immediate"));
      expect(order.indexOf("deferred")).to.be.lessThan(order.indexOf("yielded"));
    });

    it("gives timers and sockets a turn at each yield, though tasks yield again and again", async () => {
      let fired = false;
      setTimeout(() => {
        fired = true;
      }, 1);
      const endsAt = scheduler.now() + 500;
      await new Promise<void>((resolve) => {
        const again = (): void => {
          if (fired || scheduler.now() > endsAt) resolve();
          else scheduler.yield(again);
        };
        again();
      });
      expect(fired).to.equal(true);
    });

    it("has a clock that only goes on, and timers that can be cancelled", async () => {
      const before = scheduler.now();
      let cancelled = true;
      scheduler
        .setTimer(1, () => {
          cancelled = false;
        })
        .cancel();
      await new Promise<void>((resolve) => void scheduler.setTimer(3, resolve));
      expect(cancelled).to.equal(true);
      expect(scheduler.now() - before).to.be.at.least(2);
    });

    it("doesn't fire a timer at once that is longer than the platform's longest, or before now", async () => {
      let fired = false;
      const timer = scheduler.setTimer(2 ** 40, () => {
        fired = true;
      });
      await new Promise<void>((resolve) => void scheduler.setTimer(-5, resolve));
      await new Promise((resolve) => setTimeout(resolve, 5));
      timer.cancel();
      expect(fired).to.equal(false);
    });
  });

describe("the scheduler of pages where there is no setImmediate", () => {
  const { setImmediate } = globalThis;
  before(() => Reflect.deleteProperty(globalThis, "setImmediate"));
  after(() => Object.assign(globalThis, { setImmediate }));

  it("yields by a message to itself, one for each task, and keeps no port", async () => {
    const order: string[] = [];
    const yielded = (name: string): Promise<void> =>
      new Promise((resolve) =>
        pageScheduler.yield(() => {
          order.push(name);
          resolve();
        }),
      );
    const all = [yielded("a"), yielded("b")];
    void Promise.resolve().then(() => order.push("microtask"));
    await Promise.all(all);
    await yielded("c");
    expect(order).to.deep.equal(["microtask", "a", "b", "c"]);
    await new Promise((resolve) => setTimeout(resolve));
    const ports = process.getActiveResourcesInfo().filter((name) => name === "MessagePort");
    expect(ports).to.deep.equal([]);
  });
});

describe("virtual time", () => {
  let scheduler: VirtualScheduler;
  beforeEach(() => {
    scheduler = new VirtualScheduler();
  });

  it("passes only when it is told to; timers fire in order, at their time", async () => {
    const fired: string[] = [];
    const mark = (name: string) => () => fired.push(`${name} ${scheduler.now()}`);
    scheduler.setTimer(20, mark("c"));
    scheduler.setTimer(10, mark("a"));
    scheduler.setTimer(10, mark("b"));
    scheduler.setTimer(15, mark("cancelled")).cancel();
    await scheduler.settle();
    expect(fired).to.deep.equal([]);
    await scheduler.advance(19);
    expect(fired).to.deep.equal(["a 10", "b 10"]);
    expect(scheduler.now()).to.equal(19);
    await scheduler.advance(1);
    expect(fired).to.deep.equal(["a 10", "b 10", "c 20"]);
    expect(scheduler.timerCount).to.equal(0);
  });

  it("fires timers that others set on the way", async () => {
    const fired: number[] = [];
    const again = (): void => {
      fired.push(scheduler.now());
      scheduler.setTimer(10, again);
    };
    scheduler.setTimer(10, again);
    await scheduler.advance(35);
    expect(fired).to.deep.equal([10, 20, 30]);
  });

  it("runs deferred tasks before yielded ones, and promises between them", async () => {
    const order: string[] = [];
    scheduler.yield(() => order.push("yielded"));
    scheduler.defer(() => {
      order.push("deferred");
      void Promise.resolve().then(() => order.push("promise"));
      scheduler.defer(() => order.push("deferred again"));
    });
    await scheduler.settle();
    expect(order).to.deep.equal(["deferred", "promise", "deferred again", "yielded"]);
  });

  it("run says when nothing can settle a promise any more", async () => {
    expect(await scheduler.run(Promise.resolve(5))).to.equal(5);
    const error = await scheduler.run(new Promise(() => {})).catch((thrown: unknown) => thrown as Error);
    expect((error as Error).message).to.equal("nothing is left to run at 0 ms and the promise is still pending");
    const rejected = await scheduler
      .run(Promise.reject(new Error("no")))
      .catch((thrown: unknown) => (thrown as Error).message);
    expect(rejected).to.equal("no");
  });
});
