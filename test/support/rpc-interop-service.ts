// SPDX-License-Identifier: Apache-2.0
// The service that peers in other languages were captured with: sizes, pauses and failures as the caller asks.

import { type CallContext, Code, type MetadataMode, RpcError, type Scheduler } from "rsocket-rpc";
import type { BoundService, Input } from "rsocket-rpc/codegen";
import { readCompositeEntries } from "../../runtime/src/metadata/composite.js";
import { ENVELOPE_MIME_TYPE } from "../../runtime/src/metadata/entry.js";
import { ROUTING_MIME_TYPE } from "../../runtime/src/metadata/mime-types.js";
import type { SimpleRequest, SimpleResponseSchema } from "./gen/interop_pb.js";
import { createTestServiceClient, implementTestService } from "./gen/interop_rsocket.js";

type Answer = Input<typeof SimpleResponseSchema>;

const NO_BYTES = new Uint8Array(0);

/** The service, with `scheduler`'s time. `numbersAnswers`: BidiStream sets `sequence`; the Java services didn't. */
export function interopService(scheduler: Scheduler, numbersAnswers = true): BoundService {
  const fired = new Map<string, Uint8Array<ArrayBufferLike>[]>();
  // A handler that nobody waits for any more doesn't wait either.
  const wait = (delayMs: number, { signal }: CallContext): Promise<void> =>
    new Promise((resolve) => {
      if (signal.aborted) return resolve();
      const timer = scheduler.setTimer(delayMs, () => {
        signal.removeEventListener("abort", stop);
        resolve();
      });
      const stop = (): void => {
        timer.cancel();
        resolve();
      };
      signal.addEventListener("abort", stop, { once: true });
    });

  const remember = (key: string, payload: Uint8Array): void =>
    void fired.set(key, [...(fired.get(key) ?? []), payload]);
  // A caller asks with Fired whether its cancellation was noticed.
  const watch = (key: string, { signal }: CallContext): void => {
    if (key === "") return;
    const note = (): void => remember(`cancelled:${key}`, NO_BYTES);
    if (signal.aborted) note();
    else signal.addEventListener("abort", note, { once: true });
  };

  async function answer(request: SimpleRequest, context: CallContext, sequence: number): Promise<Answer> {
    watch(request.key, context);
    if (request.delayMs > 0) await wait(request.delayMs, context);
    if (request.failWith !== undefined) throw failure(request.failWith);
    return {
      payload: request.responseSize > 0 ? new Uint8Array(request.responseSize) : bytesOf(request.payload),
      sequence,
      ...(request.tag === undefined ? {} : { tag: request.tag }),
      requestMetadata: bytesOf(userPart(context)),
    };
  }

  return implementTestService({
    emptyCall: () => ({}),
    unaryCall: (request, context) => {
      echoHeaders(context);
      return answer(request, context, 0);
    },
    fireAndForget: ({ key, payload }) => remember(key, payload),
    fired: ({ key }) => {
      const payloads = fired.get(key) ?? [];
      return { count: payloads.length, lastPayload: bytesOf(payloads.at(-1) ?? new Uint8Array(0)) };
    },
    async *serverStream({ sizes, intervalMs, failAfter, failWith }, context) {
      for (const [sequence, size] of sizes.entries()) {
        if (failWith !== undefined && sequence === failAfter) throw failure(failWith);
        if (intervalMs > 0 && sequence > 0) await wait(intervalMs, context);
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

// How a caller of ours sees that its headers arrived: those that begin with x- come back, as headers and as trailers.
function echoHeaders({ headers, responseHeaders, responseTrailers }: CallContext): void {
  for (const [key, value] of headers) {
    if (!key.startsWith("x-")) continue;
    responseHeaders.append(key, value);
    responseTrailers.append(key, value);
  }
}

// In composite mode the handler sees the whole metadata: the application's part is the first entry that is neither the
// route nor our extension's.
function userPart({ connection, rawMetadata }: CallContext): Uint8Array {
  const { format } = connection as unknown as { format: { readonly mode: MetadataMode } };
  if (format.mode === "rpc") return rawMetadata;
  const entries = readCompositeEntries(rawMetadata);
  const own = ({ mimeType }: { mimeType: string | number }): boolean =>
    mimeType !== ROUTING_MIME_TYPE && mimeType !== ENVELOPE_MIME_TYPE;
  return entries.find(own)?.payload ?? NO_BYTES;
}
