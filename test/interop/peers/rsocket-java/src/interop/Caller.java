// SPDX-License-Identifier: Apache-2.0
// TestService over a connection of rsocket-java, without generated code.
package interop;

import com.google.protobuf.Empty;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.MessageLite;
import com.google.protobuf.Parser;
import io.netty.buffer.Unpooled;
import io.rsocket.Payload;
import io.rsocket.RSocket;
import io.rsocket.interop.v1.AggregateResponse;
import io.rsocket.interop.v1.FiredRequest;
import io.rsocket.interop.v1.FiredResponse;
import io.rsocket.interop.v1.SimpleRequest;
import io.rsocket.interop.v1.SimpleResponse;
import io.rsocket.interop.v1.StreamRequest;
import io.rsocket.util.DefaultPayload;
import java.util.function.Function;
import org.reactivestreams.Publisher;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

final class Caller implements TestCalls {
  private final RSocket rsocket;
  private final Routing routing;

  Caller(RSocket rsocket, Routing routing) {
    this.rsocket = rsocket;
    this.routing = routing;
  }

  @Override
  public Mono<Empty> emptyCall() {
    return unknown(SERVICE, "EmptyCall");
  }

  @Override
  public Mono<SimpleResponse> unaryCall(SimpleRequest request, byte[] metadata) {
    return ask(new RpcMetadata(SERVICE, "UnaryCall", metadata), request, SimpleResponse.parser());
  }

  @Override
  public Mono<Void> fireAndForget(SimpleRequest request) {
    return Mono.defer(() -> rsocket.fireAndForget(payload(to("FireAndForget"), request)));
  }

  @Override
  public Mono<FiredResponse> fired(FiredRequest request) {
    return ask(to("Fired"), request, FiredResponse.parser());
  }

  @Override
  public Flux<SimpleResponse> serverStream(StreamRequest request) {
    return Flux.defer(() -> rsocket.requestStream(payload(to("ServerStream"), request)))
        .map(reader(SimpleResponse.parser()));
  }

  @Override
  public Mono<AggregateResponse> clientStream(Publisher<SimpleRequest> requests) {
    return rsocket
        .requestChannel(channel("ClientStream", requests))
        .map(reader(AggregateResponse.parser()))
        .single();
  }

  @Override
  public Flux<SimpleResponse> bidiStream(Publisher<SimpleRequest> requests) {
    return rsocket.requestChannel(channel("BidiStream", requests)).map(reader(SimpleResponse.parser()));
  }

  @Override
  public Mono<SimpleResponse> callBack(SimpleRequest request) {
    return ask(to("CallBack"), request, SimpleResponse.parser());
  }

  @Override
  public Mono<Empty> unknown(String service, String method) {
    return ask(new RpcMetadata(service, method, NO_METADATA), Empty.getDefaultInstance(), Empty.parser());
  }

  private <T> Mono<T> ask(RpcMetadata metadata, MessageLite request, Parser<T> parser) {
    return Mono.defer(() -> rsocket.requestResponse(payload(metadata, request))).map(reader(parser));
  }

  // The first message says which method it is for.
  private Flux<Payload> channel(String method, Publisher<SimpleRequest> requests) {
    return Flux.from(requests)
        .index((index, message) -> index == 0 ? payload(to(method), message) : bare(message));
  }

  private Payload payload(RpcMetadata metadata, MessageLite message) {
    return DefaultPayload.create(Unpooled.wrappedBuffer(message.toByteArray()), routing.encode(metadata));
  }

  static Payload bare(MessageLite message) {
    return DefaultPayload.create(message.toByteArray());
  }

  static <T> Function<Payload, T> reader(Parser<T> parser) {
    return payload -> {
      try {
        return parser.parseFrom(payload.getData());
      } catch (InvalidProtocolBufferException error) {
        throw new IllegalStateException(error);
      } finally {
        payload.release();
      }
    };
  }

  private static RpcMetadata to(String method) {
    return new RpcMetadata(SERVICE, method, NO_METADATA);
  }
}
