// SPDX-License-Identifier: Apache-2.0
// The slabs that all connections of this thread write into.

import { SlabPool } from "../bytes/slab.js";

interface NodeBuffer {
  readonly Buffer?: { allocUnsafeSlow(byteLength: number): Uint8Array };
}

const { Buffer: NodeBuffer } = globalThis as NodeBuffer;

/** The shared pool. Node's allocator leaves out the zero-filling that nobody reads. */
export const sharedPool: SlabPool = new SlabPool(
  NodeBuffer === undefined
    ? (byteLength) => new Uint8Array(byteLength)
    : (byteLength) => NodeBuffer.allocUnsafeSlow(byteLength),
);
