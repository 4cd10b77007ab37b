// SPDX-License-Identifier: Apache-2.0
// The service of the matrix as cases call it and as handlers serve it, whatever library lies between.
package interop;

import com.google.protobuf.Empty;
import io.rsocket.interop.v1.AggregateResponse;
import io.rsocket.interop.v1.FiredRequest;
import io.rsocket.interop.v1.FiredResponse;
import io.rsocket.interop.v1.SimpleRequest;
import io.rsocket.interop.v1.SimpleResponse;
import io.rsocket.interop.v1.StreamRequest;
import org.reactivestreams.Publisher;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

public interface TestCalls {
  String SERVICE = "rsocket.interop.v1.TestService";
  byte[] NO_METADATA = {};

  Mono<Empty> emptyCall();

  /** {@code metadata}: the application's part, raw. */
  Mono<SimpleResponse> unaryCall(SimpleRequest request, byte[] metadata);

  Mono<Void> fireAndForget(SimpleRequest request);

  Mono<FiredResponse> fired(FiredRequest request);

  Flux<SimpleResponse> serverStream(StreamRequest request);

  Mono<AggregateResponse> clientStream(Publisher<SimpleRequest> requests);

  Flux<SimpleResponse> bidiStream(Publisher<SimpleRequest> requests);

  Mono<SimpleResponse> callBack(SimpleRequest request);

  /** A call of what no server has; only clients can make it. */
  default Mono<Empty> unknown(String service, String method) {
    return Mono.error(new UnsupportedOperationException("a handler calls nobody"));
  }
}
