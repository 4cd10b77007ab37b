// SPDX-License-Identifier: Apache-2.0
// Where each of the limits stands in their row: bundlers put the numbers in the place of their names. `Limits` says what each is.

/** `maxMessageBytes`. */
export const MAX_MESSAGE_BYTES = 0;
/** `maxMetadataBytes`. */
export const MAX_METADATA_BYTES = 1;
/** `maxFragments`. */
export const MAX_FRAGMENTS = 2;
/** `maxReassemblyBytes`. */
export const MAX_REASSEMBLY_BYTES = 3;
/** `maxSurplusItems`. */
export const MAX_SURPLUS_ITEMS = 4;
/** `maxSurplusBytes`. */
export const MAX_SURPLUS_BYTES = 5;
/** `maxUnconsumedBytes`. */
export const MAX_UNCONSUMED_BYTES = 6;
/** `maxWaitingBytes`. */
export const MAX_WAITING_BYTES = 7;
/** `producerPauseBytes`. */
export const PRODUCER_PAUSE_BYTES = 8;
/** `maxPeerCausedBytes`. */
export const MAX_PEER_CAUSED_BYTES = 9;
/** `stallTimeoutMs`. */
export const STALL_TIMEOUT_MS = 10;
/** `maxQueuedCalls`. */
export const MAX_QUEUED_CALLS = 11;
/** `controlBurst`. */
export const CONTROL_BURST = 12;
/** `controlsPerSecond`. */
export const CONTROLS_PER_SECOND = 13;
/** `meaninglessBurst`. */
export const MEANINGLESS_BURST = 14;
/** `meaninglessPerSecond`. */
export const MEANINGLESS_PER_SECOND = 15;
/** `requestNBurst`. */
export const REQUEST_N_BURST = 16;
/** `requestNsPerSecond`. */
export const REQUEST_NS_PER_SECOND = 17;
