// SPDX-License-Identifier: Apache-2.0
// All cases, in the order in which docs/interop.md lists them.

import type { Peer } from "../peer.js";
import { compositeRouting, fragmented, keepalive, peerDisconnects } from "./connections.js";
import {
  failMidStream,
  specialStatusMessage,
  statusCodeAndMessage,
  unimplementedMethod,
  unimplementedService,
} from "./failures.js";
import { cancelAfterBegin, cancelAfterFirstResponse, timeoutOnSleepingServer } from "./giving-up.js";
import { lease } from "./leases.js";
import { concurrentLargeUnary, manySmall } from "./load.js";
import { customMetadata } from "./metadata.js";
import { resume } from "./resuming.js";
import { clientStreaming, emptyStream, pingPong, serverStreaming, serverStreamingSlowReader } from "./streams.js";
import { bigMessage, callBack, emptyUnary, fireAndForget, largeUnary } from "./unary.js";

/** Passes by resolving; throws `Skipped`, or what was wrong. */
export type InteropCase = (peer: Peer) => Promise<void>;

/** By name. */
export const CASES: ReadonlyMap<string, InteropCase> = new Map(
  Object.entries({
    empty_unary: emptyUnary,
    large_unary: largeUnary,
    client_streaming: clientStreaming,
    server_streaming: serverStreaming,
    server_streaming_slow_reader: serverStreamingSlowReader,
    ping_pong: pingPong,
    empty_stream: emptyStream,
    fire_and_forget: fireAndForget,
    custom_metadata: customMetadata,
    status_code_and_message: statusCodeAndMessage,
    special_status_message: specialStatusMessage,
    unimplemented_method: unimplementedMethod,
    unimplemented_service: unimplementedService,
    fail_mid_stream: failMidStream,
    cancel_after_begin: cancelAfterBegin,
    cancel_after_first_response: cancelAfterFirstResponse,
    timeout_on_sleeping_server: timeoutOnSleepingServer,
    concurrent_large_unary: concurrentLargeUnary,
    many_small: manySmall,
    call_back: callBack,
    fragmented,
    big_message: bigMessage,
    keepalive,
    peer_disconnects: peerDisconnects,
    lease,
    resume,
    composite_routing: compositeRouting,
  }),
);
