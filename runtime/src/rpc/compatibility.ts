// SPDX-License-Identifier: Apache-2.0
// What calls do otherwise for a peer that spells or carries them otherwise than we do.

import type { ConnectionSettingsInit, PayloadCompatibility } from "../rsocket/settings.js";

/** What a connection, and the calls on it, do otherwise for the peer's driver; each may be left out. Presets: `rsocket-rpc/compat`. */
export interface Compatibility extends PayloadCompatibility {
  /** True: calls to `.Service` are served as `Service`. For rsocket-rpc-go, which writes a service without package so. Off. */
  readonly leadingDot?: boolean;
  /** True: calls to `Method` are served as `method`. For rsocket-rpc-net, which raises the first letter of each method. Off. */
  readonly capitalizedMethods?: boolean;
  /** True: every request carries our mark, so that it gets through brokers, which drop the hello in SETUP. Off. */
  readonly announcePerRequest?: boolean;
  /**
   * True: a channel's metadata goes on each of its payloads, as rsocket-rpc-js and rsocket-rpc-go send it; for brokers that
   * unwrap every payload. Off.
   */
  readonly repeatChannelMetadata?: boolean;
}

/** Connection settings of which calls know more switches. */
export interface CallSettings extends ConnectionSettingsInit {
  readonly compatibility?: Compatibility;
  /**
   * True: fields that a message's .proto doesn't have here are dropped when it is read, rather than kept to be sent on. Kept,
   * each of them is an object: 4 MiB of them take 300 MiB. False unless given; true with the preset `edge`.
   */
  readonly discardUnknownFields?: boolean;
}

/** @internal Whether messages are read without the fields that aren't known here. */
export function discardsUnknownFields({ discardUnknownFields, preset }: CallSettings): boolean {
  return discardUnknownFields ?? preset === "edge";
}
