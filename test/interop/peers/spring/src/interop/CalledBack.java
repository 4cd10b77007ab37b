// SPDX-License-Identifier: Apache-2.0
// What a client serves to the server that it called.
package interop;

import io.rsocket.interop.v1.SimpleRequest;
import io.rsocket.interop.v1.SimpleResponse;
import org.springframework.messaging.handler.annotation.MessageMapping;
import org.springframework.messaging.handler.annotation.Payload;
import reactor.core.publisher.Mono;

final class CalledBack {
  private final TestCalls serves;

  CalledBack(TestCalls serves) {
    this.serves = serves;
  }

  @MessageMapping(TestCalls.SERVICE + ".UnaryCall")
  Mono<SimpleResponse> unaryCall(@Payload SimpleRequest request) {
    return serves.unaryCall(request, TestCalls.NO_METADATA);
  }
}
