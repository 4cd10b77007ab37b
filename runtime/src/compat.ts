// SPDX-License-Identifier: Apache-2.0
// `rsocket-rpc/compat`: values of the option `compatibility` for drivers that need one. Combine them: `{ ...rsocketGo, ...rsocketRust }`.

import type { Compatibility } from "./rpc/compatibility.js";

/**
 * rsocket-go and rsocket-rpc-go: never a CANCEL for a channel's items, of which their process dies; their answers in fragments
 * carry C on the first; `.Service` is `Service`.
 */
export const rsocketGo: Compatibility = { cancelChannelInput: false, followsWins: true, leadingDot: true };

/** rsocket_rust: its fragments of one item carry C from the first on. */
export const rsocketRust: Compatibility = { followsWins: true };

/** rsocket-rpc-java 0.2, on rsocket-java before 1.0: when told to fragment, it puts C on the first fragment of an answer. */
export const rsocketRpcJava: Compatibility = { followsWins: true };

/** rsocket-cpp: it repeats all flags, C as well, on every fragment. */
export const rsocketCpp: Compatibility = { followsWins: true };

/**
 * rsocket-net and rsocket-rpc-net: they neither send nor answer KEEPALIVE, and raise the first letter of each method. Connect
 * with `confirm: false`: that a server accepted is otherwise known by its answer to a KEEPALIVE.
 */
export const rsocketNet: Compatibility = { peerMayBeSilent: true, capitalizedMethods: true };

/** rsocket-swift: its SETUP may say keepalive 0 for "none". */
export const rsocketSwift: Compatibility = { acceptZeroKeepalive: true };
