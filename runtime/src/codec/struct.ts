// SPDX-License-Identifier: Apache-2.0
// google.protobuf.Struct in fields: protobuf-es holds plain JSON there. Here it becomes the message that is on the wire, and back.

import { type ReadFields, readMessage, setOwn } from "./read-fields.js";
import type { MessageReader } from "./reader.js";
import { type Fields, type WriteFields, writeMessage } from "./write-fields.js";
import type { MessageWriter } from "./writer.js";

/** Writes a JSON object as the message google.protobuf.Struct, whose fields `write` writes. */
export function writeJson(w: MessageWriter, value: unknown, _exact: boolean, write: WriteFields): void {
  writeMessage(w, structOf(value), true, write);
}

/** Reads a message google.protobuf.Struct, whose fields `read` reads, as a JSON object. */
export function readJson(r: MessageReader, read: ReadFields, begun?: unknown): unknown {
  return objectOf(readMessage(r, read, begun === undefined ? undefined : structOf(begun)));
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

function objectOf(struct: Fields): object {
  const json = {};
  for (const [key, value] of Object.entries(struct.fields as Record<string, Fields>)) setOwn(json, key, jsonOf(value));
  return json;
}

function jsonOf({ kind }: Fields): unknown {
  switch (kind.case) {
    case "structValue":
      return objectOf(kind.value);
    case "listValue":
      return (kind.value.values as Fields[]).map(jsonOf);
    case "nullValue":
    case undefined:
      return null;
    default:
      return kind.value as unknown;
  }
}
