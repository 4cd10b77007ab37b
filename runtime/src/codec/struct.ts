// SPDX-License-Identifier: Apache-2.0
// google.protobuf.Struct in fields: protobuf-es holds plain JSON there. Here it becomes the message that is on the wire, and back.

import { type ReadFields, readGroup, readMessage, setOwn } from "./read-fields.js";
import type { MessageReader } from "./reader.js";
import { type Fields, type WriteFields, writeGroup, writeMessage } from "./write-fields.js";
import type { MessageWriter } from "./writer.js";

const GROUP = 3;

/** Writes a JSON object as the message google.protobuf.Struct, whose fields `write` writes; behind a group's `tag` as one. */
export function writeJson(w: MessageWriter, value: unknown, _exact: boolean, write: WriteFields, tag = 0): void {
  if ((tag & 7) === GROUP) writeGroup(w, structOf(value), true, write, tag);
  else writeMessage(w, structOf(value), true, write);
}

/**
 * Reads a message google.protobuf.Struct, whose fields `read` reads, as a JSON object; `group` is its field's number where
 * it stands between two tags. Entries of one that was begun are added to: however often a field comes, each entry is
 * turned into JSON once.
 */
export function readJson(r: MessageReader, read: ReadFields, begun: object = {}, group = 0): object {
  const { fields } = group === 0 ? readMessage(r, read) : readGroup(r, group, read);
  return addEntries(begun, fields as Record<string, Fields>);
}

function structOf(json: unknown): Fields {
  const fields = {};
  if (typeof json === "object" && json !== null && !Array.isArray(json))
    for (const [key, value] of Object.entries(json)) setOwn(fields, key, valueOfJson(value));
  return { $typeName: "google.protobuf.Struct", fields };
}

function valueOfJson(json: unknown): Fields {
  return { $typeName: "google.protobuf.Value", kind: kindOf(json) };
}

function kindOf(json: unknown): Fields {
  if (json === null) return { case: "nullValue", value: 0 };
  switch (typeof json) {
    case "number":
      return { case: "numberValue", value: json };
    case "string":
      return { case: "stringValue", value: json };
    case "boolean":
      return { case: "boolValue", value: json };
    case "object":
      return Array.isArray(json)
        ? {
            case: "listValue",
            value: { $typeName: "google.protobuf.ListValue", values: Array.from(json, valueOfJson) },
          }
        : { case: "structValue", value: structOf(json) };
    default:
      return { case: undefined };
  }
}

function addEntries(json: object, fields: Readonly<Record<string, Fields>>): object {
  for (const [key, value] of Object.entries(fields)) setOwn(json as Record<string, unknown>, key, jsonOf(value));
  return json;
}

function jsonOf({ kind }: Fields): unknown {
  switch (kind.case) {
    case "structValue":
      return addEntries({}, kind.value.fields as Record<string, Fields>);
    case "listValue":
      return (kind.value.values as Fields[]).map(jsonOf);
    case "nullValue":
    case undefined:
      return null;
    default:
      return kind.value as unknown;
  }
}
