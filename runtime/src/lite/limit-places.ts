// SPDX-License-Identifier: Apache-2.0
// Where each of the limits stands in their row: bundlers put the numbers in the place of their names.

export const MAX_MESSAGE_BYTES = 0;
export const MAX_METADATA_BYTES = 1;
export const MAX_FRAGMENTS = 2;
export const MAX_REASSEMBLY_BYTES = 3;
export const MAX_SURPLUS_ITEMS = 4;
export const MAX_SURPLUS_BYTES = 5;
export const MAX_UNCONSUMED_BYTES = 6;
export const MAX_WAITING_BYTES = 7;
export const PRODUCER_PAUSE_BYTES = 8;
export const MAX_PEER_CAUSED_BYTES = 9;
export const STALL_TIMEOUT_MS = 10;
export const MAX_QUEUED_CALLS = 11;
export const CONTROL_BURST = 12;
export const CONTROLS_PER_SECOND = 13;
export const MEANINGLESS_BURST = 14;
export const MEANINGLESS_PER_SECOND = 15;
export const REQUEST_N_BURST = 16;
export const REQUEST_NS_PER_SECOND = 17;
