// SPDX-License-Identifier: Apache-2.0
// The payload-level side that asks (RSocket 1.0 §Interaction Models).

import type { StreamSink } from "../session/stream.js";
import type { ExtensionInit, Payload, StreamHandle } from "./payload.js";

/**
 * Makes requests. All methods throw a ConnectionError when the connection isn't open; whatever else happens to a request
 * is told to its sink, whose methods may be left out. Bytes passed in belong to the runtime until they are sent.
 */
export interface Requester {
  /** REQUEST_FNF. The sink hears `onComplete` when the frames are with the transport, or `onError`. */
  fireAndForget(request: Payload, sink?: Partial<StreamSink>): StreamHandle;
  /** REQUEST_RESPONSE. The sink hears `onNext` or `onComplete`, or `onError`. */
  requestResponse(request: Payload, sink: Partial<StreamSink>): StreamHandle;
  /** REQUEST_STREAM for `initialN` items at first, 1 … 2^31-1; ask for more with `request` of the handle. */
  requestStream(request: Payload, initialN: number, sink: Partial<StreamSink>): StreamHandle;
  /** REQUEST_CHANNEL: the request is the first item; send more when `onRequestN` tells of credit. */
  requestChannel(request: Payload, initialN: number, sink: Partial<StreamSink>): StreamHandle;
  /**
   * METADATA_PUSH (RSocket 1.0 §METADATA_PUSH), ahead of what waits on streams. False: the write queue is full, and more of
   * them should wait, as nothing holds them back. Nothing tells whether it arrived. A peer of ours takes 64 KiB each
   * (`limits.maxMetadataBytes`) and, together with KEEPALIVE, 500 a second (`limits.controlsPerSecond`), and ends the
   * connection over more. rsocket-js 1.0 alpha dies of any.
   * @throws RangeError when it doesn't fit one frame of 16,777,215 bytes.
   */
  metadataPush(metadata: Uint8Array): boolean;
  /**
   * EXT on stream 0 (RSocket 1.0 §EXT), ahead of what waits on streams. False: as with `metadataPush`, whose limits hold
   * here, too. Send it only to peers that have said that they understand it: others should drop it, but rsocket-js,
   * rsocket-go, rsocket-rust and rsocket-cpp end the connection instead.
   * @throws RangeError when `extendedType` isn't 1 … 2^31-1, or the payload doesn't fit one frame of 16,777,215 bytes.
   */
  extension(extension: ExtensionInit): boolean;
}
