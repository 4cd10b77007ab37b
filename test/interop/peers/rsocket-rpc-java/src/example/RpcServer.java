// SPDX-License-Identifier: Apache-2.0
// A server of rsocket-rpc-java that rsocket-rpc calls: the generated server around an implementation. example.ts calls it.
package example;

import com.google.protobuf.Empty;
import io.netty.buffer.ByteBuf;
import io.rsocket.RSocketFactory;
import io.rsocket.interop.v1.AggregateResponse;
import io.rsocket.interop.v1.FiredRequest;
import io.rsocket.interop.v1.FiredResponse;
import io.rsocket.interop.v1.SimpleRequest;
import io.rsocket.interop.v1.SimpleResponse;
import io.rsocket.interop.v1.StreamRequest;
import io.rsocket.interop.v1.TestService;
import io.rsocket.interop.v1.TestServiceServer;
import io.rsocket.rpc.rsocket.RequestHandlingRSocket;
import io.rsocket.transport.netty.server.TcpServerTransport;
import java.util.Optional;
import org.reactivestreams.Publisher;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

public class RpcServer implements TestService {
  public static void main(String[] args) {
    TestServiceServer service = new TestServiceServer(new RpcServer(), Optional.empty(), Optional.empty());
    RSocketFactory.receive()
        // It joins fragments only when it makes some itself; rsocket-rpc sends fragments of 64 KiB.
        .fragment(65_536)
        .acceptor((setup, caller) -> Mono.just(new RequestHandlingRSocket(service)))
        .transport(TcpServerTransport.create("127.0.0.1", Integer.parseInt(args[0])))
        .start()
        .block()
        .onClose()
        .block();
  }

  @Override
  public Mono<SimpleResponse> unaryCall(SimpleRequest request, ByteBuf metadata) {
    return Mono.just(SimpleResponse.newBuilder().setPayload(request.getPayload()).build());
  }

  @Override
  public Flux<SimpleResponse> serverStream(StreamRequest request, ByteBuf metadata) {
    return Flux.range(0, request.getSizesCount())
        .map(number -> SimpleResponse.newBuilder().setSequence(number).build());
  }

  @Override
  public Mono<AggregateResponse> clientStream(Publisher<SimpleRequest> requests, ByteBuf metadata) {
    return Flux.from(requests)
        .count()
        .map(count -> AggregateResponse.newBuilder().setCount(count.intValue()).build());
  }

  @Override
  public Flux<SimpleResponse> bidiStream(Publisher<SimpleRequest> requests, ByteBuf metadata) {
    return Flux.from(requests)
        .map(request -> SimpleResponse.newBuilder().setPayload(request.getPayload()).build());
  }

  @Override
  public Mono<Void> fireAndForget(SimpleRequest request, ByteBuf metadata) {
    return Mono.empty();
  }

  @Override
  public Mono<Empty> emptyCall(Empty request, ByteBuf metadata) {
    return Mono.just(Empty.getDefaultInstance());
  }

  @Override
  public Mono<FiredResponse> fired(FiredRequest request, ByteBuf metadata) {
    return Mono.just(FiredResponse.getDefaultInstance());
  }

  @Override
  public Mono<SimpleResponse> callBack(SimpleRequest request, ByteBuf metadata) {
    return Mono.error(new UnsupportedOperationException("nobody is called back here"));
  }
}
