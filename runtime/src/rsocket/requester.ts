// SPDX-License-Identifier: Apache-2.0
// The payload-level side that asks (RSocket 1.0 §Interaction Models).

import type { StreamSink } from "../session/stream.js";
import type { Payload, StreamHandle } from "./payload.js";

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
  /** METADATA_PUSH; rsocket-js 1.0 alpha dies of it. @throws RangeError when it doesn't fit one frame. */
  metadataPush(metadata: Uint8Array): void;
}
