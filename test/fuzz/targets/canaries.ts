// SPDX-License-Identifier: Apache-2.0
// Readers of `bytes[start, end)` look at nothing around it and throw one kind of error.

const MARGIN_BYTES = 16;

/** What a reader made of some bytes: its result, or the error that it may throw. */
export type Outcome<T> = { readonly value: T; readonly error?: undefined } | { readonly error: Error };

/**
 * Reads `input` twice, amid zeros and amid ones. Throws when that makes a difference, when a view reaches out, or when
 * anything is thrown that isn't a `Fault`.
 */
export function readAmid<T>(
  input: Uint8Array,
  Fault: new (...of: never[]) => Error,
  read: (bytes: Uint8Array, start: number, end: number) => T,
): Outcome<T> {
  const zeros = attempt(input, 0x00, Fault, read);
  const ones = attempt(input, 0xff, Fault, read);
  const [seen, expected] = [said(ones), said(zeros)];
  if (seen !== expected) throw new Error(`amid ones: ${seen}, amid zeros: ${expected}`);
  return zeros;
}

function attempt<T>(
  input: Uint8Array,
  canary: number,
  Fault: new (...of: never[]) => Error,
  read: (bytes: Uint8Array, start: number, end: number) => T,
): Outcome<T> {
  const buffer = new Uint8Array(input.length + 2 * MARGIN_BYTES).fill(canary);
  buffer.set(input, MARGIN_BYTES);
  const { stackTraceLimit } = Error;
  // Most inputs are refused, and nobody looks where.
  Error.stackTraceLimit = 0;
  try {
    return { value: read(buffer, MARGIN_BYTES, MARGIN_BYTES + input.length) };
  } catch (error) {
    if (error instanceof Fault) return { error };
    throw error;
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

function said(outcome: Outcome<unknown>): string {
  return outcome.error === undefined ? asText(outcome.value) : `${outcome.error.name}: ${outcome.error.message}`;
}

/** Anything that a reader returns, as a text: bytes in hex, maps as pairs. */
export function asText(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => {
    if (part instanceof Uint8Array) return Buffer.from(part.buffer, part.byteOffset, part.byteLength).toString("hex");
    return part instanceof Map ? [...part] : part;
  });
}
