// SPDX-License-Identifier: Apache-2.0
// TestService over an RSocketRequester: the route is `service.method`, data are bare protobuf messages.
package interop;

import com.google.protobuf.Empty;
import io.rsocket.interop.v1.AggregateResponse;
import io.rsocket.interop.v1.FiredRequest;
import io.rsocket.interop.v1.FiredResponse;
import io.rsocket.interop.v1.SimpleRequest;
import io.rsocket.interop.v1.SimpleResponse;
import io.rsocket.interop.v1.StreamRequest;
import org.reactivestreams.Publisher;
import org.springframework.messaging.rsocket.RSocketRequester;
import org.springframework.messaging.rsocket.RSocketRequester.RequestSpec;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

class Requests implements TestCalls {
  private final RSocketRequester requester;

  Requests(RSocketRequester requester) {
    this.requester = requester;
  }

  @Override
  public Mono<Empty> emptyCall() {
    return unknown(SERVICE, "EmptyCall");
  }

  @Override
  public Mono<SimpleResponse> unaryCall(SimpleRequest request, byte[] metadata) {
    RequestSpec spec = to("UnaryCall");
    if (metadata.length > 0) spec.metadata(metadata, Protobuf.OCTET_STREAM);
    return spec.data(request).retrieveMono(SimpleResponse.class);
  }

  @Override
  public Mono<Void> fireAndForget(SimpleRequest request) {
    return to("FireAndForget").data(request).send();
  }

  @Override
  public Mono<FiredResponse> fired(FiredRequest request) {
    return to("Fired").data(request).retrieveMono(FiredResponse.class);
  }

  @Override
  public Flux<SimpleResponse> serverStream(StreamRequest request) {
    return to("ServerStream").data(request).retrieveFlux(SimpleResponse.class);
  }

  /** As a channel, since there are many messages: {@code retrieveMono} would send the first alone. */
  @Override
  public Mono<AggregateResponse> clientStream(Publisher<SimpleRequest> requests) {
    return to("ClientStream").data(requests, SimpleRequest.class).retrieveFlux(AggregateResponse.class).single();
  }

  @Override
  public Flux<SimpleResponse> bidiStream(Publisher<SimpleRequest> requests) {
    return to("BidiStream").data(requests, SimpleRequest.class).retrieveFlux(SimpleResponse.class);
  }

  @Override
  public Mono<SimpleResponse> callBack(SimpleRequest request) {
    return to("CallBack").data(request).retrieveMono(SimpleResponse.class);
  }

  @Override
  public Mono<Empty> unknown(String service, String method) {
    return requester.route(service + "." + method).data(Empty.getDefaultInstance()).retrieveMono(Empty.class);
  }

  private RequestSpec to(String method) {
    return requester.route(SERVICE + "." + method);
  }
}
