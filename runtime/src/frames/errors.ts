// SPDX-License-Identifier: Apache-2.0
// Error codes (RSocket 1.0 §Error Codes) and the one error the codec throws.

/** The codes of ERROR frames. 0x301 … 0xFFFFFFFE belong to applications. */
export const ErrorCode = {
  INVALID_SETUP: 0x001,
  UNSUPPORTED_SETUP: 0x002,
  REJECTED_SETUP: 0x003,
  REJECTED_RESUME: 0x004,
  CONNECTION_ERROR: 0x101,
  CONNECTION_CLOSE: 0x102,
  APPLICATION_ERROR: 0x201,
  REJECTED: 0x202,
  CANCELED: 0x203,
  INVALID: 0x204,
} as const;
/** An unsigned 32-bit error code. */
export type ErrorCode = number;

/** The name of an error code with its number, e.g. `REJECTED_SETUP (0x003)`. */
export function errorCodeName(code: ErrorCode): string {
  const number = `0x${code.toString(16).padStart(3, "0")}`;
  for (const [name, value] of Object.entries(ErrorCode)) if (value === code) return `${name} (${number})`;
  return number;
}

/** Where an error code may stand: on stream 0, on the other streams, or on neither (§Error Codes). */
export function errorCodeScope(code: ErrorCode): "connection" | "stream" | "reserved" {
  if (code >= ErrorCode.INVALID_SETUP && code <= ErrorCode.REJECTED_RESUME) return "connection";
  if (code === ErrorCode.CONNECTION_ERROR || code === ErrorCode.CONNECTION_CLOSE) return "connection";
  if (code >= ErrorCode.APPLICATION_ERROR && code <= ErrorCode.INVALID) return "stream";
  return code > 0x300 && code < 0xffffffff ? "stream" : "reserved";
}

/** Bytes that are no frame. The connection they came over can't be trusted to be in step any more. */
export class FrameFormatError extends Error {
  override readonly name: string = "FrameFormatError";
  /** The frame had the ignore flag and a sound length: it may be dropped instead (HDR-03, META-02). */
  readonly mayIgnore: boolean;

  constructor(message: string, mayIgnore = false) {
    super(message);
    this.mayIgnore = mayIgnore;
  }
}
