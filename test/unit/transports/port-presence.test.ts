// SPDX-License-Identifier: Apache-2.0
// Locks by which the ends of a port know of each other: what is told, and when they are given up.

import { expect } from "chai";
import { isLockName, type LockManager, locksFor, PortPresence } from "../../../runtime/src/transports/port-presence.js";

/** Exclusive locks as browsers have them, of one origin. */
class FakeLocks implements LockManager {
  readonly held = new Set<string>();
  readonly #waiting: { readonly name: string; readonly take: () => void }[] = [];

  async request(...[name, { signal, ifAvailable }, callback]: Parameters<LockManager["request"]>): Promise<unknown> {
    await Promise.resolve();
    signal?.throwIfAborted();
    if (this.held.has(name)) {
      if (ifAvailable === true) return await callback(null);
      await new Promise<void>((take, reject) => {
        this.#waiting.push({ name, take });
        signal?.addEventListener("abort", () => reject(signal.reason));
      });
      signal?.throwIfAborted();
    }
    this.held.add(name);
    try {
      return await callback({ name });
    } finally {
      this.lose(name);
    }
  }

  /** As when the holder has gone. */
  lose(name: string): void {
    if (!this.held.delete(name)) return;
    this.#waiting.splice(this.#waiting.findIndex((waiter) => waiter.name === name) >>> 0, 1)[0]?.take();
  }
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("the presence of a port's other end", () => {
  let locks: FakeLocks;
  let told: string[];
  const create = (of: LockManager = locks): PortPresence =>
    new PortPresence(of, { onHeld: (name) => told.push(name), onGone: () => told.push("gone") });

  beforeEach(() => {
    locks = new FakeLocks();
    told = [];
  });

  it("is shown by a lock with a name of its own, from when it is held until the end", async () => {
    const [one, other] = [create(), create()];
    one.hold();
    other.hold();
    expect(told, "before they are held").to.deep.equal([]);
    await settled();
    expect(told).to.have.length(2);
    expect([...locks.held]).to.deep.equal(told);
    expect(new Set(told)).to.have.property("size", 2);
    expect(told.every(isLockName)).to.equal(true);
    one.end();
    await settled();
    expect([...locks.held]).to.deep.equal(told.slice(1));
    other.end();
    await settled();
    expect(locks.held.size).to.equal(0);
  });

  it("is over when its lock can be had", async () => {
    create().hold();
    await settled();
    const [name = ""] = told.splice(0);
    create().watch(name);
    await settled();
    expect(told).to.deep.equal([]);
    locks.lose(name);
    await settled();
    expect(told).to.deep.equal(["gone"]);
    expect(locks.held.has(name), "it is given back").to.equal(false);
  });

  it("isn't told where its lock isn't seen: it is of another origin", async () => {
    create().watch("rsocket-rpc-port 000102030405060708090a0b0c0d0e0f");
    await settled();
    expect([told, locks.held.size]).to.deep.equal([[], 0]);
  });

  for (const moment of ["before the lock is held", "while it waits"] as const) {
    it(`isn't told after the end: ${moment}`, async () => {
      const near = create();
      if (moment === "before the lock is held") {
        near.hold();
        near.end();
        await settled();
        return expect([told, locks.held.size]).to.deep.equal([[], 0]);
      }
      create().hold();
      await settled();
      const [name = ""] = told.splice(0);
      near.watch(name);
      await settled();
      near.end();
      locks.lose(name);
      await settled();
      expect([told, locks.held.size]).to.deep.equal([[], 0]);
    });
  }

  it("isn't told where locks are refused", async () => {
    const refusing: LockManager = {
      request: () => {
        throw new Error("SecurityError");
      },
    };
    const near = create(refusing);
    near.hold();
    near.watch("rsocket-rpc-port 000102030405060708090a0b0c0d0e0f");
    await settled();
    near.end();
    expect(told).to.deep.equal([]);
  });

  it("needs no locks in Node, whose ports tell themselves", () => {
    expect(locksFor(new MessageChannel().port1)).to.equal(undefined);
  });
});
