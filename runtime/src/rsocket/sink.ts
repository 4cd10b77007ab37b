// SPDX-License-Identifier: Apache-2.0
// The session's callbacks, as the layers above may name them.

export type { UnopenedCall, WaitingCall } from "../session/admission.js";
export type { StreamSink } from "../session/stream.js";
export { SILENT_SINK, type Stream } from "../session/stream.js";
export { Interaction } from "../session/stream-state.js";
