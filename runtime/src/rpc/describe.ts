// SPDX-License-Identifier: Apache-2.0
// Words for what user code passes and throws. It may be anything, so nothing of this may throw.

export { kindOfObject, nameOf } from "../codec/faults.js";
export { guard, isThenable, messageOf } from "../rsocket/thrown.js";
