// SPDX-License-Identifier: Apache-2.0
// The service that peers in other languages were captured with: sizes, pauses and failures as the caller asks.

import { type CallContext, Code, RpcError, type Scheduler } from "rsocket-rpc";
import type { BoundService, Input } from "rsocket-rpc/codegen";
import type { SimpleRequest, SimpleResponseSchema } from "./gen/interop_pb.js";
import { createTestServiceClient, implementTestService } from "./gen/interop_rsocket.js";

type Answer = Input<typeof SimpleResponseSchema>;

const ROUTING = 0xfe;
const NO_BYTES = new Uint8Array(0);

/** The service, with `scheduler`'s time. `numbersAnswers`: BidiStream sets `sequence`; the Java services didn't. */
export function interopService(scheduler: Scheduler, numbersAnswers = true): BoundService {
  const fired = new Map<string, Uint8Array<ArrayBufferLike>[]>();
  const wait = (delayMs: number): Promise<void> => new Promise((resolve) => void scheduler.setTimer(delayMs, resolve));

  const remember = (key: string, payload: Uint8Array): void =>
    void fired.set(key, [...(fired.get(key) ?? []), payload]);
  // A caller asks with Fired whether its cancellation was noticed.
  const watch = (key: string, { signal }: CallContext): void => {
    if (key !== "") signal.addEventListener("abort", () => remember(`cancelled:${key}`, NO_BYTES));
  };

  async function answer(request: SimpleRequest, context: CallContext, sequence: number): Promise<Answer> {
    watch(request.key, context);
    if (request.delayMs > 0) await wait(request.delayMs);
    if (request.failWith !== undefined) throw failure(request.failWith);
    return {
      payload: request.responseSize > 0 ? new Uint8Array(request.responseSize) : bytesOf(request.payload),
      sequence,
      ...(request.tag === undefined ? {} : { tag: request.tag }),
      requestMetadata: bytesOf(userPart(context.rawMetadata)),
    };
  }

  return implementTestService({
    emptyCall: () => ({}),
    unaryCall: (request, context) => answer(request, context, 0),
    fireAndForget: ({ key, payload }) => remember(key, payload),
    fired: ({ key }) => {
      const payloads = fired.get(key) ?? [];
      return { count: payloads.length, lastPayload: bytesOf(payloads.at(-1) ?? new Uint8Array(0)) };
    },
    async *serverStream({ sizes, intervalMs, failAfter, failWith }) {
      for (const [sequence, size] of sizes.entries()) {
        if (failWith !== undefined && sequence === failAfter) throw failure(failWith);
        if (intervalMs > 0 && sequence > 0) await wait(intervalMs);
        yield { payload: new Uint8Array(size), sequence };
      }
      if (failWith !== undefined) throw failure(failWith);
    },
    async clientStream(requests, context) {
      let count = 0;
      let byteLength = 0;
      for await (const { payload, key } of requests) {
        watch(key, context);
        count++;
        byteLength += payload.length;
      }
      return { count, bytes: BigInt(byteLength) };
    },
    async *bidiStream(requests, context) {
      let sequence = 0;
      for await (const request of requests) yield await answer(request, context, numbersAnswers ? sequence++ : 0);
    },
    callBack: (request, context) => createTestServiceClient(context.connection).unaryCall(request),
  });
}

function failure({ code, message }: { readonly code: number; readonly message: string }): RpcError {
  // What the caller asked for, be it one of the sixteen or not.
  return new RpcError((code || Code.Unknown) as Code, message);
}

function bytesOf(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(bytes);
}

// In composite mode the handler sees the whole metadata: the application's part is the entry behind the routing.
function userPart(metadata: Uint8Array): Uint8Array {
  if (metadata[0] !== ROUTING) return metadata;
  let at = 0;
  let payload = new Uint8Array(0);
  for (let i = 0; at < metadata.length; i++) {
    const first = metadata[at] ?? 0;
    at += (first & 0x80) !== 0 ? 1 : first + 2;
    const byteLength = ((metadata[at] ?? 0) << 16) | ((metadata[at + 1] ?? 0) << 8) | (metadata[at + 2] ?? 0);
    at += 3;
    if (i === 1) payload = Uint8Array.from(metadata.subarray(at, at + byteLength));
    at += byteLength;
  }
  return payload;
}
