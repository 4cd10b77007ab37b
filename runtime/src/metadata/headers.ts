// SPDX-License-Identifier: Apache-2.0
// Headers and trailers as users see them: a multi-map of lower-case keys to texts, or to bytes under keys that end in `-bin`.

import { decodeUtf8Strict, encodeUtf8Into, utf8ByteLength } from "../bytes/utf8.js";
import { allocate } from "./allocate.js";
import type { Header } from "./envelope.js";
import { MAX_HEADERS } from "./envelope-reader.js";
import { MetadataError, MetadataFormatError, quote } from "./errors.js";

/** Text, or bytes under a key that ends in `-bin`. */
export type HeaderValue = string | Uint8Array;
/** A key that holds bytes. */
export type BinaryKey = `${string}-bin`;
/** What `Metadata.from` takes: another one, pairs in order, or a record with one value for each key. */
export type MetadataInit =
  | Metadata
  | Iterable<readonly [key: string, value: HeaderValue]>
  | Readonly<Record<string, HeaderValue>>;

const BINARY_SUFFIX = "-bin";
const RESERVED_PREFIXES = ["rsocket-", "grpc-"];
const KEY = /^[a-z0-9_.-]{1,64}$/;
const KEY_RULE = "1 … 64 of a-z 0-9 _ . -";
// Line breaks and NUL would let a value pose as more than one header wherever it is passed on.
const FORBIDDEN_IN_TEXT = /[\0\r\n]/;
/** Half of a surrogate pair has no UTF-8: it would arrive as another character. */
const LONE_SURROGATE = /\p{Surrogate}/u;
const NO_PAIRS: readonly Pair[] = [];
const NO_HEADERS: readonly Header[] = [];

type Pair = readonly [key: string, value: HeaderValue];

/**
 * Headers of a request or an answer, or trailers. Keys are matched without regard to the case of ASCII letters and kept
 * in lower case; several values of one key keep their order. An empty one costs next to nothing.
 *
 * @example
 * const headers = new Metadata().set("x-user", "ann").set("x-id-bin", Uint8Array.of(1, 2));
 * headers.get("X-User"); // "ann"
 */
export class Metadata {
  // No record: keys such as `__proto__` are keys like any other.
  #pairs: Pair[] | undefined;

  /** A copy of `init`. @throws MetadataError naming the first key or value that is against the rules. */
  static from(init: MetadataInit): Metadata {
    const metadata = new Metadata();
    if (init instanceof Metadata) {
      if (init.#pairs !== undefined) metadata.#pairs = [...init.#pairs];
      return metadata;
    }
    if (typeof init !== "object" || init === null) {
      throw new MetadataError(`headers are ${String(init)}, expected a Metadata, an object or pairs`);
    }
    const pairs = Symbol.iterator in init ? (init as Iterable<Pair>) : Object.entries(init);
    for (const [key, value] of pairs) metadata.append(key, value);
    return metadata;
  }

  /** @internal Headers that a peer sent; see `fromWireHeaders`. */
  static fromWire(headers: readonly Header[]): Metadata {
    const metadata = new Metadata();
    if (headers.length > MAX_HEADERS) {
      throw new MetadataFormatError(`${headers.length} headers`, `at most ${MAX_HEADERS}`);
    }
    for (const { key, value } of headers) {
      if (!isReserved(key)) (metadata.#pairs ??= []).push([key, readWireValue(key, value)]);
    }
    return metadata;
  }

  /** The first value of a text key. @throws MetadataError for a key ending in `-bin`: it holds bytes. */
  get(key: string): string | undefined {
    return this.#find(textKey(key))?.[1] as string | undefined; // text by the key's suffix
  }

  /** All values of a text key, in order. @throws MetadataError as `get`. */
  getAll(key: string): string[] {
    return this.#findAll(textKey(key)) as string[]; // texts by the key's suffix
  }

  /** The first value of a key that ends in `-bin`. @throws MetadataError for any other key: it holds text. */
  getBinary(key: BinaryKey): Uint8Array | undefined {
    return this.#find(binaryKey(key))?.[1] as Uint8Array | undefined; // bytes by the key's suffix
  }

  /** All values of a key that ends in `-bin`, in order. @throws MetadataError as `getBinary`. */
  getAllBinary(key: BinaryKey): Uint8Array[] {
    return this.#findAll(binaryKey(key)) as Uint8Array[]; // bytes by the key's suffix
  }

  /**
   * Sets a key to one value, in the place of its first one. Bytes are kept, not copied: leave them alone until they are sent.
   * @throws MetadataError when key or value is against the rules or there would be more than 128 headers.
   */
  set(key: string, value: HeaderValue): this {
    const pair = checkPair(key, value);
    const index = this.#pairs?.findIndex(([other]) => other === pair[0]) ?? -1;
    if (this.#pairs === undefined || index < 0) return this.#push(pair);
    this.#pairs = this.#pairs.filter(([other], i) => i <= index || other !== pair[0]);
    this.#pairs[index] = pair;
    return this;
  }

  /** Adds a value behind those that the key has. @throws MetadataError as `set`. */
  append(key: string, value: HeaderValue): this {
    return this.#push(checkPair(key, value));
  }

  /** Removes all values of a key; true when there was one. */
  delete(key: string): boolean {
    const size = this.size;
    const wanted = lowerCase(key);
    this.#pairs = this.#pairs?.filter(([other]) => other !== wanted);
    return this.size < size;
  }

  /** True when the key has a value. */
  has(key: string): boolean {
    return this.#find(lowerCase(key)) !== undefined;
  }

  /** How many values there are, over all keys. */
  get size(): number {
    return this.#pairs?.length ?? 0;
  }

  /** True when there is none. */
  get isEmpty(): boolean {
    return this.#pairs === undefined || this.#pairs.length === 0;
  }

  /** All pairs, in order. */
  [Symbol.iterator](): IterableIterator<Pair> {
    return (this.#pairs ?? NO_PAIRS)[Symbol.iterator]();
  }

  #push(pair: Pair): this {
    this.#pairs ??= [];
    if (this.#pairs.length >= MAX_HEADERS) {
      throw new MetadataError(`header ${quote(pair[0])} is one too many, expected at most ${MAX_HEADERS}`, pair[0]);
    }
    this.#pairs.push(pair);
    return this;
  }

  #find(wanted: string): Pair | undefined {
    return this.#pairs?.find(([key]) => key === wanted);
  }

  #findAll(wanted: string): HeaderValue[] {
    return (this.#pairs ?? NO_PAIRS).filter(([key]) => key === wanted).map(([, value]) => value);
  }
}

/** The headers to put into an Envelope; bytes are passed on as they are. */
export function toWireHeaders(metadata: Metadata): readonly Header[] {
  if (metadata.isEmpty) return NO_HEADERS;
  const headers: Header[] = [];
  for (const [key, value] of metadata)
    headers.push({ key, value: typeof value === "string" ? encodeText(value) : value });
  return headers;
}

/**
 * The headers of an Envelope. Keys with a reserved prefix are dropped; bytes are copied, so that a header that is kept
 * doesn't hold on to the chunk that it came in.
 * @throws MetadataFormatError when a key or value is against the rules, or there are more than 128.
 */
export function fromWireHeaders(headers: readonly Header[]): Metadata {
  return Metadata.fromWire(headers);
}

function checkPair(key: string, value: HeaderValue): Pair {
  const lowered = lowerCase(String(key));
  if (!KEY.test(lowered))
    throw new MetadataError(`the header key ${quote(lowered)} can't be sent, expected ${KEY_RULE}`, lowered);
  if (isReserved(lowered)) {
    throw new MetadataError(
      `the header key ${quote(lowered)} is reserved, expected none that begins with rsocket- or grpc-`,
      lowered,
    );
  }
  const fault = lowered.endsWith(BINARY_SUFFIX) ? bytesFault(value) : textFault(value);
  if (fault !== undefined) throw new MetadataError(`header ${quote(lowered)} ${fault}`, lowered);
  return [lowered, value];
}

function readWireValue(key: string, bytes: Uint8Array): HeaderValue {
  if (!KEY.test(key)) throw new MetadataFormatError(`a header has the key ${quote(key)}`, KEY_RULE);
  if (key.endsWith(BINARY_SUFFIX)) return bytes.slice();
  const text = decodeUtf8Strict(bytes, 0, bytes.length);
  if (text === undefined) throw new MetadataFormatError(`the value of header ${quote(key)} isn't UTF-8`, "UTF-8");
  const fault = textFault(text);
  if (fault !== undefined) throw new MetadataFormatError(`header ${quote(key)} ${fault}`, "a text on one line");
  return text;
}

// For texts so short several times as fast as the platform's encoder.
function encodeText(text: string): Uint8Array {
  const bytes = allocate(utf8ByteLength(text));
  encodeUtf8Into(text, bytes, 0);
  return bytes;
}

// Faults name the place, not the text: a header may be a secret.
function textFault(value: unknown): string | undefined {
  if (typeof value !== "string") return `holds ${describe(value)}, expected text; only keys ending in -bin hold bytes`;
  const forbidden = FORBIDDEN_IN_TEXT.exec(value) ?? LONE_SURROGATE.exec(value);
  if (forbidden === null) return undefined;
  const code = forbidden[0].charCodeAt(0).toString(16).padStart(4, "0").toUpperCase();
  return `has U+${code} at index ${forbidden.index} of its value, expected text without NUL, CR, LF and lone surrogates`;
}

function bytesFault(value: unknown): string | undefined {
  return value instanceof Uint8Array
    ? undefined
    : `holds ${describe(value)}, expected a Uint8Array: its key ends in -bin`;
}

function describe(value: unknown): string {
  if (value instanceof Uint8Array) return "bytes";
  return value === null || typeof value === "undefined" ? String(value) : `a ${typeof value}`;
}

function isReserved(key: string): boolean {
  return RESERVED_PREFIXES.some((prefix) => key.startsWith(prefix));
}

function textKey(key: string): string {
  const lowered = lowerCase(key);
  if (!lowered.endsWith(BINARY_SUFFIX)) return lowered;
  throw new MetadataError(`header ${quote(lowered)} holds bytes, read it with getBinary`, lowered);
}

function binaryKey(key: string): string {
  const lowered = lowerCase(key);
  if (lowered.endsWith(BINARY_SUFFIX)) return lowered;
  throw new MetadataError(`header ${quote(lowered)} holds text, read it with get`, lowered);
}

// ASCII only: `toLowerCase` alone would make the Kelvin sign a k.
function lowerCase(key: string): string {
  return /[A-Z]/.test(key) ? key.replace(/[A-Z]+/g, (letters) => letters.toLowerCase()) : key;
}
