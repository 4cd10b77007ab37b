// SPDX-License-Identifier: Apache-2.0
// The generated service on one side, the cases and handlers of the matrix on the other.
package interop;

import com.google.protobuf.Empty;
import com.google.protobuf.InvalidProtocolBufferException;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.rsocket.Payload;
import io.rsocket.RSocket;
import io.rsocket.interop.v1.AggregateResponse;
import io.rsocket.interop.v1.FiredRequest;
import io.rsocket.interop.v1.FiredResponse;
import io.rsocket.interop.v1.SimpleRequest;
import io.rsocket.interop.v1.SimpleResponse;
import io.rsocket.interop.v1.StreamRequest;
import io.rsocket.interop.v1.TestService;
import io.rsocket.interop.v1.TestServiceClient;
import io.rsocket.rpc.frames.Metadata;
import io.rsocket.util.ByteBufPayload;
import org.reactivestreams.Publisher;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

final class Generated {
  private Generated() {}

  /** Calls by the generated client. */
  static final class Caller implements TestCalls {
    private final RSocket rsocket;
    private final TestServiceClient client;

    Caller(RSocket rsocket) {
      this.rsocket = rsocket;
      client = new TestServiceClient(rsocket);
    }

    @Override
    public Mono<Empty> emptyCall() {
      return client.emptyCall(Empty.getDefaultInstance());
    }

    @Override
    public Mono<SimpleResponse> unaryCall(SimpleRequest request, byte[] metadata) {
      return Mono.defer(() -> client.unaryCall(request, Unpooled.wrappedBuffer(metadata)));
    }

    @Override
    public Mono<Void> fireAndForget(SimpleRequest request) {
      return client.fireAndForget(request);
    }

    @Override
    public Mono<FiredResponse> fired(FiredRequest request) {
      return client.fired(request);
    }

    @Override
    public Flux<SimpleResponse> serverStream(StreamRequest request) {
      return client.serverStream(request);
    }

    @Override
    public Mono<AggregateResponse> clientStream(Publisher<SimpleRequest> requests) {
      return client.clientStream(requests);
    }

    @Override
    public Flux<SimpleResponse> bidiStream(Publisher<SimpleRequest> requests) {
      return client.bidiStream(requests);
    }

    @Override
    public Mono<SimpleResponse> callBack(SimpleRequest request) {
      return client.callBack(request);
    }

    /** No client is generated for what isn't there. */
    @Override
    public Mono<Empty> unknown(String service, String method) {
      return Mono.defer(
              () -> {
                ByteBuf metadata = Metadata.encode(ByteBufAllocator.DEFAULT, service, method, Unpooled.EMPTY_BUFFER);
                return rsocket.requestResponse(ByteBufPayload.create(Unpooled.EMPTY_BUFFER, metadata));
              })
          .map(Caller::empty);
    }

    private static Empty empty(Payload payload) {
      try {
        return Empty.parseFrom(payload.getData());
      } catch (InvalidProtocolBufferException error) {
        throw new IllegalStateException(error);
      } finally {
        payload.release();
      }
    }
  }

  /** What the generated server calls. */
  static final class Served implements TestService {
    private final TestCalls handlers;

    Served(TestCalls handlers) {
      this.handlers = handlers;
    }

    @Override
    public Mono<Empty> emptyCall(Empty message, ByteBuf metadata) {
      return handlers.emptyCall();
    }

    /** The generated server gives handlers the whole RPC frame; the application's part of it is the last. */
    @Override
    public Mono<SimpleResponse> unaryCall(SimpleRequest message, ByteBuf metadata) {
      return handlers.unaryCall(message, ByteBufUtil.getBytes(Metadata.getMetadata(metadata)));
    }

    @Override
    public Mono<Void> fireAndForget(SimpleRequest message, ByteBuf metadata) {
      return handlers.fireAndForget(message);
    }

    @Override
    public Mono<FiredResponse> fired(FiredRequest message, ByteBuf metadata) {
      return handlers.fired(message);
    }

    @Override
    public Flux<SimpleResponse> serverStream(StreamRequest message, ByteBuf metadata) {
      return handlers.serverStream(message);
    }

    @Override
    public Mono<AggregateResponse> clientStream(Publisher<SimpleRequest> messages, ByteBuf metadata) {
      return handlers.clientStream(messages);
    }

    @Override
    public Flux<SimpleResponse> bidiStream(Publisher<SimpleRequest> messages, ByteBuf metadata) {
      return handlers.bidiStream(messages);
    }

    @Override
    public Mono<SimpleResponse> callBack(SimpleRequest message, ByteBuf metadata) {
      return handlers.callBack(message);
    }
  }
}
