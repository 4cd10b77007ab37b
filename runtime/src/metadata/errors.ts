// SPDX-License-Identifier: Apache-2.0
// The two errors of metadata: bytes that can't be read, and things that can't be sent.

/** The longest piece of a peer's or a user's text that a message repeats. */
const MAX_QUOTED_LENGTH = 80;

/**
 * Metadata, or what stands in its place in an ERROR frame, that breaks its format. It spoils the request, the answer
 * or the SETUP that it came with, never the connection: the frame around it was sound.
 */
export class MetadataFormatError extends Error {
  override readonly name: string = "MetadataFormatError";
  /** Where in the bytes that were given; undefined when the fault has no single place. */
  readonly offset: number | undefined;

  constructor(what: string, expected: string, offset?: number) {
    super(`${what}${offset === undefined ? "" : ` at byte ${offset}`}, expected ${expected}`);
    this.offset = offset;
  }
}

/** Metadata that must not be sent: a header against the rules, or more than a frame may carry. A mistake of the caller. */
export class MetadataError extends TypeError {
  override readonly name: string = "MetadataError";
  /** The key of the header that was refused, lower-cased where it could be; undefined when it isn't about one header. */
  readonly key: string | undefined;

  constructor(message: string, key?: string) {
    super(message);
    this.key = key;
  }
}

/** `text` in quotes for a message, with control characters escaped and a long rest cut off. */
export function quote(text: string): string {
  return JSON.stringify(text.length > MAX_QUOTED_LENGTH ? `${text.slice(0, MAX_QUOTED_LENGTH)}…` : text);
}
