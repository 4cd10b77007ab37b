// SPDX-License-Identifier: Apache-2.0
// Eight bytes seen as numbers of every kind: what floats and 64-bit integers are taken apart in and put together from.
// Messages are little-endian (protobuf encoding §Message Structure); the rare platform that isn't reverses the order.

const memory = new ArrayBuffer(8);

/** The eight bytes, as the platform orders them. */
export const SCRATCH: {
  readonly words: Int32Array;
  readonly float: Float32Array;
  readonly double: Float64Array;
  readonly signed: BigInt64Array;
  readonly unsigned: BigUint64Array;
} = {
  words: new Int32Array(memory),
  float: new Float32Array(memory),
  double: new Float64Array(memory),
  signed: new BigInt64Array(memory),
  unsigned: new BigUint64Array(memory),
};

// Whether the platform puts the lowest byte first.
const LITTLE_ENDIAN: boolean = /*@__PURE__*/ new Uint8Array(/*@__PURE__*/ new Int32Array([1]).buffer)[0] === 1;

/** Which of `words` holds the low half of a 64-bit number. */
export const LOW: 0 | 1 = LITTLE_ENDIAN ? 0 : 1;
/** Which of `words` holds the high half. */
export const HIGH: 0 | 1 = LITTLE_ENDIAN ? 1 : 0;
