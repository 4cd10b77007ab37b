// SPDX-License-Identifier: Apache-2.0
// The page of the tests: what it does is called from outside, by name.

import { connect as connectLite } from "rsocket-rpc/lite";
import {
  type Connection,
  type ConnectOptions,
  connect,
  connectPort,
  createChannel,
  portToFrame,
  RpcError,
  servePort,
} from "rsocket-rpc/web";
import { createTickerClient, implementAlerts, implementTicker } from "../../../examples/hello/gen/ticker_rsocket.js";
import {
  callEveryShape,
  callWithText,
  codeOf,
  consumeSlowly,
  type Findings,
  Log,
  produceForSlow,
  tickerHandler,
} from "./quotes.js";

const alerts: string[] = [];
const services = [implementAlerts({ notify: ({ text }) => void alerts.push(text) })];
/** Much sooner than by the silence of 90 s. */
const SOON_MS = 5_000;
const frames = new Map<string, HTMLIFrameElement>();

async function withConnection<Result>(
  opened: Promise<Connection>,
  use: (connection: Connection) => Promise<Result>,
): Promise<Result> {
  const connection = await opened;
  try {
    return await use(connection);
  } finally {
    await connection.close();
  }
}

const overWebSocket = (url: string, options: ConnectOptions = {}): Promise<Connection> =>
  connect(url, { services, ...options });

const overWorker = (): Promise<Connection> => connectPort(new Worker("/worker.js", { type: "module" }), { services });

const scenarios = {
  shapes: (url: string): Promise<Findings> => withConnection(overWebSocket(url), (it) => callEveryShape(it, alerts)),
  consumer: (url: string) => withConnection(overWebSocket(url), consumeSlowly),
  producer: (url: string) => withConnection(overWebSocket(url), produceForSlow),
  fragments: (url: string) =>
    withConnection(overWebSocket(url, { fragmentBytes: 4_096 }), (it) => callWithText(it, 262_144)),

  /** What a client that only calls finds. */
  async lite(url: string): Promise<Findings> {
    const connection = await connectLite(url, { fragmentBytes: 4_096 });
    const ticker = createTickerClient(connection);
    const text = "a".repeat(262_144);
    const answers: string[] = [];
    for await (const { text: answer } of ticker.chat([{ text: "hello" }])) if (answers.push(answer) === 1) break;
    let taken = 0;
    for await (const { price } of ticker.watch({ name: "ACME" })) if (price !== taken++ || taken === 1_000) break;
    const { count } = await ticker.upload(Array.from({ length: 1_000 }, () => ({ symbol: "A" })));
    const large = (await ticker.last({ name: text })).symbol === text;
    await ticker.log({ text: "from lite" });
    const failures = [
      await codeOf(ticker.last({ name: "NONE" })),
      await codeOf(ticker.last({ name: "NEVER" }, { timeoutMs: 100 })),
    ];
    await connection.close();
    return { answers, taken, count, large, failures, closed: (await connection.closed).initiator };
  },

  /** Refused by the server, which doesn't know this page's origin. */
  refused: (url: string) => codeOf(overWebSocket(url)),

  /** Begins a stream of which nobody takes more than one item; resolves when that is there. */
  async watch(url: string): Promise<void> {
    const connection = await overWebSocket(url);
    const source = createTickerClient(connection).watch({ name: "ACME" })[Symbol.asyncIterator]();
    await source.next();
  },

  /** Watches until the stream ends by itself; the first item is told to the outside. */
  async watchToTheEnd(url: string): Promise<unknown> {
    const connection = await overWebSocket(url);
    try {
      for await (const { price } of createTickerClient(connection).watch({ name: "ACME" })) {
        if (price === 0) console.log("watching");
      }
      return "ended";
    } catch (error) {
      return RpcError.is(error) ? [error.code, error.retryable] : String(error);
    }
  },

  /** Calls before and after the server was away, which the outside does when it hears `answered`. */
  async reconnect(url: string): Promise<Findings> {
    await using channel = createChannel(url, { services, backoff: { initialMs: 50 } });
    const states: string[] = [];
    channel.onStateChange((state) => states.push(state));
    const ticker = createTickerClient(channel);
    const first = (await ticker.last({ name: "A" })).price;
    const lost = new Promise<void>((resolve) => {
      channel.onStateChange((state) => state === "waiting" && resolve());
    });
    console.log("answered");
    await lost;
    const second = (await ticker.last({ name: "B" }, { timeoutMs: 10_000 })).price;
    return { first, second, states };
  },

  worker: () => withConnection(overWorker(), (it) => callEveryShape(it, alerts)),
  workerConsumer: () => withConnection(overWorker(), consumeSlowly),
  workerProducer: () => withConnection(overWorker(), produceForSlow),
  workerLarge: () => withConnection(overWorker(), (it) => callWithText(it, 2_097_152)),

  async workerMissing(): Promise<unknown> {
    const startMs = performance.now();
    const code = await codeOf(connectPort(new Worker("/missing.js", { type: "module" })));
    return [code, performance.now() - startMs < 5_000];
  },

  /** A worker that is ended in the middle of a stream, over a port of its own. The code, and whether it came soon. */
  async workerTerminated(): Promise<unknown> {
    const worker = new Worker("/worker.js#port", { type: "module" });
    const { port1, port2 } = new MessageChannel();
    worker.postMessage(port2, [port2]);
    return await goneDuringStream(await connectPort(port1), () => worker.terminate());
  },

  /** Its last answer comes, then the end. */
  async workerLeaves(): Promise<unknown> {
    const connection = await connectPort(new Worker("/worker.js#leaves", { type: "module" }));
    const startMs = performance.now();
    await createTickerClient(connection).last({ name: "A" });
    await connection.closed;
    return ["answered", performance.now() - startMs < SOON_MS];
  },

  /** Both ends hold a lock while there is a connection to a worker; how many are left behind it. */
  async locksLeft(): Promise<unknown> {
    const count = async (): Promise<number> => {
      const { held = [], pending = [] } = await navigator.locks.query();
      return [...held, ...pending].filter(({ name }) => name?.startsWith("rsocket-rpc-port ")).length;
    };
    const worker = new Worker("/worker.js", { type: "module" });
    const connection = await connectPort(worker);
    while ((await count()) < 2) await new Promise((resolve) => setTimeout(resolve, 5));
    await connection.close();
    worker.terminate();
    const startMs = performance.now();
    while ((await count()) > 0 && performance.now() - startMs < SOON_MS)
      await new Promise((resolve) => setTimeout(resolve, 5));
    return await count();
  },

  async frameRemoved(): Promise<unknown> {
    const url = `${location.origin}/frame#${location.origin}#removed`;
    const port = await portToFrame(contentWindow(url), location.origin);
    return await goneDuringStream(await connectPort(port), () => frames.get(url)?.remove());
  },

  /** Its lock isn't seen from here: it is silent. */
  async frameOfOthersRemoved(origin: string): Promise<unknown> {
    const url = `${origin}/frame#${location.origin}#removed`;
    const port = await portToFrame(contentWindow(url), origin);
    const connection = await connectPort(port, { keepaliveIntervalMs: 200, maxLifetimeMs: 1_000 });
    const [code] = await goneDuringStream(connection, () => frames.get(url)?.remove());
    return code;
  },

  async frame(origin: string): Promise<Findings> {
    const port = await portToFrame(contentWindow(`${origin}/frame#${location.origin}`), origin);
    return await withConnection(connectPort(port, { services }), (it) => callEveryShape(it, alerts));
  },

  /** The frame calls what this page serves. */
  async frameCalls(origin: string): Promise<unknown> {
    const log = new Log();
    const port = await portToFrame(contentWindow(`${origin}/frame#${location.origin}#calls`), origin);
    const server = await servePort(port, { services: [implementTicker(tickerHandler(log)), ...services] });
    while (log.lines.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    await server.close();
    return log.lines;
  },

  /** The page at `origin` is none that this page means, or none that means this page. */
  async framesOfOthers(origin: string): Promise<unknown> {
    const options = { signal: AbortSignal.timeout(500) };
    const outcome = (port: Promise<unknown>): Promise<string> =>
      port.then(
        () => "a port",
        (error: unknown) => (error as Error).name,
      );
    return await Promise.all([
      outcome(portToFrame(contentWindow(`${origin}/frame#${location.origin}`), location.origin, options)),
      outcome(portToFrame(contentWindow(`${origin}/frame#http://127.0.0.1:1`), origin, options)),
      outcome(portToFrame(window, "*")),
      outcome(portToFrame(window, "null")),
      outcome(connectPort(window)),
    ]);
  },
};

/** Ends whoever serves `connection` in the middle of a stream: the code of its end, and whether it came soon. */
async function goneDuringStream(connection: Connection, end: () => void): Promise<readonly [unknown, boolean]> {
  let endedAtMs = 0;
  const code = await codeOf(
    (async () => {
      for await (const { price } of createTickerClient(connection).watch({ name: "A" })) {
        if (price !== 10) continue;
        end();
        endedAtMs = performance.now();
      }
    })(),
  );
  return [code, performance.now() - endedAtMs < SOON_MS];
}

function contentWindow(url: string): Window {
  const frame = frames.get(url) ?? document.createElement("iframe");
  frames.set(url, frame);
  frame.src = url;
  document.body.append(frame);
  if (frame.contentWindow === null) throw new Error("the frame has no window");
  return frame.contentWindow;
}

/** What can be called from outside. */
export type Scenarios = typeof scenarios;

Object.assign(globalThis, { scenarios });
