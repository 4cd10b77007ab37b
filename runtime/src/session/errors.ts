// SPDX-License-Identifier: Apache-2.0
// The two errors of a session, by scope: what ends a connection and what ends one stream.

import { decodeUtf8 } from "../bytes/utf8.js";
import { errorCodeName } from "../frames/errors.js";

/** Who ended it: this side, or the peer (and whatever lies between). */
export type Initiator = "local" | "remote";

/** A connection ended, or couldn't begin. All its streams end with it. */
export class ConnectionError extends Error {
  override readonly name: string = "ConnectionError";
  readonly scope = "connection";
  /** The RSocket error code (RSocket 1.0 §Error Codes). */
  declare readonly code: number;
  declare readonly initiator: Initiator;
  /** The data of the peer's ERROR frame, when that ended it. */
  declare readonly data: Uint8Array | undefined;

  constructor(
    code: number,
    message: string,
    initiator: Initiator,
    options: { cause?: unknown; data?: Uint8Array | undefined } = {},
  ) {
    super(message, options.cause === undefined ? undefined : options);
    this.code = code;
    this.initiator = initiator;
    this.data = options.data;
  }
}

/**
 * What a ConnectionError says, without one: where nobody is to get it, as at most closes in order, its stack would cost
 * as much as all else that happens then.
 */
export type EndReason = Pick<ConnectionError, "code" | "message" | "initiator" | "data">;

/** One stream ended with an error. The connection lives on. */
export class StreamError extends Error {
  override readonly name: string = "StreamError";
  readonly scope = "stream";
  /** The RSocket error code (RSocket 1.0 §Error Codes), unsigned. */
  readonly code: number;
  readonly initiator: Initiator;
  /** The data of the ERROR frame: UTF-8 text unless both sides agreed on something else. */
  readonly data: Uint8Array;
  /** A limit on bytes was reached: no rule was broken, and nobody gave up. */
  readonly isAboveLimit: boolean;

  constructor(code: number, data: Uint8Array, initiator: Initiator, message?: string, isAboveLimit = false) {
    super(message ?? `${errorCodeName(code)}: ${decodeUtf8(data)}`);
    this.code = code;
    this.data = data;
    this.initiator = initiator;
    this.isAboveLimit = isAboveLimit;
  }
}
