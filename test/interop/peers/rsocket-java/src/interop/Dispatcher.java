// SPDX-License-Identifier: Apache-2.0
// Brings requests that come over a connection of rsocket-java to the handlers of TestService.
package interop;

import com.google.protobuf.MessageLite;
import io.rsocket.Payload;
import io.rsocket.RSocket;
import io.rsocket.interop.v1.FiredRequest;
import io.rsocket.interop.v1.SimpleRequest;
import io.rsocket.interop.v1.StreamRequest;
import org.reactivestreams.Publisher;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

final class Dispatcher implements RSocket {
  private final TestCalls handlers;
  private final Routing routing;

  Dispatcher(TestCalls handlers, Routing routing) {
    this.handlers = handlers;
    this.routing = routing;
  }

  @Override
  public Mono<Void> fireAndForget(Payload payload) {
    RpcMetadata metadata = metadataOf(payload);
    return switch (methodOf(metadata)) {
      case "FireAndForget" -> handlers.fireAndForget(simple(payload));
      default -> Mono.error(unknown(metadata));
    };
  }

  @Override
  public Mono<Payload> requestResponse(Payload payload) {
    RpcMetadata metadata = metadataOf(payload);
    Mono<? extends MessageLite> answer =
        switch (methodOf(metadata)) {
          case "EmptyCall" -> handlers.emptyCall();
          case "UnaryCall" -> handlers.unaryCall(simple(payload), metadata.user());
          case "Fired" -> handlers.fired(Caller.reader(FiredRequest.parser()).apply(payload));
          case "CallBack" -> handlers.callBack(simple(payload));
          default -> Mono.error(unknown(metadata));
        };
    return answer.map(Caller::bare);
  }

  @Override
  public Flux<Payload> requestStream(Payload payload) {
    RpcMetadata metadata = metadataOf(payload);
    return switch (methodOf(metadata)) {
      case "ServerStream" ->
          handlers.serverStream(Caller.reader(StreamRequest.parser()).apply(payload)).map(Caller::bare);
      default -> Flux.error(unknown(metadata));
    };
  }

  @Override
  public Flux<Payload> requestChannel(Publisher<Payload> payloads) {
    return Flux.from(payloads)
        .switchOnFirst(
            (first, all) -> first.hasValue() ? channel(metadataOf(first.get()), all) : all.thenMany(Flux.empty()));
  }

  private Flux<Payload> channel(RpcMetadata metadata, Flux<Payload> payloads) {
    return switch (methodOf(metadata)) {
      case "ClientStream" -> handlers.clientStream(payloads.map(Dispatcher::simple)).flux().map(Caller::bare);
      case "BidiStream" -> handlers.bidiStream(payloads.map(Dispatcher::simple)).map(Caller::bare);
      default -> Flux.error(unknown(metadata));
    };
  }

  private RpcMetadata metadataOf(Payload payload) {
    return routing.decode(payload.sliceMetadata());
  }

  private static String methodOf(RpcMetadata metadata) {
    return metadata.service().equals(TestCalls.SERVICE) ? metadata.method() : "";
  }

  private static Throwable unknown(RpcMetadata metadata) {
    String text =
        metadata.service().equals(TestCalls.SERVICE)
            ? "unknown method"
            : "can not find service " + metadata.service();
    return new IllegalArgumentException(text);
  }

  private static SimpleRequest simple(Payload payload) {
    return Caller.reader(SimpleRequest.parser()).apply(payload);
  }
}
