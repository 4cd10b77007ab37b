// SPDX-License-Identifier: Apache-2.0
// TestService for callers whose routes are `service.method`: rsocket-rpc in composite mode is one.
package interop;

import com.google.protobuf.Empty;
import io.rsocket.interop.v1.AggregateResponse;
import io.rsocket.interop.v1.FiredRequest;
import io.rsocket.interop.v1.FiredResponse;
import io.rsocket.interop.v1.SimpleRequest;
import io.rsocket.interop.v1.SimpleResponse;
import io.rsocket.interop.v1.StreamRequest;
import java.util.Map;
import org.springframework.messaging.handler.annotation.Headers;
import org.springframework.messaging.handler.annotation.MessageMapping;
import org.springframework.messaging.handler.annotation.Payload;
import org.springframework.messaging.rsocket.RSocketRequester;
import org.springframework.stereotype.Controller;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

@Controller
@MessageMapping(TestCalls.SERVICE)
class TestController {
  private final Handlers.Memory memory = new Handlers.Memory();
  private final Handlers handlers = new Handlers(memory, null);

  @MessageMapping("EmptyCall")
  Mono<Empty> emptyCall() {
    return handlers.emptyCall();
  }

  @MessageMapping("UnaryCall")
  Mono<SimpleResponse> unaryCall(
      @Payload(required = false) SimpleRequest request, @Headers Map<String, Object> headers) {
    byte[] metadata = (byte[]) headers.getOrDefault(Protobuf.USER_METADATA, TestCalls.NO_METADATA);
    return handlers.unaryCall(orDefault(request, SimpleRequest.getDefaultInstance()), metadata);
  }

  @MessageMapping("FireAndForget")
  Mono<Void> fireAndForget(@Payload(required = false) SimpleRequest request) {
    return handlers.fireAndForget(orDefault(request, SimpleRequest.getDefaultInstance()));
  }

  @MessageMapping("Fired")
  Mono<FiredResponse> fired(@Payload(required = false) FiredRequest request) {
    return handlers.fired(orDefault(request, FiredRequest.getDefaultInstance()));
  }

  @MessageMapping("ServerStream")
  Flux<SimpleResponse> serverStream(@Payload(required = false) StreamRequest request) {
    return handlers.serverStream(orDefault(request, StreamRequest.getDefaultInstance()));
  }

  @MessageMapping("ClientStream")
  Mono<AggregateResponse> clientStream(@Payload Flux<SimpleRequest> requests) {
    return handlers.clientStream(requests);
  }

  @MessageMapping("BidiStream")
  Flux<SimpleResponse> bidiStream(@Payload Flux<SimpleRequest> requests) {
    return handlers.bidiStream(requests);
  }

  @MessageMapping("CallBack")
  Mono<SimpleResponse> callBack(@Payload SimpleRequest request, RSocketRequester caller) {
    return new Handlers(memory, new Requests(caller)).callBack(request);
  }

  // A message of defaults has no bytes, which Spring takes for a payload that is missing.
  private static <T> T orDefault(T message, T defaults) {
    return message == null ? defaults : message;
  }
}
