// SPDX-License-Identifier: Apache-2.0
// All cases, in the order of the matrix.
package interop;

import java.util.LinkedHashMap;
import java.util.Map;

public final class Cases {
  /** Passes by returning. */
  @FunctionalInterface
  interface Case {
    void run(Peer peer) throws Exception;
  }

  static final Map<String, Case> ALL = new LinkedHashMap<>();

  static {
    ALL.put("empty_unary", UnaryCases::emptyUnary);
    ALL.put("large_unary", UnaryCases::largeUnary);
    ALL.put("client_streaming", StreamCases::clientStreaming);
    ALL.put("server_streaming", StreamCases::serverStreaming);
    ALL.put("server_streaming_slow_reader", StreamCases::serverStreamingSlowReader);
    ALL.put("ping_pong", StreamCases::pingPong);
    ALL.put("empty_stream", StreamCases::emptyStream);
    ALL.put("fire_and_forget", UnaryCases::fireAndForget);
    ALL.put("custom_metadata", UnaryCases::customMetadata);
    ALL.put("status_code_and_message", FailureCases::statusCodeAndMessage);
    ALL.put("special_status_message", FailureCases::specialStatusMessage);
    ALL.put("unimplemented_method", FailureCases::unimplementedMethod);
    ALL.put("unimplemented_service", FailureCases::unimplementedService);
    ALL.put("fail_mid_stream", FailureCases::failMidStream);
    ALL.put("cancel_after_begin", FailureCases::cancelAfterBegin);
    ALL.put("cancel_after_first_response", FailureCases::cancelAfterFirstResponse);
    ALL.put("timeout_on_sleeping_server", FailureCases::timeoutOnSleepingServer);
    ALL.put("concurrent_large_unary", ConnectionCases::concurrentLargeUnary);
    ALL.put("many_small", ConnectionCases::manySmall);
    ALL.put("call_back", UnaryCases::callBack);
    ALL.put("fragmented", ConnectionCases::fragmented);
    ALL.put("big_message", UnaryCases::bigMessage);
    ALL.put("keepalive", ConnectionCases::keepalive);
    ALL.put("peer_disconnects", ConnectionCases::peerDisconnects);
    ALL.put("lease", ConnectionCases::lease);
    ALL.put("resume", ConnectionCases::resume);
    ALL.put("composite_routing", ConnectionCases::compositeRouting);
  }

  private Cases() {}
}
