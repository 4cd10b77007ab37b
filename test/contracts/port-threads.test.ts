// SPDX-License-Identifier: Apache-2.0
// Ports to another thread: the same bytes and the same brake as within one, and threads that end in every way.

import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { MessageChannel, Worker } from "node:worker_threads";
import { expect } from "chai";
import { build } from "esbuild";
import { Code, connectPort, RpcError } from "rsocket-rpc";
import type { FrameLink } from "../../runtime/src/engine/link.js";
import { systemScheduler } from "../../runtime/src/engine/scheduler.js";
import { openPortLink, type PortLike } from "../../runtime/src/transports/message-port.js";
import type { PortWorkerData } from "../support/port-worker.js";
import { rejectionOf } from "../support/rpc-world.js";
import { batchOf } from "./link-contract.js";
import { LinkRecorder } from "./link-contract-recorder.js";

const SCRIPT = fileURLToPath(new URL("../support/port-worker.ts", import.meta.url));
const WINDOW_BYTES = 524_288;
const FRAME = { byteLength: () => 997 };
const BIG_FRAME = { byteLength: () => 1_048_576 };

describe("a port to another thread", function () {
  this.timeout(20_000);
  const workers: Worker[] = [];
  let script = "";

  // What compiles TypeScript for the tests isn't handed on to workers.
  before(async () => {
    const { outputFiles } = await build({
      entryPoints: [SCRIPT],
      bundle: true,
      platform: "node",
      format: "cjs",
      write: false,
      logLevel: "silent",
    });
    script = outputFiles[0]?.text ?? "";
  });

  afterEach(async () => {
    await Promise.all(workers.splice(0).map((worker) => worker.terminate()));
  });

  function start(workerData: PortWorkerData, transferList: (ArrayBuffer | MessageChannel["port1"])[] = []): Worker {
    const worker = new Worker(script, { eval: true, workerData, transferList });
    workers.push(worker);
    return worker;
  }

  async function open(port: PortLike): Promise<{ link: FrameLink; handler: LinkRecorder }> {
    const link = await new Promise<FrameLink>((onOpen, onFailed) => {
      openPortLink(port, systemScheduler, { onOpen, onFailed });
    });
    const handler = new LinkRecorder();
    link.setHandler(handler);
    return { link, handler };
  }

  // In batches of `step`, while the link takes them.
  async function sendAll(link: FrameLink, handler: LinkRecorder, count: number): Promise<void> {
    for (let start = 0; start < count; start += 100) {
      const { drains } = handler;
      if (!link.send(batchOf(FRAME, start, start + 100))) await handler.until(() => handler.drains > drains);
    }
  }

  it("brings frames there and back, whole and in order, and the thread ends by itself behind close", async () => {
    const worker = start({ role: "echo" });
    const { link, handler } = await open(worker);
    await Promise.all([sendAll(link, handler, 5_000), handler.untilFrames(5_000)]);
    expect(handler.frames.map(([, high = 0, middle = 0, low = 0]) => (high << 16) | (middle << 8) | low)).to.deep.equal(
      Array.from({ length: 5_000 }, (_, index) => index),
    );
    expect(handler.frames.every(({ length }) => length === 997)).to.equal(true);
    for (let i = 0; i < 4; i++) link.send(batchOf(BIG_FRAME, i, i + 1));
    await handler.untilFrames(5_004);
    const exit = once(worker, "exit");
    link.close();
    await handler.untilClosed();
    expect(handler.closes).to.deep.equal([undefined]);
    expect(await exit).to.deep.equal([0]);
    expect(handler.violations).to.deep.equal([]);
  });

  it("stops the sender when the thread reads nothing, at its window, and loses nothing when it goes on", async () => {
    const { port1, port2: signal } = new MessageChannel();
    const { link, handler } = await open(start({ role: "stopped", signal }, [signal]));
    let count = 0;
    do count += 100;
    while (link.send(batchOf(FRAME, count - 100, count)));
    expect(count * 1_000).to.be.within(WINDOW_BYTES, WINDOW_BYTES + 100_000);
    expect(link.unsentBytes).to.equal(count * 1_000);
    port1.postMessage("go");
    await Promise.all([handler.untilFrames(count), handler.until(() => handler.drains === 1)]);
    port1.close();
    link.close();
    await handler.untilClosed();
  });

  it("tells when the thread is terminated, over its Worker and over a MessagePort", async () => {
    const overWorker = start({ role: "echo" });
    const { port1, port2 } = new MessageChannel();
    const overPort = start({ role: "echo", port: port2 }, [port2]);
    const [first, second] = await Promise.all([open(overWorker), open(port1)]);
    await Promise.all([overWorker.terminate(), overPort.terminate()]);
    await Promise.all([first.handler.untilClosed(), second.handler.untilClosed()]);
    expect(first.handler.closes.map(String)).to.deep.equal(["Error: the worker exited with code 1"]);
    expect(second.handler.closes.map(String)).to.deep.equal(["Error: the port is closed: the other end is gone"]);
  });

  for (const [role, reason] of [
    ["exit", "the worker exited with code 3"],
    ["throw", "the worker failed before it listened: a bug of the worker"],
  ] as const) {
    it(`fails at once when the thread ends before it listens, and the process lives on: ${role}`, async () => {
      const error = await rejectionOf(connectPort(start({ role })));
      expect(RpcError.is(error, Code.Unavailable) && error.message).to.include(reason);
    });
  }

  it("leaves errors of a thread that has listened to whoever hears them", async () => {
    const worker = start({ role: "echo" });
    const { link } = await open(worker);
    expect(worker.listenerCount("error")).to.equal(0);
    link.abort();
  });

  it("fails at once when the thread is over", async () => {
    const worker = start({ role: "echo" });
    await worker.terminate();
    const error = await rejectionOf(connectPort(worker));
    expect(RpcError.is(error, Code.Unavailable) && error.message).to.include("the worker has exited");
  });
});
