// SPDX-License-Identifier: Apache-2.0
// Eight bytes seen as numbers of every kind: what floats and 64-bit integers are taken apart in and put together from.
// Messages are little-endian (protobuf encoding §Message Structure); the rare platform that isn't reverses the order.

const memory = /*@__PURE__*/ new ArrayBuffer(8);

/** The eight bytes, as the platform orders them. */
export const words: Int32Array = /*@__PURE__*/ new Int32Array(memory);
/** The same as a float. */
export const float: Float32Array = /*@__PURE__*/ new Float32Array(memory);
/** The same as a double. */
export const double: Float64Array = /*@__PURE__*/ new Float64Array(memory);
/** The same as an integer of 64 bits. */
export const signed: BigInt64Array = /*@__PURE__*/ new BigInt64Array(memory);
/** The same without a sign. */
export const unsigned: BigUint64Array = /*@__PURE__*/ new BigUint64Array(memory);

/** Which of `words` holds the high half of a 64-bit number: the second where the platform puts the lowest byte first. */
export const HIGH: number = /*@__PURE__*/ new Uint8Array(/*@__PURE__*/ new Int32Array([1]).buffer)[0] as number;
/** Which of `words` holds the low half. */
export const LOW: number = 1 - HIGH;
