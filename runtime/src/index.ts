// SPDX-License-Identifier: Apache-2.0
// `rsocket-rpc`: what runs everywhere. Programs import `rsocket-rpc/node` or `rsocket-rpc/web`, which include it.

export type { BackoffOptions } from "./engine/backoff.js";
export type {
  Dialer,
  FrameLink,
  LinkInfo,
  LinkRefusal,
  Listener,
  PeerCertificate,
  UpgradeRequest,
} from "./engine/link.js";
export type { ChannelState } from "./engine/redial.js";
export type { Scheduler, Timer } from "./engine/scheduler.js";
export { compositeMetadata } from "./metadata/composite-format.js";
export { MetadataError } from "./metadata/errors.js";
export { type BinaryKey, type HeaderValue, Metadata, type MetadataInit } from "./metadata/headers.js";
export type { MetadataMode } from "./metadata/mode.js";
export { type ChannelOptions, type ClientChannel, createChannelWith } from "./resilience/create-channel.js";
export { type RetryOptions, retry } from "./resilience/retry.js";
export {
  type AuthenticateOptions,
  type Authenticator,
  type AuthorizationRequest,
  authenticate,
} from "./rpc/authenticate.js";
export type { Call, CallEnd, CallMethod, FailedAttempt, Interceptor, Reply } from "./rpc/call.js";
export type { CallContext } from "./rpc/call-context.js";
export type { CallOptions } from "./rpc/call-options.js";
export type { Channel, Source } from "./rpc/channel.js";
export { Code, codeName } from "./rpc/code.js";
export type { Compatibility } from "./rpc/compatibility.js";
export { type CompositeMetadata, type ConnectOptions, connectWith } from "./rpc/connect.js";
export { ConnectError } from "./rpc/connect-error.js";
export type { CloseReason, Connection, PeerInfo } from "./rpc/connection.js";
export { type ContextKey, ContextValues, createContextKey } from "./rpc/context-values.js";
export { type ErrorDetail, RpcError, type RpcErrorOptions } from "./rpc/error.js";
export { errorDetail, findDetails } from "./rpc/error-details.js";
export { type InProcessServer, serveInProcess } from "./rpc/in-process.js";
export type { Incident, IncidentKind } from "./rpc/incidents.js";
export { connectPort, listenPort, portDialer, servePort } from "./rpc/message-port.js";
export type { MethodIdempotency } from "./rpc/method.js";
export type { Observer } from "./rpc/observer.js";
export { type ServeOptions, type Server, type ServerStats, type Setup, serveWith } from "./rpc/serve.js";
export type { BoundService } from "./rpc/service.js";
export { type AdaptiveLease, type AdaptiveLeaseOptions, adaptiveLease } from "./rsocket/adaptive-lease.js";
export { type FixedRateLeaseOptions, fixedRateLease } from "./rsocket/fixed-rate-lease.js";
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
export type { ResumeOptions } from "./rsocket/restore-link.js";
export type { ListenerFactory } from "./rsocket/serve.js";
export type { ServeResumptionOptions, Session, SessionEvent, SessionStore } from "./rsocket/sessions.js";
export type { ConnectionSettingsInit, Limits, PayloadCompatibility } from "./rsocket/settings.js";
export { unlimitedLease } from "./rsocket/unlimited-lease.js";
export type { PortEmitter, PortEventTarget, PortLike, PortSender } from "./transports/message-port.js";
