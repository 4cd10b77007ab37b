// SPDX-License-Identifier: Apache-2.0
// The few types of BSON that sync lines are made of. Whole numbers are int32.

/** What can be encoded. */
export type BsonValue = null | boolean | number | string | readonly BsonValue[] | { readonly [key: string]: BsonValue };

/** A document: u32 length of all of it, elements, 00. @throws RangeError for a number that is no int32. */
export function encodeBson(document: BsonValue): Uint8Array {
  const elements = Object.entries(document ?? {}).map(([key, value]) => {
    const [type, body] = bodyOf(value);
    return Buffer.concat([Buffer.of(type), cString(key), body]);
  });
  const body = Buffer.concat(elements);
  return Buffer.concat([int32(body.length + 5), body, Buffer.of(0)]);
}

function bodyOf(value: BsonValue): [type: number, body: Uint8Array] {
  if (value === null) return [0x0a, Buffer.alloc(0)];
  if (typeof value === "boolean") return [0x08, Buffer.of(value ? 1 : 0)];
  if (typeof value === "number") return [0x10, int32(value)];
  if (typeof value === "string") return [0x02, Buffer.concat([int32(Buffer.byteLength(value) + 1), cString(value)])];
  return [Array.isArray(value) ? 0x04 : 0x03, encodeBson(value)];
}

function cString(text: string): Uint8Array {
  return Buffer.from(`${text}\0`);
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
}
