// SPDX-License-Identifier: Apache-2.0
// The service that is attacked: what its handlers do is chosen by the message, and all of it is counted.

import { type CallContext, Code, RpcError } from "rsocket-rpc";
import type { BoundService } from "rsocket-rpc/codegen";
import type { StreamRequest } from "../support/gen/interop_pb.js";
import { implementTestService } from "../support/gen/interop_rsocket.js";

/** What handlers have done since the process began. */
export const counts = { begun: 0, ended: 0, itemsMade: 0, sourcesClosed: 0, fired: 0 };

const BYTES = new Uint8Array(4_194_304);
/** Text that no peer may see. */
export const SECRET = "SELECT password FROM users -- /etc/secret/path";

/** The service. Keys of a SimpleRequest: `wait`, `deaf`, `fail`, `throw`, `unread`. */
export const attackedService: BoundService = implementTestService({
  emptyCall: () => ({}),
  unaryCall: (request, context) =>
    counted(async () => {
      await act(request.key, context);
      if (request.delayMs > 0) await sleep(request.delayMs);
      return {
        payload: request.responseSize > 0 ? sizedBytes(request.responseSize) : Uint8Array.from(request.payload),
      };
    }),
  fireAndForget: ({ key }) => {
    counts.fired++;
    if (key === "throw") throw new Error(SECRET);
  },
  fired: () => ({ count: counts.fired }),
  // Items of a size, `failAfter` of them or without end; `intervalMs` apart, or as fast as they are taken.
  serverStream: (request) => (request.intervalMs > 0 ? slowItems(request) : quickItems(request)),
  clientStream: (requests, context) =>
    counted(async () => {
      let count = 0;
      let byteLength = 0;
      for await (const { payload, key } of requests) {
        if (key === "unread") await aborted(context);
        count++;
        byteLength += payload.length;
      }
      return { count, bytes: BigInt(byteLength) };
    }),
  async *bidiStream(requests, context) {
    counts.begun++;
    try {
      for await (const { payload, key } of requests) {
        await act(key, context);
        yield { payload: Uint8Array.from(payload) };
      }
    } finally {
      counts.ended++;
    }
  },
  callBack: () => ({}),
});

// Never waits: a generator that isn't async.
function* quickItems({ sizes, failAfter }: StreamRequest): Generator<{ payload: Uint8Array<ArrayBuffer> }> {
  counts.begun++;
  try {
    const payload = sizedBytes(sizes[0] ?? 0);
    for (let i = 0; failAfter === 0 || i < failAfter; i++) {
      counts.itemsMade++;
      yield { payload };
    }
  } finally {
    counts.sourcesClosed++;
    counts.ended++;
  }
}

async function* slowItems({
  sizes,
  failAfter,
  intervalMs,
}: StreamRequest): AsyncGenerator<{ payload: Uint8Array<ArrayBuffer> }> {
  counts.begun++;
  try {
    const payload = sizedBytes(sizes[0] ?? 0);
    for (let i = 0; failAfter === 0 || i < failAfter; i++) {
      await sleep(intervalMs);
      counts.itemsMade++;
      yield { payload };
    }
  } finally {
    counts.sourcesClosed++;
    counts.ended++;
  }
}

async function act(key: string, context: CallContext): Promise<void> {
  if (key === "wait") await aborted(context);
  // Its caller is gone, and it goes on for a while.
  if (key === "deaf") await sleep(300);
  if (key === "fail") throw new RpcError(Code.FailedPrecondition, "as you wished");
  if (key === "throw") throw new Error(SECRET);
}

function aborted({ signal }: CallContext): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

async function counted<T>(handle: () => Promise<T>): Promise<T> {
  counts.begun++;
  try {
    return await handle();
  } finally {
    counts.ended++;
  }
}

function sleep(durationMs: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, durationMs);
  });
}

// Handlers never write what they send: all answers may share it.
function sizedBytes(byteLength: number): Uint8Array<ArrayBuffer> {
  return BYTES.subarray(0, byteLength);
}
