// SPDX-License-Identifier: Apache-2.0
// A service of plain bytes without generated code, and ears for what would end the process.

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { CallContext } from "rsocket-rpc";
import {
  type BoundService,
  type ByteSink,
  type Codec,
  handleBidi,
  handleClientStream,
  handleFireAndForget,
  handleServerStream,
  handleUnary,
  type Method,
  method,
  type Source,
  serviceHandler,
} from "rsocket-rpc/codegen";
import { nextTurn } from "../support/next-turn.js";

/** A message that is its bytes. */
export interface Blob {
  readonly bytes: Uint8Array;
}

const BLOB: Codec<Blob> = {
  typeName: "test.Blob",
  encode({ bytes }: Blob, sink: ByteSink): void {
    sink.push(bytes);
  },
  decode: (bytes) => ({ bytes }),
};

const SERVICE = "test.Blobs";
type BlobMethod = Method<Blob, Blob, Blob, Blob>;

function define(name: string, kind: BlobMethod["kind"], interaction: BlobMethod["interaction"]): BlobMethod {
  return method({ service: SERVICE, name, kind, interaction, idempotency: "unknown", input: BLOB, output: BLOB });
}

/** test.Blobs */
export const Get: BlobMethod = define("Get", "unary", "request_response");
export const Put: BlobMethod = define("Put", "unary", "fire_and_forget");
export const Watch: BlobMethod = define("Watch", "server_streaming", "request_stream");
export const Upload: BlobMethod = define("Upload", "client_streaming", "request_channel");
export const Echo: BlobMethod = define("Echo", "bidi_streaming", "request_channel");

/** Handlers of test.Blobs. */
export interface BlobHandlers {
  readonly get?: (request: Blob, context: CallContext) => Blob | Promise<Blob>;
  readonly put?: (request: Blob, context: CallContext) => void | Promise<void>;
  readonly watch?: (request: Blob, context: CallContext) => Source<Blob>;
  readonly upload?: (requests: AsyncIterable<Blob>, context: CallContext) => Blob | Promise<Blob>;
  readonly echo?: (requests: AsyncIterable<Blob>, context: CallContext) => Source<Blob>;
}

/** test.Blobs with those methods that have a handler. */
export function blobs({ get, put, watch, upload, echo }: BlobHandlers): BoundService {
  return serviceHandler(SERVICE, [
    ...(get === undefined ? [] : [handleUnary(Get, get)]),
    ...(put === undefined ? [] : [handleFireAndForget(Put, put)]),
    ...(watch === undefined ? [] : [handleServerStream(Watch, watch)]),
    ...(upload === undefined ? [] : [handleClientStream(Upload, upload)]),
    ...(echo === undefined ? [] : [handleBidi(Echo, echo)]),
  ]);
}

/** A message of `byteLength` bytes. */
export function blob(byteLength: number): Blob {
  return { bytes: new Uint8Array(byteLength) };
}

/** A message of one letter or a few. */
export function blobOf(text: string): Blob {
  return { bytes: new TextEncoder().encode(text) };
}

/** What the bytes of a message say. */
export function textOf({ bytes }: Blob): string {
  return new TextDecoder().decode(bytes);
}

/** Takes no notice: for handlers that fail on purpose. */
export const SILENT_OBSERVER = { onHandlerError(): void {}, onCleanupError(): void {}, onAcceptError(): void {} };

const FATAL = ["unhandledRejection", "uncaughtException"] as const;

/** What would have ended the process while `run` ran. */
export async function fatalsDuring(run: () => Promise<void>): Promise<unknown[]> {
  const fatals: unknown[] = [];
  const listen = (error: unknown): void => void fatals.push(error);
  // The test runner's own ears would fail the test with the error itself, and not say what it means.
  const before = FATAL.map((event) => [event, process.listeners(event as "uncaughtException")] as const);
  for (const event of FATAL) process.removeAllListeners(event).on(event, listen);
  try {
    await run();
    // They are told once all microtasks are done.
    for (let i = 0; i < 3; i++) await nextTurn();
  } finally {
    for (const [event, listeners] of before) {
      process.removeAllListeners(event);
      for (const listener of listeners) process.on(event, listener);
    }
  }
  return fatals;
}

/** Collects garbage, all of it. */
export async function collectGarbage(): Promise<void> {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  // A WeakRef that was made or read in this turn holds its object until the turn is over.
  for (let i = 0; i < 2; i++) {
    await nextTurn();
    collect();
  }
}
