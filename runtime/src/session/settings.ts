// SPDX-License-Identifier: Apache-2.0
// What a connection is told before it starts: its limits, each with its reason, and its settings.

import { checkOptions, type Kinds } from "../bytes/options.js";
import { MAX_31_BIT, MAX_FRAME_BYTES } from "../frames/layout.js";
import { checkSetting, fragmentsOf, givenLimits, reassemblyBytesOf } from "./setting-rules.js";

/**
 * Every buffer and every counter that a peer can move. All can be changed; `Infinity` switches one off.
 * Numbers of bytes, milliseconds or things, as their names say; per connection unless said otherwise.
 */
export interface Limits {
  /** From a link's beginning to the SETUP's acceptance, in all, not idle. 10 s: slow phones make it, slow-loris attacks don't. */
  readonly setupTimeoutMs: number;
  /** The SETUP or RESUME frame. 64 KiB: memory before anybody has shown who they are. */
  readonly maxSetupBytes: number;
  /** The data of one message, in one frame or reassembled. 4 MiB, as gRPC; a longer frame is refused from its length. */
  readonly maxMessageBytes: number;
  /** Fragments of unfinished messages, over all streams. 16 MiB: four of the largest. */
  readonly maxReassemblyBytes: number;
  /** Fragments of one message; an empty one counts 64. By default max(16,384, maxMessageBytes / 32). */
  readonly maxFragments: number;
  /** Our messages that are being fragmented at once, together; one always may. 8 MiB: half of what we'd take ourselves. */
  readonly maxFragmentingBytes: number;
  /** Metadata of one frame. 64 KiB, eight times what browsers allow for headers. */
  readonly maxMetadataBytes: number;
  /** Entries in composite metadata. 64: real peers send fewer than ten. */
  readonly maxMetadataEntries: number;
  /** Streams that the peer has open. 10,000; beyond it a request is REJECTED. */
  readonly maxInboundStreams: number;
  /** Handlers running in one server or client, over all its connections. 10,000; a slot is free when the handler ends. */
  readonly maxRunningHandlers: number;
  /** Of those, such as one connection has. 9,000: a tenth is left to all others, whatever one of them does. */
  readonly maxHandlersPerConnection: number;
  /** Requests cancelled before they were answered: so many at once … 2,000. */
  readonly cancelBurst: number;
  /** … and so many per second after that. 500: rapid resets end the connection. */
  readonly cancelsPerSecond: number;
  /** KEEPALIVE and METADATA_PUSH frames, LEASE beyond one per request we made under one: so many at once … 2,000. */
  readonly controlBurst: number;
  /** … and so many per second. 500. */
  readonly controlsPerSecond: number;
  /** Frames that mean nothing (unknown types with I, ids never opened): so many at once … 5,000. */
  readonly meaninglessBurst: number;
  /** … and so many per second. 1,000: the specification says ignore, not for ever. */
  readonly meaninglessPerSecond: number;
  /** REQUEST_N frames beyond one per item we sent: so many at once … 1,000. */
  readonly requestNBurst: number;
  /** … and so many per second. 1,000: only demand without delivery is abuse. */
  readonly requestNsPerSecond: number;
  /** Items that a peer may send beyond its credit on a stream, held until there is credit. 64: rsocket-go sends one early. */
  readonly maxSurplusItems: number;
  /** Bytes of those items. 256 KiB. */
  readonly maxSurplusBytes: number;
  /** Messages received on all streams that wait for their consumers; above it only a consumer with none gets one. 16 MiB. */
  readonly maxUnconsumedBytes: number;
  /** Of those, what may still come of what was asked for: with a message more its stream ends, `resource_exhausted`. 256 MiB. */
  readonly maxWaitingBytes: number;
  /** Answers that wait for room, and items fetched ahead: an answer more ends its call `resource_exhausted`. 256 MiB. */
  readonly maxHeldAnswerBytes: number;
  /** Above this much waiting to be written, producers pause and calls wait unencoded. 1 MiB. */
  readonly producerPauseBytes: number;
  /** Above this much of answers and echoes waiting to be written, reading pauses while bytes move, and answers wait unencoded. 4 MiB. */
  readonly readPauseBytes: number;
  /** Answers and echoes waiting to be written while the peer reads nothing for 1 s. 24 MiB: beyond it the connection is destroyed; at 8 times as much in any case. */
  readonly maxPeerCausedBytes: number;
  /** Bytes are waiting and none moved for so long: the connection is destroyed. 30 s. */
  readonly stallTimeoutMs: number;
  /** Calls waiting for room in the write queue. 10,000; one more fails `resource_exhausted`. */
  readonly maxQueuedCalls: number;
  /** Of those, such as wait for a lease of the peer. 1,000: a peer that grants too little isn't helped by a longer queue. */
  readonly maxCallsWithoutLease: number;
  /** Frames behind SETUP while it is being accepted. 64 KiB; then reading pauses, nothing is refused. */
  readonly maxHeldBytes: number;
  /** The shortest lifetime a client may ask for; a shorter one is raised to it. 0.5 s. */
  readonly minLifetimeMs: number;
  /** The longest lifetime that is judged; a longer one is cut to it, 2^31-1 is never judged. 10 min. */
  readonly maxLifetimeMs: number;
  /** The longest deadline a server grants a call that carries one. 1 h. */
  readonly maxTimeoutMs: number;
  /** Error text sent to the peer. 1 KiB. */
  readonly maxErrorTextBytes: number;
  /** Details of a status sent to the peer, its trailers, and headers that come with it, each; beyond it they are left out. 16 KiB. */
  readonly maxErrorDetailsBytes: number;
  /** Connections of one server. 10,000; one more is refused with REJECTED_SETUP. */
  readonly maxConnections: number;
  /** Connections of one server from one remote address, or from one /64 of IPv6. Infinity: behind a proxy all share one. */
  readonly maxConnectionsPerAddress: number;
  /** Sessions of one server that can be resumed. 1,000; a SETUP that asks for one more is refused. */
  readonly maxSessions: number;
  /** Sent frames that one session keeps for its peer. 4 MiB: what may be under way on a fast link, and a bit. */
  readonly maxSessionBytes: number;
  /** The same, over all sessions of a server. 48 MiB: limits of single sessions multiply. Above it each keeps 64 KiB at a time. */
  readonly maxAllSessionsBytes: number;
  /** How long a session lives without a link. 120 s: a tunnel, a lift, a switch from one network to another. */
  readonly sessionLifetimeMs: number;
  /** The shortest resume token a server accepts. 16 bytes: who can't guess can't take over. */
  readonly minResumeTokenBytes: number;
  /** The longest. 128 bytes. */
  readonly maxResumeTokenBytes: number;
  /** RESUMEs that may be refused to one remote address, or one /64 of IPv6: so many at once … 20 … */
  readonly refusedResumeBurst: number;
  /** … and so many per second. 1; above that only who was at that address before resumes, or whom more than a token proves. */
  readonly refusedResumesPerSecond: number;
  /** TLS and the request that opens a WebSocket, together, before `setupTimeoutMs` begins. 10 s, as that. Node's `serve`. */
  readonly handshakeTimeoutMs: number;
  /**
   * Connections at that at once, for each URL; for one more the oldest is closed, if it has taken a second, else that one.
   * 1,000: a slow second of 1,000 newcomers. Node's `serve`.
   */
  readonly maxHandshakes: number;
}

/** For services that know each other. */
const STANDARD: Omit<Limits, "maxFragments"> = {
  setupTimeoutMs: 10_000,
  maxSetupBytes: 65_536,
  maxMessageBytes: 4_194_304,
  maxReassemblyBytes: 16_777_216,
  maxFragmentingBytes: 8_388_608,
  maxMetadataBytes: 65_536,
  maxMetadataEntries: 64,
  maxInboundStreams: 10_000,
  maxRunningHandlers: 10_000,
  maxHandlersPerConnection: 9_000,
  cancelBurst: 2_000,
  cancelsPerSecond: 500,
  controlBurst: 2_000,
  controlsPerSecond: 500,
  meaninglessBurst: 5_000,
  meaninglessPerSecond: 1_000,
  requestNBurst: 1_000,
  requestNsPerSecond: 1_000,
  maxSurplusItems: 64,
  maxSurplusBytes: 262_144,
  maxUnconsumedBytes: 16_777_216,
  maxWaitingBytes: 268_435_456,
  maxHeldAnswerBytes: 268_435_456,
  producerPauseBytes: 1_048_576,
  readPauseBytes: 4_194_304,
  maxPeerCausedBytes: 25_165_824,
  stallTimeoutMs: 30_000,
  maxQueuedCalls: 10_000,
  maxCallsWithoutLease: 1_000,
  maxHeldBytes: 65_536,
  minLifetimeMs: 500,
  maxLifetimeMs: 600_000,
  maxTimeoutMs: 3_600_000,
  maxErrorTextBytes: 1_024,
  maxErrorDetailsBytes: 16_384,
  maxConnections: 10_000,
  maxConnectionsPerAddress: Number.POSITIVE_INFINITY,
  maxSessions: 1_000,
  maxSessionBytes: 4_194_304,
  maxAllSessionsBytes: 50_331_648,
  sessionLifetimeMs: 120_000,
  minResumeTokenBytes: 16,
  maxResumeTokenBytes: 128,
  refusedResumeBurst: 20,
  refusedResumesPerSecond: 1,
  handshakeTimeoutMs: 10_000,
  maxHandshakes: 1_000,
};

const STANDARD_LIMITS: Limits = withFragments(STANDARD);

/** The preset for a server that faces the internet. */
const EDGE_LIMITS: Limits = withFragments({
  ...STANDARD,
  maxInboundStreams: 1_000,
  maxHandlersPerConnection: 1_000,
  controlBurst: 10,
  controlsPerSecond: 1,
  maxWaitingBytes: 67_108_864,
  maxHeldAnswerBytes: 67_108_864,
  maxConnectionsPerAddress: 256,
});

/** What was resolved last: connections opened in turn mostly have the same limits, and share one object. */
let latest: { readonly base: Limits; readonly given: Partial<Limits>; readonly limits: Limits } | undefined;

/**
 * The standard limits with those of `changes` in their place, which nobody can change; `edge` starts from the preset for the
 * internet.
 * @throws RangeError naming a limit that is unknown or not a number above 0.
 */
export function resolveLimits(changes: Partial<Limits> = {}, preset: "standard" | "edge" = "standard"): Limits {
  if (preset !== "standard" && preset !== "edge") {
    throw new RangeError(`preset is ${JSON.stringify(preset)}, expected "standard" or "edge"`);
  }
  const base = preset === "edge" ? EDGE_LIMITS : STANDARD_LIMITS;
  const given = givenLimits<keyof Limits>(changes, STANDARD_LIMITS);
  if (Object.keys(given).length === 0) return base;
  if (given.maxMessageBytes !== undefined) {
    given.maxFragments ??= fragmentsOf(given.maxMessageBytes);
    given.maxReassemblyBytes ??= reassemblyBytesOf({ ...base, ...given });
  }
  if (latest?.base !== base || !haveSame(latest.given, given)) {
    latest = { base, given, limits: Object.freeze({ ...base, ...given }) };
  }
  return latest.limits;
}

function haveSame(some: Partial<Limits>, others: Partial<Limits>): boolean {
  const names = Object.keys(some) as (keyof Limits)[];
  return names.length === Object.keys(others).length && names.every((name) => some[name] === others[name]);
}

function withFragments(limits: Omit<Limits, "maxFragments">): Limits {
  return Object.freeze({ ...limits, maxFragments: fragmentsOf(limits.maxMessageBytes) });
}

/** The settings of one connection. */
export interface ConnectionSettings extends Required<PayloadCompatibility> {
  readonly limits: Limits;
  /** Between two KEEPALIVE frames of the client. 20 s, or a third of the lifetime where that is less; it goes into SETUP. */
  readonly keepaliveIntervalMs: number;
  /** Silence that ends the connection, longer than the interval. 90 s; it goes into SETUP. */
  readonly maxLifetimeMs: number;
  /** The largest frame written, prefix included: longer payloads are fragmented. 64 KiB; 64 … 16,777,215. */
  readonly fragmentBytes: number;
}

/** What a connection does otherwise for a driver that departs from the specification; each may be left out. */
export interface PayloadCompatibility {
  /**
   * True: a server sends KEEPALIVE by itself, at the client's interval, as those of rsocket-java and rsocket-kotlin do; for
   * clients that wait for one. Off: a server only answers, since rsocket-cpp's client closes on one (Q-KA-SERVER-R).
   */
  readonly serverKeepalive?: boolean;
  /**
   * True: F wins over C on a fragment. For rsocket-rust, which sets C on the first fragment of its items, and rsocket-cpp,
   * which repeats all flags on every one (Q-FRAG). Off: C wins (RSocket 1.0 §Fragmentation And Reassembly).
   */
  readonly followsWins?: boolean;
  /** True: the peer's silence is never taken for its death. For rsocket-net, which neither sends nor answers KEEPALIVE (Q-KA-ONLY). Off. */
  readonly peerMayBeSilent?: boolean;
  /** True: a server takes keepalive and lifetime 0 in SETUP for "none". For rsocket-swift, which can send them (Q-SETUP-KA). Off: refused. */
  readonly acceptZeroKeepalive?: boolean;
  /**
   * False: a responder that wants no more of a channel's items drops them and says nothing. For rsocket-go, whose client
   * process panics when it gets a CANCEL (Q-GO-CANCEL-CRASH). True unless given.
   */
  readonly cancelChannelInput?: boolean;
}

/** Every switch there is: those of calls are no concern of a session, but one preset is for both. */
const SWITCHES: Kinds = {
  serverKeepalive: "boolean",
  followsWins: "boolean",
  peerMayBeSilent: "boolean",
  acceptZeroKeepalive: "boolean",
  cancelChannelInput: "boolean",
  leadingDot: "boolean",
  capitalizedMethods: "boolean",
  announcePerRequest: "boolean",
  repeatChannelMetadata: "boolean",
};

/** Connection settings as a user gives them: each may be left out. */
export interface ConnectionSettingsInit
  extends Partial<Pick<ConnectionSettings, "keepaliveIntervalMs" | "maxLifetimeMs" | "fragmentBytes">> {
  /** What this connection does otherwise for its peer's driver. */
  readonly compatibility?: PayloadCompatibility;
  readonly limits?: Partial<Limits>;
  /** Where the limits start from. */
  readonly preset?: "standard" | "edge";
}

/** What the options of connections have in common. */
export const SETTINGS: Kinds = {
  keepaliveIntervalMs: "number",
  maxLifetimeMs: "number",
  fragmentBytes: "number",
  compatibility: "object",
  limits: "object",
  preset: "",
};

/** The smallest fragment: rsocket-java refuses smaller ones (Q-FRAG). */
export const MIN_FRAGMENT_BYTES = 64;

/** Fills in what was left out and checks the rest. @throws RangeError naming the setting, its value and its range. */
export function resolveSettings(init: ConnectionSettingsInit = {}): ConnectionSettings {
  const { compatibility = {}, maxLifetimeMs = 90_000 } = init;
  checkOptions(compatibility, SWITCHES, "compatibility.");
  const settings: ConnectionSettings = {
    limits: resolveLimits(init.limits, init.preset),
    keepaliveIntervalMs: init.keepaliveIntervalMs ?? Math.min(20_000, Math.ceil(maxLifetimeMs / 3)),
    maxLifetimeMs,
    serverKeepalive: compatibility.serverKeepalive ?? false,
    fragmentBytes: init.fragmentBytes ?? 65_536,
    followsWins: compatibility.followsWins ?? false,
    peerMayBeSilent: compatibility.peerMayBeSilent ?? false,
    acceptZeroKeepalive: compatibility.acceptZeroKeepalive ?? false,
    cancelChannelInput: compatibility.cancelChannelInput ?? true,
  };
  checkSetting("maxLifetimeMs", settings.maxLifetimeMs, 1, MAX_31_BIT);
  checkSetting("keepaliveIntervalMs", settings.keepaliveIntervalMs, 1, MAX_31_BIT);
  const { keepaliveIntervalMs } = settings;
  // Otherwise each silence would end the connection. The longest lifetime is none.
  if (keepaliveIntervalMs >= maxLifetimeMs && maxLifetimeMs < MAX_31_BIT) {
    throw new RangeError(
      `keepaliveIntervalMs is ${keepaliveIntervalMs}, expected less than maxLifetimeMs, ${maxLifetimeMs}`,
    );
  }
  checkSetting("fragmentBytes", settings.fragmentBytes, MIN_FRAGMENT_BYTES, MAX_FRAME_BYTES);
  return settings;
}
