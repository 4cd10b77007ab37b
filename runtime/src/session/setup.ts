// SPDX-License-Identifier: Apache-2.0
// What a server makes of a SETUP before its application sees it (RSocket 1.0 §SETUP, SETUP-01 … SETUP-08, CONN-13).

import { decodeResume, decodeSetup } from "../frames/decode-opening.js";
import { ErrorCode } from "../frames/errors.js";
import type { SetupFrame } from "../frames/frame.js";
import { MAJOR_VERSION, MAX_31_BIT, MINOR_VERSION } from "../frames/layout.js";
import type { Limits } from "./settings.js";

/** Why a SETUP is refused. */
export interface SetupRefusal {
  readonly code: number;
  readonly message: string;
}

/** What this server can do beyond the mandatory part. */
export interface ServerAbilities {
  readonly resumption: boolean;
  readonly lease: boolean;
  /** Nobody is served without leases. */
  readonly leaseRequired?: boolean;
  /** Keepalive or lifetime 0 means "none" instead of being refused. */
  readonly acceptZeroKeepalive: boolean;
  /** Of these, those for resume tokens. */
  readonly limits: Pick<Limits, "minResumeTokenBytes" | "maxResumeTokenBytes">;
}

/** The reason to refuse `setup`, or undefined. */
export function refuseSetup(setup: SetupFrame, abilities: ServerAbilities): SetupRefusal | undefined {
  const { majorVersion, minorVersion } = setup;
  if (setup.streamId !== 0) {
    return { code: ErrorCode.INVALID_SETUP, message: `SETUP on stream ${setup.streamId}, expected stream 0` };
  }
  if (majorVersion !== MAJOR_VERSION || minorVersion !== MINOR_VERSION) {
    return { code: ErrorCode.INVALID_SETUP, message: `version ${majorVersion}.${minorVersion}, expected 1.0` };
  }
  if (setup.keepaliveIntervalMs === 0 && !abilities.acceptZeroKeepalive) {
    return { code: ErrorCode.INVALID_SETUP, message: "keepalive interval 0, expected 1 … 2^31-1 ms" };
  }
  if (setup.maxLifetimeMs === 0 && !abilities.acceptZeroKeepalive) {
    return { code: ErrorCode.INVALID_SETUP, message: "max lifetime 0, expected 1 … 2^31-1 ms" };
  }
  if (setup.resumeToken !== undefined && !abilities.resumption) {
    return { code: ErrorCode.REJECTED_SETUP, message: "resumption is not supported" };
  }
  const { minResumeTokenBytes, maxResumeTokenBytes } = abilities.limits;
  const tokenBytes = setup.resumeToken?.length ?? minResumeTokenBytes;
  if (tokenBytes < minResumeTokenBytes || tokenBytes > maxResumeTokenBytes) {
    const message = `resume token of ${tokenBytes} bytes, expected ${minResumeTokenBytes} … ${maxResumeTokenBytes}`;
    return { code: ErrorCode.REJECTED_SETUP, message };
  }
  if (setup.lease && !abilities.lease) {
    return { code: ErrorCode.UNSUPPORTED_SETUP, message: "lease is not supported" };
  }
  if (!setup.lease && abilities.leaseRequired === true) {
    return { code: ErrorCode.REJECTED_SETUP, message: "lease is required" };
  }
  return undefined;
}

/** The lifetime by which the peer is judged: what it asked for, within our bounds; 2^31-1, and 0 where it is accepted, stay "never". */
export function judgedLifetimeMs(setup: SetupFrame, limits: Limits): number {
  if (setup.maxLifetimeMs === MAX_31_BIT || setup.maxLifetimeMs === 0) return MAX_31_BIT;
  // Who sends no KEEPALIVE is silent by right.
  if (setup.keepaliveIntervalMs === 0) return MAX_31_BIT;
  return Math.min(Math.max(setup.maxLifetimeMs, limits.minLifetimeMs), limits.maxLifetimeMs);
}

/** How a server reads and judges what opens a connection. Servers give it to theirs; a client's bundle is without. */
export interface Opening {
  readonly decodeSetup: typeof decodeSetup;
  readonly decodeResume: typeof decodeResume;
  readonly refuseSetup: typeof refuseSetup;
  readonly judgedLifetimeMs: typeof judgedLifetimeMs;
}

/** What servers open with. */
export const serverOpening: Opening = { decodeSetup, decodeResume, refuseSetup, judgedLifetimeMs };
