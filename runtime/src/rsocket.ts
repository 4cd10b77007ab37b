// SPDX-License-Identifier: Apache-2.0
// `rsocket-rpc/rsocket`: RSocket 1.0 on the payload level, without RPC: requests with sinks and credits.

export type {
  Dialer,
  FrameBatch,
  FrameLink,
  LinkHandler,
  LinkInfo,
  LinkRefusal,
  Listener,
  PeerCertificate,
  UpgradeRequest,
} from "./engine/link.js";
export { type Scheduler, systemScheduler, type Timer } from "./engine/scheduler.js";
export { type TurnBudget, turnBudgetOf } from "./engine/turn-budget.js";
export { type Authentication, encodeAuthEntry, readAuthentication, type SimpleCredentials } from "./metadata/auth.js";
export { type CompositeEntry, encodeCompositeEntry, readCompositeEntries } from "./metadata/composite.js";
export { encodeTraceEntries, readTraceEntries } from "./metadata/composite-tracing.js";
export { MetadataError, MetadataFormatError } from "./metadata/errors.js";
export { wellKnownMimeType, wellKnownMimeTypeId } from "./metadata/mime-types.js";
export { encodeRoutingEntry, readRoutingTags } from "./metadata/routing.js";
export {
  encodeAcceptMimeTypesEntry,
  encodeMimeTypeEntry,
  readMimeTypes,
  readRequestMimeTypes,
  readResponseMimeType,
  type StreamMimeTypes,
} from "./metadata/stream-mime-types.js";
export { formatTraceparent, parseTraceparent, type Traceparent } from "./metadata/traceparent.js";
export { encodeZipkinEntry, readZipkinTrace, type ZipkinSampling, type ZipkinTrace } from "./metadata/tracing.js";
export { type AdaptiveLease, type AdaptiveLeaseOptions, adaptiveLease } from "./rsocket/adaptive-lease.js";
export { type ConnectRSocketOptions, connectRSocket } from "./rsocket/connect.js";
export type { CloseReason, RSocketConnection } from "./rsocket/connection.js";
export { ConnectionError, ErrorCode, errorCodeName, type Initiator, StreamError } from "./rsocket/errors.js";
export { type FixedRateLeaseOptions, fixedRateLease } from "./rsocket/fixed-rate-lease.js";
export {
  IncomingItems,
  type IncomingOptions,
  type IncomingOwner,
  OutgoingItems,
  type OutgoingOwner,
} from "./rsocket/iterate.js";
export type {
  ClientLeaseOptions,
  FinishedRequest,
  GrantedLeaseStatus,
  Lease,
  LeasedConnection,
  LeaseGrant,
  LeaseGranter,
  LeaseStatus,
  LeaseStrategy,
  LeaseWaiting,
  RequestEnding,
  ServerLeaseOptions,
} from "./rsocket/lease.js";
export type { Extension, ExtensionInit, Payload, StreamHandle } from "./rsocket/payload.js";
export type { Requester } from "./rsocket/requester.js";
export type { Responder } from "./rsocket/responder.js";
export type { ResumeOptions } from "./rsocket/restore-link.js";
export {
  type ListenerFactory,
  type RSocketServer,
  type RSocketServerStats,
  type ServeResumptionOptions,
  type ServeRSocketOptions,
  type Session,
  type SessionEvent,
  type SessionStore,
  SetupRejection,
  serveRSocket,
} from "./rsocket/serve.js";
export {
  type ConnectionSettings,
  type ConnectionSettingsInit,
  type Limits,
  type PayloadCompatibility,
  resolveLimits,
  resolveSettings,
} from "./rsocket/settings.js";
export { Interaction, type StreamSink } from "./rsocket/sink.js";
export { unlimitedLease } from "./rsocket/unlimited-lease.js";
export type { SetupPayload } from "./session/connection.js";
export { createInProcessPair } from "./transports/in-process.js";
