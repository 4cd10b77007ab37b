// SPDX-License-Identifier: Apache-2.0
// Fields that hold more than one value: nested messages, lists and maps; and the unknown fields that a message kept.

import { kindOfObject, refused } from "./faults.js";
import { writeTag, writeVarint } from "./write-scalars.js";
import { closeLength, type MessageWriter, openLength } from "./writer.js";

/** A message, or what may be passed for one. Its fields are checked one by one when they are written. */
// biome-ignore lint/suspicious/noExplicitAny: whatever a caller may pass; the functions that write values take unknown
export type Fields = any;

/**
 * Writes the fields of a message. `exact` says that it stands in a message as create() makes them, where nothing is
 * converted any more: it must be one itself.
 */
export type WriteFields = (w: MessageWriter, message: Fields, exact: boolean) => void;

/** Writes one value. `exact` as above; `write` belongs to values that are messages, `tag` is the one written before. */
type WriteValue = (w: MessageWriter, value: unknown, exact: boolean, write: WriteFields, tag: number) => void;

/** Writes a map's key, which is a text as every property's name. */
type WriteKey = (w: MessageWriter, key: string) => void;

// What stands for an item of a list that isn't there: a message of which no field is set.
const NOTHING = {};

const nothingToWrite: WriteFields = () => {};

/** Whether `message` is one of type `typeName`, as create() makes them; refuses what can't be meant as one. */
export function isExact(message: Fields, typeName: string, exact: boolean): boolean {
  if (message.$typeName === typeName) return true;
  if (exact || Array.isArray(message)) throw refused(message, typeName);
  return false;
}

/** Writes a nested message, its length first. */
export function writeMessage(w: MessageWriter, value: unknown, exact: boolean, write: WriteFields): void {
  const offset = openLength(w);
  writeNested(w, value, exact, write);
  closeLength(w, offset);
}

/** Writes a group: a message between the tag that begins it, written already, and one that ends it. */
export function writeGroup(w: MessageWriter, value: unknown, exact: boolean, write: WriteFields, tag: number): void {
  writeNested(w, value, exact, write);
  // Wire type 3 begins a group, 4 ends it.
  writeTag(w, tag + 1);
}

function writeNested(w: MessageWriter, value: unknown, exact: boolean, write: WriteFields): void {
  if (value === undefined) return write(w, NOTHING, false);
  if (typeof value !== "object" || value === null) throw refused(value, "a message");
  const from = w.at - w.start;
  write(w, value, exact);
  // A date, a promise or a map that stands for a message would be sent without a field. Only what is empty is asked.
  if (!exact && w.at - w.start === from && kindOfObject(value) !== "Object") throw refused(value, "a message");
}

/** Writes a list, each item behind a tag of its own. */
export function writeList(
  w: MessageWriter,
  tag: number,
  list: unknown,
  exact: boolean,
  writeValue: WriteValue,
  write: WriteFields = nothingToWrite,
): void {
  const items = itemsOf(list, exact);
  // create() converts the items of arrays alone.
  const isExact = exact || !Array.isArray(items);
  for (let i = 0; i < items.length; i++) writeValue(writeTag(w, tag), items[i], isExact, write, tag);
}

/** Writes a list of numbers in one piece. */
export function writePacked(
  w: MessageWriter,
  tag: number,
  list: unknown,
  exact: boolean,
  writeValue: WriteValue,
): void {
  const items = itemsOf(list, exact);
  if (items.length === 0) return;
  const offset = openLength(writeTag(w, tag));
  for (let i = 0; i < items.length; i++) writeValue(w, items[i], exact, nothingToWrite, tag);
  closeLength(w, offset);
}

/** Writes a map; an entry is a message of a key and a value. */
export function writeMap(
  w: MessageWriter,
  tag: number,
  map: unknown,
  exact: boolean,
  keyTag: number,
  writeKey: WriteKey,
  valueTag: number,
  writeValue: WriteValue,
  write: WriteFields = nothingToWrite,
): void {
  const entries = entriesOf(map, exact);
  // create() converts nothing in an array, whose items are entries by their index.
  const isExact = exact || Array.isArray(entries);
  for (const key of Object.keys(entries)) {
    const offset = openLength(writeTag(w, tag));
    writeKey(writeTag(w, keyTag), key);
    writeValue(writeTag(w, valueTag), entries[key], isExact, write, valueTag);
    closeLength(w, offset);
  }
}

/** The case of a oneof that is set, and its value. */
export function caseOf(oneof: Fields, exact: boolean): Fields {
  if (typeof oneof === "object" && oneof !== null) return oneof;
  if ((oneof === undefined || oneof === null) && !exact) return NO_CASE;
  throw refused(oneof, "an object with case and value");
}

const NO_CASE = { case: undefined };

/** A property, unless it is one that every object has. */
export function own(message: Fields, name: string): Fields {
  return Object.hasOwn(message, name) ? message[name] : undefined;
}

/** Whether a field of a schema with explicit presence is set: messages as create() makes them inherit their defaults. */
export function isSet(message: Fields, name: string, exact: boolean): boolean {
  return exact
    ? message[name] !== undefined && Object.hasOwn(message, name)
    : (message[name] ?? undefined) !== undefined;
}

/** Whether a `bytes` field is to be written: not when it holds none. What isn't bytes is to be refused by the writing. */
export function hasBytes(value: unknown, exact: boolean): boolean {
  if (value instanceof Uint8Array) return value.length > 0;
  return exact || !Array.isArray(value) || value.length > 0;
}

/** The error for a required field that isn't set. */
export function unset(): Error {
  return refused(undefined, "a value: the field is required");
}

/** Writes the fields that a message was read with and that nobody knew. */
export function writeUnknown(w: MessageWriter, { $unknown }: Fields): void {
  if ($unknown === undefined) return;
  for (const { no, wireType, data } of $unknown as readonly UnknownField[]) {
    writeVarint(w, ((no << 3) | wireType) >>> 0);
    w.reserve(data.length);
    w.bytes.set(data, w.at);
    w.at += data.length;
  }
}

/** A field that nobody knows: what follows its tag. */
export interface UnknownField {
  readonly no: number;
  readonly wireType: number;
  readonly data: Uint8Array;
}

const NO_ITEMS: readonly unknown[] = [];

function itemsOf(list: unknown, exact: boolean): ArrayLike<unknown> {
  if (Array.isArray(list)) return list as unknown[];
  if ((list === undefined || list === null) && !exact) return NO_ITEMS;
  const items = Object(list) as { readonly length?: unknown };
  if ("length" in items && typeof items.length === "number" && typeof list !== "function")
    return list as ArrayLike<unknown>;
  throw refused(list, "a list");
}

const NO_ENTRIES: Readonly<Record<string, unknown>> = {};

function entriesOf(map: unknown, exact: boolean): Readonly<Record<string, unknown>> {
  if (typeof map === "object" && map !== null && !(map instanceof Map)) return map as Record<string, unknown>;
  if ((map === undefined || map === null) && !exact) return NO_ENTRIES;
  throw refused(map, "an object whose properties are the map's entries");
}
