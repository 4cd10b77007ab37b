// SPDX-License-Identifier: Apache-2.0
// Two windows that pass a port: who is heard, by origin and by window, on stand-ins for what browsers give pages.

import { expect } from "chai";
import { portFromParent, portToFrame } from "../../../runtime/src/transports/frame-port.js";
import { rejectionOf } from "../../support/rpc-world.js";

const APP = "https://app.example.com";
const WIDGET = "https://widgets.example.com";

interface PostedMessage {
  readonly data: unknown;
  readonly origin: string;
  readonly ports: readonly unknown[];
}

/** A window that is posted to, and keeps it. */
class FakeWindow {
  readonly posted: PostedMessage[] = [];

  postMessage(data: unknown, origin: string, ports: readonly unknown[] = []): void {
    this.posted.push({ data, origin, ports });
  }

  /** What was posted, without the ports. */
  get said(): string[] {
    return this.posted.map(({ data, origin }) => `${(data as { rsocketPort: string }).rsocketPort} to ${origin}`);
  }
}

describe("a port between a page and its frame", () => {
  type Listener = (event: object) => void;
  const listeners = new Set<Listener>();
  const globals = globalThis as unknown as Record<string, unknown>;
  const names = ["addEventListener", "removeEventListener", "parent"];
  const before = new Map(names.map((name) => [name, Object.getOwnPropertyDescriptor(globalThis, name)]));
  let other: FakeWindow;

  /** A message event in this window. */
  function hear(source: unknown, origin: string, data: unknown, ports: readonly unknown[] = []): void {
    for (const listener of [...listeners]) listener({ source, origin, data, ports });
  }

  beforeEach(() => {
    other = new FakeWindow();
    globals["addEventListener"] = (_type: string, listener: Listener) => listeners.add(listener);
    globals["removeEventListener"] = (_type: string, listener: Listener) => listeners.delete(listener);
    globals["parent"] = other;
  });

  afterEach(() => {
    for (const [name, descriptor] of before) {
      if (descriptor === undefined) delete globals[name];
      else Object.defineProperty(globalThis, name, descriptor);
    }
    expect(listeners.size, "nobody listens any more").to.equal(0);
  });

  for (const origin of ["*", "null", "https://app.example.com/", "app.example.com", ""]) {
    it(`takes ${JSON.stringify(origin)} for no origin, on both ends, before anybody is asked`, async () => {
      for (const made of [portToFrame(other, origin), portFromParent([APP, origin])]) {
        expect(await rejectionOf(made)).to.be.instanceOf(TypeError);
      }
      expect(other.said).to.deep.equal([]);
    });
  }

  describe("the page", () => {
    it("offers a port to that origin alone, and gives it who wants it", async () => {
      const waiting = portToFrame(other, WIDGET);
      expect(other.said).to.deep.equal([`offer to ${WIDGET}`]);
      hear(other, WIDGET, { rsocketPort: "want" });
      const port = (await waiting) as unknown as MessagePort;
      expect(other.said).to.deep.equal([`offer to ${WIDGET}`, `port to ${WIDGET}`]);
      const [given] = (other.posted[1]?.ports ?? []) as MessagePort[];
      const heard = new Promise((resolve) => given?.addEventListener("message", ({ data }) => resolve(data)));
      given?.start();
      port.postMessage("hi");
      expect(await heard).to.equal("hi");
      port.close();
    });

    it("gives none to another window, another origin, or for another word", async () => {
      const abort = new AbortController();
      const waiting = portToFrame(other, WIDGET, { signal: abort.signal });
      hear(new FakeWindow(), WIDGET, { rsocketPort: "want" });
      hear(other, "https://evil.example.com", { rsocketPort: "want" });
      hear(other, "null", { rsocketPort: "want" });
      for (const data of [{ rsocketPort: "port" }, { want: true }, "want", null, undefined]) hear(other, WIDGET, data);
      expect(other.said).to.deep.equal([`offer to ${WIDGET}`]);
      abort.abort(new Error("enough"));
      expect(await rejectionOf(waiting)).to.have.property("message", "enough");
    });
  });

  describe("the frame", () => {
    it("asks the pages it may be in, and takes the port of the one it is in", async () => {
      const waiting = portFromParent([APP, WIDGET]);
      expect(other.said).to.deep.equal([`want to ${APP}`, `want to ${WIDGET}`]);
      const port = {};
      hear(other, APP, { rsocketPort: "port" }, [port]);
      expect(await waiting).to.equal(port);
    });

    it("asks again when it is offered one, whoever was first", async () => {
      const waiting = portFromParent(APP);
      hear(other, APP, { rsocketPort: "offer" });
      expect(other.said).to.deep.equal([`want to ${APP}`, `want to ${APP}`]);
      hear(other, APP, { rsocketPort: "port" }, [{}]);
      await waiting;
    });

    it("takes none of another window or origin, and no message that brings none", async () => {
      const abort = new AbortController();
      const waiting = portFromParent(APP, { signal: abort.signal });
      const evil = "https://evil.example.com";
      hear(new FakeWindow(), APP, { rsocketPort: "port" }, [{}]);
      hear(other, evil, { rsocketPort: "port" }, [{}]);
      hear(other, evil, { rsocketPort: "offer" });
      hear(other, APP, { rsocketPort: "port" });
      hear(other, APP, { rsocketPort: "port" }, [{}, {}]);
      expect(other.said, "the offer of an unknown page is not answered").to.deep.equal([`want to ${APP}`]);
      abort.abort(new Error("enough"));
      expect(await rejectionOf(waiting)).to.have.property("message", "enough");
    });

    it("may have it from the window that opened it", async () => {
      const opener = new FakeWindow();
      const waiting = portFromParent(APP, { parent: opener });
      expect([opener.said, other.said]).to.deep.equal([[`want to ${APP}`], []]);
      const port = {};
      hear(other, APP, { rsocketPort: "port" }, [{}]);
      hear(opener, APP, { rsocketPort: "port" }, [port]);
      expect(await waiting).to.equal(port);
    });
  });

  it("waits not at all when it is given up already", async () => {
    const signal = AbortSignal.abort(new Error("enough"));
    for (const made of [portToFrame(other, WIDGET, { signal }), portFromParent(APP, { signal })]) {
      expect(await rejectionOf(made)).to.have.property("message", "enough");
    }
  });
});
