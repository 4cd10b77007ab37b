// SPDX-License-Identifier: Apache-2.0
// The servers of the attacked process: one as it comes, and others whose options an attack needs.

import { Code, fixedRateLease, type NodeServeOptions, RpcError, type Setup } from "rsocket-rpc/node";

/** What the metadata of SETUP must be to get into `guarded`. */
export const PASSWORD = "open sesame";

/** What each of them is served with, beside the service and certificates. */
export const PROFILES = {
  /** Nothing said: the defaults. */
  standard: {},
  /** Times that a test can wait for, and few places. */
  brief: {
    limits: {
      setupTimeoutMs: 1_000,
      handshakeTimeoutMs: 1_000,
      stallTimeoutMs: 2_000,
      maxConnections: 300,
      maxHandshakes: 100,
      maxRunningHandlers: 50,
      maxInboundStreams: 100,
    },
  },
  /** Waits long for SETUP: thousands of handshakes take longer than the 10 s that each connection has by default. */
  patient: { limits: { setupTimeoutMs: 120_000, handshakeTimeoutMs: 120_000 } },
  /** For the internet. */
  edge: { preset: "edge" },
  /** Sessions outlive their links. */
  resumable: { resume: true, limits: { sessionLifetimeMs: 2_000 } },
  /** Nobody is served without leases. */
  leasing: { lease: { strategy: fixedRateLease({ requestsPerSecond: 5 }), required: true } },
  /** Who comes in is asked who it is, and the answer takes a while. */
  guarded: {
    accept: async ({ metadata }: Setup) => {
      await new Promise((resolve) => {
        setTimeout(resolve, 100);
      });
      if (Buffer.from(metadata).toString() !== PASSWORD) throw new RpcError(Code.Unauthenticated, "who are you?");
    },
  },
} as const satisfies Record<string, Partial<NodeServeOptions>>;

/** The name of one of them. */
export type ProfileName = keyof typeof PROFILES;
