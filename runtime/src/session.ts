// SPDX-License-Identifier: Apache-2.0
// `rsocket-rpc/session` (unstable): one connection without I/O, for other engines and for tests.

export { createBatch, type FrameBatch, SlabPool } from "./bytes/slab.js";
export {
  Connection,
  type ConnectionEvents,
  type ConnectionInit,
  type ResumptionInit,
  type SetupPayload,
} from "./session/connection.js";
export { ConnectionError, type EndReason, type Initiator, StreamError } from "./session/errors.js";
export { Peer, type PeerKind } from "./session/peer.js";
export { ResumeLedger, ResumeStore } from "./session/resume-store.js";
export { Resumption } from "./session/resumption.js";
export {
  type ConnectionSettings,
  type ConnectionSettingsInit,
  type Limits,
  type PayloadCompatibility,
  resolveLimits,
  resolveSettings,
} from "./session/settings.js";
export { type Opening, serverOpening } from "./session/setup.js";
export { Stream, type StreamSink } from "./session/stream.js";
export { Interaction } from "./session/stream-state.js";
