// SPDX-License-Identifier: Apache-2.0
// The text of a `traceparent` header (W3C Trace Context §traceparent): parsed and formatted, nothing more.

const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const SAMPLED_FLAG = 0x01;
const ALL_ZEROS = /^0+$/;

/** A position in a trace. Ids are lower-case hex. */
export interface Traceparent {
  /** 32 digits, not all zero. */
  readonly traceId: string;
  /** The span of the sender: 16 digits, not all zero. */
  readonly spanId: string;
  /** The sender records the trace. */
  readonly sampled: boolean;
}

/** What `text` says; undefined when it isn't valid, in which case the standard wants a new trace, not an error. */
export function parseTraceparent(text: string): Traceparent | undefined {
  const [, version = "ff", traceId = "", spanId = "", flags = "", more] = TRACEPARENT.exec(text) ?? [];
  // Later versions may append fields; version 00 has exactly four, and ff is forbidden.
  if (version === "ff" || (version === "00" && more !== undefined)) return undefined;
  if (ALL_ZEROS.test(traceId) || ALL_ZEROS.test(spanId)) return undefined;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & SAMPLED_FLAG) !== 0 };
}

/** The header's value, in version 00. @throws RangeError when an id isn't lower-case hex of the right length. */
export function formatTraceparent({ traceId, spanId, sampled }: Traceparent): string {
  const text = `00-${traceId}-${spanId}-${sampled ? "01" : "00"}`;
  if (parseTraceparent(text) === undefined) {
    throw new RangeError(
      `traceId ${traceId} and spanId ${spanId}, expected 32 and 16 hex digits in lower case, not all 0`,
    );
  }
  return text;
}
