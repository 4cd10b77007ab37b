// SPDX-License-Identifier: Apache-2.0
// The browser's side in a real browser: calls over WebSocket, workers and frames, and every way for a page to end.

import { expect } from "chai";
import type { Browser, Page } from "playwright-core";
import { Code } from "rsocket-rpc";
import { type Server, serve } from "rsocket-rpc/node";
import { implementTicker } from "../../examples/hello/gen/ticker_rsocket.js";
import { chromiumOrSkip, launchChromium } from "./chromium.js";
import type { Scenarios } from "./pages/main.js";
import { Log, tickerHandler } from "./pages/quotes.js";
import { bundlePages, Network, type Site, serveSite } from "./site.js";

/** What callEveryShape must find. */
const EVERY_SHAPE = {
  header: "ann",
  trailer: "exchange",
  unary: ["ACME", 42],
  "server stream": [1_000, true],
  "client stream": 1_000,
  bidi: ["HELLO", "AGAIN"],
  "called back": ["the chat is over"],
  error: [Code.NotFound, "no symbol NONE", 1],
  deadline: Code.DeadlineExceeded,
};

/** The first window is 32 items, of which half is asked for again as they are taken; it doubles to 256 at most. */
const FIRST_WINDOW = 64;
const LARGEST_WINDOW = 512;
/** What a handler's first window of 4 grows to while it takes three. */
const UPLOAD_WINDOW = 16;

describe("in a real browser", function () {
  this.timeout(30_000);
  let browser: Browser;
  let site: Site;
  let otherSite: Site;
  let server: Server;
  let network: Network;
  let page: Page;
  let log: Log;
  let url: string;
  let errors: string[];

  before(async function () {
    const executablePath = chromiumOrSkip(this);
    const scripts = await bundlePages("main", "worker", "frame");
    [browser, site, otherSite] = await Promise.all([
      launchChromium(executablePath),
      serveSite(scripts),
      serveSite(scripts),
    ]);
  });

  after(async () => {
    await browser?.close();
    site?.close();
    otherSite?.close();
  });

  beforeEach(async () => {
    log = new Log();
    server = await serve("ws://127.0.0.1:0/rpc", {
      services: [implementTicker(tickerHandler(log))],
      allowedOrigins: [site.origin],
      fragmentBytes: 8_192,
    });
    url = server.urls[0] ?? "";
    network = new Network(Number(new URL(url).port));
    await network.open();
    errors = [];
    page = await openPage(site);
  });

  afterEach(async () => {
    network.cut();
    await page.close();
    await server.close();
    expect(server.runningHandlers).to.equal(0);
    expect(errors).to.deep.equal([]);
  });

  async function openPage({ origin }: Site): Promise<Page> {
    const opened = await browser.newPage();
    opened.on("pageerror", (error) => errors.push(String(error)));
    await opened.goto(`${origin}/main`);
    await opened.waitForFunction("globalThis.scenarios !== undefined");
    return opened;
  }

  function run<Name extends keyof Scenarios>(
    name: Name,
    ...values: Parameters<Scenarios[Name]>
  ): Promise<Awaited<ReturnType<Scenarios[Name]>>> {
    return page.evaluate(`scenarios[${JSON.stringify(name)}](...${JSON.stringify(values)})`);
  }

  // Resolves when the page has printed it.
  async function printed(text: string): Promise<void> {
    await page.waitForEvent("console", (message) => message.text() === text);
  }

  async function until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise((resolve) => setImmediate(resolve));
  }

  const throughNetwork = (): string => `ws://127.0.0.1:${network.port}/rpc`;

  describe("over WebSocket", () => {
    it("calls by rsocket-rpc/lite, and nothing is left of them", async () => {
      expect(await run("lite", url)).to.deep.equal({
        answers: ["HELLO"],
        taken: 1_000,
        count: 1_000,
        large: true,
        failures: [Code.NotFound, Code.DeadlineExceeded],
        closed: "local",
      });
      await until(() => log.lines.length === 2);
      expect(log.lines).to.deep.equal(["from lite", "gave up"]);
      expect(log.watchers).to.equal(0);
    });

    it("every shape, headers, an error with details, a deadline, and a call from the server to the page", async () => {
      expect(await run("shapes", url)).to.deep.equal(EVERY_SHAPE);
      await until(() => log.lines.length === 2);
      expect(log.lines).to.deep.equal(["a line", "gave up"]);
    });

    it("a page that takes nothing holds the server's producer", async () => {
      const [early = 0, later, afterMore = 0, evenLater] = await run("consumer", url);
      expect(early).to.be.within(1, FIRST_WINDOW);
      expect(afterMore).to.be.within(1, LARGEST_WINDOW);
      expect([later, evenLater], "nothing is made meanwhile").to.deep.equal([early, afterMore]);
    });

    it("a handler that takes nothing holds the page's producer", async () => {
      const { figures, made } = await run("producer", url);
      const [early = 0, later = 0] = figures as readonly number[];
      expect(early).to.be.within(3, UPLOAD_WINDOW);
      expect(later, "nothing is made meanwhile").to.equal(early);
      expect(made).to.equal(2_000);
    });

    it("large messages in fragments, both ways", async () => {
      const sizes: Record<"framesent" | "framereceived", number[]> = { framesent: [], framereceived: [] };
      page.on("websocket", (webSocket) => {
        webSocket.on("framesent", ({ payload }) => sizes.framesent.push(payload.length));
        webSocket.on("framereceived", ({ payload }) => sizes.framereceived.push(payload.length));
      });
      expect(await run("fragments", url)).to.equal(true);
      expect(sizes.framesent.length).to.be.above(64);
      expect(Math.max(...sizes.framesent)).to.be.at.most(4_096);
      expect(sizes.framereceived.length).to.be.above(32);
      expect(Math.max(...sizes.framereceived)).to.be.at.most(8_192);
    });

    it("a page that is closed in the middle of a stream ends the server's handler", async () => {
      await run("watch", url);
      expect([log.watchers, server.connectionCount]).to.deep.equal([1, 1]);
      await page.close();
      await until(() => log.watchers === 0 && server.connectionCount === 0);
      expect(log.made).to.be.below(FIRST_WINDOW);
    });

    it("a server that dies in the middle of a stream ends the page's call, as not to be repeated blindly", async () => {
      const [end] = await Promise.all([
        run("watchToTheEnd", throughNetwork()),
        printed("watching").then(() => network.cut()),
      ]);
      expect(end).to.deep.equal([Code.Unavailable, false]);
    });

    it("a channel comes back when the server does, and the call made meanwhile is answered", async () => {
      const [found] = await Promise.all([
        run("reconnect", throughNetwork()),
        printed("answered").then(async () => {
          network.cut();
          await until(() => server.connectionCount === 0);
          await network.open();
        }),
      ]);
      expect(found).to.include({ first: 42, second: 42 });
      const { states } = found as { readonly states: readonly string[] };
      expect(states.slice(0, 3)).to.deep.equal(["connecting", "ready", "waiting"]);
      expect(states.slice(-2)).to.deep.equal(["ready", "closed"]);
    });

    it("a page of another origin is refused", async () => {
      await page.close();
      page = await openPage(otherSite);
      expect(await run("refused", url)).to.equal(Code.Unavailable);
      expect(server.connectionCount).to.equal(0);
    });
  });

  describe("between page and worker", () => {
    it("every shape, and calls back to the page", async () => {
      expect(await run("worker")).to.deep.equal(EVERY_SHAPE);
    });

    it("a page that takes nothing holds the worker's producer", async () => {
      const [early = 0, later, afterMore = 0, evenLater] = await run("workerConsumer");
      expect(early).to.be.within(1, FIRST_WINDOW);
      expect(afterMore).to.be.within(1, LARGEST_WINDOW);
      expect([later, evenLater], "nothing is made meanwhile").to.deep.equal([early, afterMore]);
    });

    it("a worker that takes nothing holds the page's producer", async () => {
      const { figures, made } = await run("workerProducer");
      const [early = 0, later = 0] = figures as readonly number[];
      expect(early).to.be.within(3, UPLOAD_WINDOW);
      expect(later, "nothing is made meanwhile").to.equal(early);
      expect(made).to.equal(2_000);
    });

    it("megabytes there and back", async () => {
      expect(await run("workerLarge")).to.equal(true);
    });

    it("a worker that can't be loaded fails the connection at once", async () => {
      expect(await run("workerMissing")).to.deep.equal([Code.Unavailable, true]);
    });

    it("a worker that is terminated in the middle of a stream ends the call at once", async () => {
      const [code, isSoon] = (await run("workerTerminated")) as [number, boolean];
      expect([code, isSoon]).to.deep.equal([Code.Unavailable, true]);
    });

    it("a worker that closes itself behind its answer is gone when that has come", async () => {
      expect(await run("workerLeaves")).to.deep.equal(["answered", true]);
    });

    it("no lock is left when connections and workers are closed", async () => {
      expect(await run("locksLeft")).to.equal(0);
    });
  });

  describe("between page and frame", () => {
    it("every shape with a frame of another origin, and calls back to the page", async () => {
      expect(await run("frame", otherSite.origin)).to.deep.equal(EVERY_SHAPE);
    });

    it("a frame of this origin that is taken away ends the call at once", async () => {
      expect(await run("frameRemoved")).to.deep.equal([Code.Unavailable, true]);
    });

    it("a frame of another origin that is taken away ends it when its silence has lasted", async () => {
      expect(await run("frameOfOthersRemoved", otherSite.origin)).to.equal(Code.Unavailable);
    });

    it("a frame calls the page around it", async () => {
      expect(await run("frameCalls", otherSite.origin)).to.deep.equal(["the frame got 42"]);
    });

    it("no port for a frame of another origin than meant, for a page that the frame doesn't mean, for any origin", async () => {
      expect(await run("framesOfOthers", otherSite.origin)).to.deep.equal([
        "TimeoutError",
        "TimeoutError",
        "TypeError",
        "TypeError",
        "TypeError",
      ]);
    });
  });
});
