// SPDX-License-Identifier: Apache-2.0
// Numbers of `Code` as constants: bundlers put each in the place of its name.

/** The caller gave up. */
export const CANCELLED = 1;
/** The other side's error says nothing that fits another code. */
export const UNKNOWN = 2;
/** The request is wrong whatever the state of the system. */
export const INVALID_ARGUMENT = 3;
/** Time was up. */
export const DEADLINE_EXCEEDED = 4;
/** The caller is known and may not do this. */
export const PERMISSION_DENIED = 7;
/** A quota or a limit is used up. */
export const RESOURCE_EXHAUSTED = 8;
/** The system isn't in the state that the call needs. */
export const FAILED_PRECONDITION = 9;
/** There is no such service or method. */
export const UNIMPLEMENTED = 12;
/** Something is broken. */
export const INTERNAL = 13;
/** The service can't be reached now: try again. */
export const UNAVAILABLE = 14;
