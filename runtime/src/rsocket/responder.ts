// SPDX-License-Identifier: Apache-2.0
// The payload-level side that answers (RSocket 1.0 §Interaction Models).

import { ErrorCode } from "../frames/errors.js";
import type { StreamSink } from "../session/stream.js";
import { SILENT_SINK, type Stream } from "../session/stream.js";
import { Interaction } from "../session/stream-state.js";
import type { Extension, Payload, StreamHandle } from "./payload.js";
import { guard, print } from "./thrown.js";

/**
 * Handlers of the interaction models; those left out are refused with REJECTED.
 *
 * Each gets the request and the stream to answer through, and returns the sink that hears of CANCEL, REQUEST_N and, on
 * a channel, of further items; nothing when it has no ear for them. What a handler throws, or rejects with if it is async,
 * becomes ERROR[APPLICATION_ERROR] "internal error" on that stream and goes to `onHandlerError`.
 */
export interface Responder {
  /** Nothing can be answered. */
  fireAndForget?(request: Payload): void;
  /** Answer with `stream.next(data, metadata)` or `stream.error`. */
  requestResponse?(request: Payload, stream: StreamHandle): Partial<StreamSink> | undefined;
  /** Send while `stream.mayProduce`, then `complete`. */
  requestStream?(request: Payload, stream: StreamHandle): Partial<StreamSink> | undefined;
  /** As `requestStream`; the request is the first item, `complete` tells that it was the last. */
  requestChannel?(request: Payload, stream: StreamHandle, complete: boolean): Partial<StreamSink> | undefined;
  /** METADATA_PUSH (RSocket 1.0 §METADATA_PUSH). The bytes may be kept. */
  metadataPush?(metadata: Uint8Array): void;
  /**
   * EXT (RSocket 1.0 §EXT). Return true when its type is understood. Of any other one that isn't to be ignored the
   * connection ends with CONNECTION_ERROR, as it does without this method.
   */
  extension?(extension: Extension): boolean;
  /** Something a handler threw. Unset: reported as an uncaught error of the process would be. */
  onHandlerError?(error: unknown): void;
}

/** How requests reach the layer above. */
export type RequestHandler = (
  stream: Stream,
  metadata: Uint8Array | undefined,
  data: Uint8Array,
  complete: boolean,
) => void;

const INTERNAL_ERROR = new TextEncoder().encode("internal error");

/** Calls the methods of `responder` for the requests of one connection. */
export function handlerOf(responder: Responder): RequestHandler {
  return (stream, metadata, data, complete) => {
    const request: Payload = { data, metadata };
    guard(() => {
      const sink = call(responder, stream, request, complete);
      if (sink instanceof Promise) return sink;
      if (sink !== undefined && !stream.isForgotten) stream.sink = guardSink(sink, fail);
      return undefined;
    }, fail);

    function fail(error: unknown): void {
      stream.error(ErrorCode.APPLICATION_ERROR, INTERNAL_ERROR);
      reportHandlerError(responder, error);
    }
  };
}

/** Passes METADATA_PUSH to `responder`. There is no stream that what it throws could fail. */
export function pushHandlerOf(responder: Responder): (metadata: Uint8Array) => void {
  return (metadata) => {
    guard(
      () => responder.metadataPush?.(metadata),
      (error) => reportHandlerError(responder, error),
    );
  };
}

/** Passes EXT to `responder`. A handler that throws has understood it, and failed. */
export function extensionHandlerOf(responder: Responder): (frame: Extension) => boolean {
  return (frame) => {
    let answer: unknown = true;
    guard(
      () => {
        answer = responder.extension?.(frame);
        return answer;
      },
      (error) => reportHandlerError(responder, error),
    );
    return answer === true;
  };
}

/**
 * A sink that does nothing where `sink` has no method. What a method throws goes to `onThrow` and no further: the
 * connection has other streams.
 */
export function guardSink(sink: Partial<StreamSink>, onThrow: (error: unknown) => void): StreamSink {
  return {
    onNext: (data, metadata, complete) => guard(() => sink.onNext?.(data, metadata, complete), onThrow),
    onComplete: (metadata) => guard(() => sink.onComplete?.(metadata), onThrow),
    onError: (error) => guard(() => sink.onError?.(error), onThrow),
    onCancel: () => guard(() => sink.onCancel?.(), onThrow),
    onRequestN: (n) => guard(() => sink.onRequestN?.(n), onThrow),
    onWritable: () => guard(() => sink.onWritable?.(), onThrow),
  };
}

function call(
  responder: Responder,
  stream: Stream,
  request: Payload,
  complete: boolean,
): Partial<StreamSink> | Promise<unknown> | undefined {
  switch (stream.interaction) {
    case Interaction.FIRE_AND_FORGET: {
      const returned: unknown = responder.fireAndForget?.(request);
      return returned instanceof Promise ? returned : undefined;
    }
    case Interaction.REQUEST_RESPONSE:
      if (responder.requestResponse !== undefined) return responder.requestResponse(request, stream);
      break;
    case Interaction.REQUEST_STREAM:
      if (responder.requestStream !== undefined) return responder.requestStream(request, stream);
      break;
    case Interaction.REQUEST_CHANNEL:
      if (responder.requestChannel !== undefined) return responder.requestChannel(request, stream, complete);
      break;
  }
  stream.error(ErrorCode.REJECTED, new TextEncoder().encode(`no handler for ${stream.interaction}`));
  return SILENT_SINK;
}

function reportHandlerError(responder: Responder, error: unknown): void {
  const tell = (): void => print("a responder's handler threw", error);
  if (responder.onHandlerError === undefined) return tell();
  guard(
    () => responder.onHandlerError?.(error),
    (thrown) => {
      print("a responder's onHandlerError threw", thrown);
      tell();
    },
  );
}
