// SPDX-License-Identifier: Apache-2.0
// Fields that hold more than one value: nested messages, lists and maps; and fields that nobody knows.

import {
  BYTES,
  ENDED,
  FIXED32,
  FIXED64,
  GROUP,
  GROUP_END,
  MAX_DEPTH,
  MAX_UNKNOWN_FIELDS,
  VARINT,
} from "./constants.js";
import { malformed } from "./faults.js";
import { copyOf } from "./read-scalars.js";
import { advance, type MessageReader, readEnd, readTag, skipVarint } from "./reader.js";
import type { Fields, UnknownField } from "./write-fields.js";
import { writeInt32 } from "./write-scalars.js";
import { MessageWriter } from "./writer.js";

/** Reads fields up to the reader's end, into a new message or one that was begun before. */
export type ReadFields = (r: MessageReader, message?: Fields) => Fields;

/** Reads one value. `read` belongs to values that are messages, `begun` is what the field holds. */
type ReadValue = (r: MessageReader, read: ReadFields, begun?: Fields) => unknown;

const nothingToRead: ReadFields = () => undefined;

/** Reads a nested message. One that was begun goes on: its fields are added to. */
export function readMessage(r: MessageReader, read: ReadFields, begun?: Fields): Fields {
  const inner = readEnd(r);
  const { end, groupEnd } = r;
  // The outermost message counts, too.
  if (++r.depth >= MAX_DEPTH) throw malformed(`messages in messages, ${MAX_DEPTH} deep`, r.at);
  r.end = inner;
  r.groupEnd = 0;
  const message = read(r, begun) as unknown;
  r.end = end;
  r.groupEnd = groupEnd;
  r.depth--;
  return message;
}

/** Reads a group, whose end is a tag. One that was begun goes on. */
export function readGroup(r: MessageReader, fieldNumber: number, read: ReadFields, begun?: Fields): Fields {
  const { end, groupEnd } = r;
  if (++r.depth >= MAX_DEPTH) throw malformed(`messages in messages, ${MAX_DEPTH} deep`, r.at);
  r.groupEnd = fieldNumber * 8 + GROUP_END;
  const message = read(r, begun) as unknown;
  // Whoever meets the tag ends the message there.
  if (r.groupEnd !== ENDED) throw malformed(`no end of group ${fieldNumber}`, r.at);
  r.end = end;
  r.groupEnd = groupEnd;
  r.depth--;
  return message;
}

// Whether `tag` ends the group that is being read; then so does the reader.
function endsGroup(r: MessageReader, tag: number): boolean {
  if (tag !== r.groupEnd) return false;
  r.end = r.at;
  r.groupEnd = ENDED;
  return true;
}

/**
 * Reads a wrapper (google.protobuf.StringValue and the like), of which a field holds the value alone; `group` is the field's
 * number where it stands between two tags.
 */
export function readWrapped<T>(
  r: MessageReader,
  valueTag: number,
  read: (r: MessageReader) => T,
  begun: T,
  group = 0,
): T {
  const readValue = (inner: MessageReader): T => {
    let value = begun;
    while (inner.at < inner.end) {
      const tag = readTag(inner);
      if (tag === valueTag) value = read(inner);
      else if (!endsGroup(inner, tag)) skipUnknown(inner, tag, WRAPPER_FIELDS);
    }
    return value;
  };
  return (group === 0 ? readMessage(r, readValue) : readGroup(r, group, readValue)) as T;
}

const WRAPPER_FIELDS: readonly number[] = [1];

/** Adds the numbers of a list in one piece to `list`. */
export function readPacked(r: MessageReader, list: unknown[], read: (r: MessageReader) => unknown): void {
  const inner = readEnd(r);
  const outer = r.end;
  r.end = inner;
  while (r.at < inner) list.push(read(r));
  r.end = outer;
}

/** Reads an entry into `map`. What it doesn't say is `zeroKey`, `zeroValue`; a function makes the value. */
export function readEntry(
  r: MessageReader,
  map: Record<string, unknown>,
  keyTag: number,
  readKey: (r: MessageReader) => unknown,
  zeroKey: string,
  valueTag: number,
  readValue: ReadValue,
  zeroValue: unknown,
  read: ReadFields = nothingToRead,
): void {
  const inner = readEnd(r);
  const outer = r.end;
  r.end = inner;
  let key = zeroKey;
  let value: unknown;
  while (r.at < inner) {
    const tag = readTag(r);
    if (tag === keyTag) key = String(readKey(r));
    else if (tag === valueTag) value = readValue(r, read, value);
    else skipUnknown(r, tag, ENTRY_FIELDS);
  }
  setOwn(map, key, value ?? (typeof zeroValue === "function" ? (zeroValue as MakeValue)(r) : zeroValue));
  r.end = outer;
}

/** Makes what an entry doesn't say: no bytes, or a message without fields, for which nothing is left to read. */
type MakeValue = (r: MessageReader) => unknown;

/** No bytes, for an entry that holds none. */
export function noBytes(): Uint8Array {
  return new Uint8Array(0);
}

/** Nothing, where an entry holds no google.protobuf.Struct. */
export function noEntries(): object {
  return {};
}

const ENTRY_FIELDS: readonly number[] = [1, 2];

/**
 * Reads a field that nobody knows, and adds it to `kept`, which is made if need be. `known` are the numbers of the
 * fields that the message has, in order: one of these here has another wire type than its declaration says, which is refused.
 */
export function readUnknown(
  r: MessageReader,
  tag: number,
  kept: UnknownField[] | undefined,
  known: readonly number[],
): UnknownField[] | undefined {
  if (endsGroup(r, tag)) return kept;
  const from = r.at;
  skipUnknown(r, tag, known);
  if (!r.keepUnknownFields) return kept;
  countUnknown(r, from);
  const fields = kept ?? [];
  fields.push({ no: tag >>> 3, wireType: tag & 7, data: copyOf(r.bytes, from, r.at) });
  return fields;
}

/** Keeps the value of a closed enum that it doesn't have (proto2), as protobuf-es does: as a field that nobody knows. */
export function keepUnknownValue(r: MessageReader, message: Fields, tag: number, value: number): void {
  if (!r.keepUnknownFields) return;
  countUnknown(r, r.at);
  const writer = new MessageWriter();
  writeInt32(writer, value);
  const field = { no: tag >>> 3, wireType: tag & 7, data: copyOf(writer.bytes, writer.start, writer.at) };
  const { $unknown } = message as { $unknown?: UnknownField[] };
  if ($unknown === undefined) (message as { $unknown: UnknownField[] }).$unknown = [field];
  else $unknown.push(field);
}

function countUnknown(r: MessageReader, at: number): void {
  if (r.unknownFieldsLeft-- === 0) throw malformed(`more than ${MAX_UNKNOWN_FIELDS} unknown fields`, at);
}

/** Sets a property, whatever it is called: `__proto__` too becomes one of the map's own. */
export function setOwn(map: Record<string, unknown>, key: string, value: unknown): void {
  try {
    if (key !== "__proto__") {
      map[key] = value;
      return;
    }
  } catch {
    // Where Object.prototype is frozen, what it has can't be assigned to: `constructor`, `toString`.
  }
  Object.defineProperty(map, key, { value, writable: true, enumerable: true, configurable: true });
}

/** Passes over a field that isn't among the `known` ones; one of these has the wrong type. @throws RangeError then. */
export function skipUnknown(r: MessageReader, tag: number, known: readonly number[]): void {
  if (isAmong(known, tag >>> 3)) throw malformed(`field ${tag >>> 3} with the wire type ${tag & 7}`, r.at);
  skip(r, tag, MAX_DEPTH - 1 - r.depth);
}

// A message may have thousands of fields, and come with hundreds of thousands that it doesn't have.
function isAmong(ascending: readonly number[], wanted: number): boolean {
  let low = 0;
  let high = ascending.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ascending[middle] as number) < wanted) low = middle + 1;
    else high = middle;
  }
  return ascending[low] === wanted;
}

/** Passes over a field's value; `depthLeft` groups may stand in groups. @throws RangeError when it is malformed, or cut off. */
export function skip(r: MessageReader, tag: number, depthLeft: number): void {
  const type = tag & 7;
  if (type === VARINT) skipVarint(r);
  else if (type === BYTES) r.at = readEnd(r);
  else if (type === FIXED64 || type === FIXED32) advance(r, type === FIXED64 ? 8 : 4);
  else if (type === GROUP) skipGroup(r, tag, depthLeft);
  else throw malformed(`field ${tag >>> 3} with the wire type ${type}`, r.at);
}

// The tag that ends a group is one more than the tag that begins it.
function skipGroup(r: MessageReader, begin: number, depthLeft: number): void {
  if (depthLeft <= 0) throw malformed(`groups in groups, ${MAX_DEPTH} deep`, r.at);
  for (let tag = readTag(r); tag !== begin + 1; tag = readTag(r)) {
    if ((tag & 7) === GROUP_END) throw malformed(`the end of group ${tag >>> 3} in group ${begin >>> 3}`, r.at);
    skip(r, tag, depthLeft - 1);
  }
}
