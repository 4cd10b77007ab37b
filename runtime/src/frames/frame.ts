// SPDX-License-Identifier: Apache-2.0
// One plain-object type per frame (RSocket 1.0 §Frame Types): for connection frames, logs and tests.
// The hot path reads payload frames in place and makes none of these.

import type { FrameType } from "./layout.js";

/** §SETUP: opens a connection. */
export interface SetupFrame {
  readonly type: typeof FrameType.SETUP;
  readonly streamId: number;
  readonly majorVersion: number;
  readonly minorVersion: number;
  /** Time between two KEEPALIVE frames of the client, 0 … 2^31-1. */
  readonly keepaliveIntervalMs: number;
  /** How long the peer may be silent before it counts as dead, 0 … 2^31-1. */
  readonly maxLifetimeMs: number;
  /** Present exactly when the client asks for resumption. */
  readonly resumeToken: Uint8Array | undefined;
  /** The client will honour leases. */
  readonly lease: boolean;
  /** ASCII, at most 255 bytes; opaque to the protocol. */
  readonly metadataMimeType: string;
  /** ASCII, at most 255 bytes; opaque to the protocol. */
  readonly dataMimeType: string;
  readonly metadata: Uint8Array | undefined;
  readonly data: Uint8Array;
}

/** §LEASE: grants `requestCount` requests for `ttlMs`. */
export interface LeaseFrame {
  readonly type: typeof FrameType.LEASE;
  readonly streamId: number;
  readonly ttlMs: number;
  readonly requestCount: number;
  readonly metadata: Uint8Array | undefined;
}

/** §KEEPALIVE. */
export interface KeepaliveFrame {
  readonly type: typeof FrameType.KEEPALIVE;
  readonly streamId: number;
  /** An answer with the same data is wanted. */
  readonly respond: boolean;
  /** Bytes of resumable frames received, or 0. */
  readonly lastReceivedPosition: number;
  readonly data: Uint8Array;
}

/** §REQUEST_RESPONSE, §REQUEST_FNF. */
export interface RequestFrame {
  readonly type: typeof FrameType.REQUEST_RESPONSE | typeof FrameType.REQUEST_FNF;
  readonly streamId: number;
  readonly follows: boolean;
  readonly metadata: Uint8Array | undefined;
  readonly data: Uint8Array;
}

/** §REQUEST_STREAM, §REQUEST_CHANNEL. */
export interface RequestManyFrame {
  readonly type: typeof FrameType.REQUEST_STREAM | typeof FrameType.REQUEST_CHANNEL;
  readonly streamId: number;
  readonly follows: boolean;
  /** Only on REQUEST_CHANNEL: the requester sends nothing after this. */
  readonly complete: boolean;
  /** How many items the requester wants, 0 … 2^31-1. */
  readonly initialRequestN: number;
  readonly metadata: Uint8Array | undefined;
  readonly data: Uint8Array;
}

/** §REQUEST_N. */
export interface RequestNFrame {
  readonly type: typeof FrameType.REQUEST_N;
  readonly streamId: number;
  readonly requestN: number;
}

/** §CANCEL. */
export interface CancelFrame {
  readonly type: typeof FrameType.CANCEL;
  readonly streamId: number;
}

/** §PAYLOAD. */
export interface PayloadFrame {
  readonly type: typeof FrameType.PAYLOAD;
  readonly streamId: number;
  readonly follows: boolean;
  readonly complete: boolean;
  readonly next: boolean;
  readonly metadata: Uint8Array | undefined;
  readonly data: Uint8Array;
}

/** §ERROR. */
export interface ErrorFrame {
  readonly type: typeof FrameType.ERROR;
  readonly streamId: number;
  /** Unsigned 32 bits. */
  readonly code: number;
  /** UTF-8 text by convention. */
  readonly data: Uint8Array;
}

/** §METADATA_PUSH. */
export interface MetadataPushFrame {
  readonly type: typeof FrameType.METADATA_PUSH;
  readonly streamId: number;
  readonly metadata: Uint8Array;
}

/** §RESUME. */
export interface ResumeFrame {
  readonly type: typeof FrameType.RESUME;
  readonly streamId: number;
  readonly majorVersion: number;
  readonly minorVersion: number;
  readonly resumeToken: Uint8Array;
  readonly lastReceivedServerPosition: number;
  readonly firstAvailableClientPosition: number;
}

/** §RESUME_OK. */
export interface ResumeOkFrame {
  readonly type: typeof FrameType.RESUME_OK;
  readonly streamId: number;
  readonly lastReceivedClientPosition: number;
}

/** §EXT. */
export interface ExtFrame {
  readonly type: typeof FrameType.EXT;
  readonly streamId: number;
  readonly mayIgnore: boolean;
  /** 31 bits, above 0. */
  readonly extendedType: number;
  readonly metadata: Uint8Array | undefined;
  readonly data: Uint8Array;
}

/** Any frame that RSocket 1.0 defines. Byte fields are views into what was decoded. */
export type Frame =
  | SetupFrame
  | LeaseFrame
  | KeepaliveFrame
  | RequestFrame
  | RequestManyFrame
  | RequestNFrame
  | CancelFrame
  | PayloadFrame
  | ErrorFrame
  | MetadataPushFrame
  | ResumeFrame
  | ResumeOkFrame
  | ExtFrame;
