// SPDX-License-Identifier: Apache-2.0
// What the server of the matrix does with each call: sizes, pauses and failures as the caller asks.
package interop;

import com.google.protobuf.ByteString;
import com.google.protobuf.Empty;
import io.rsocket.interop.v1.AggregateResponse;
import io.rsocket.interop.v1.Failure;
import io.rsocket.interop.v1.FiredRequest;
import io.rsocket.interop.v1.FiredResponse;
import io.rsocket.interop.v1.SimpleRequest;
import io.rsocket.interop.v1.SimpleResponse;
import io.rsocket.interop.v1.StreamRequest;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import org.reactivestreams.Publisher;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

public class Handlers implements TestCalls {
  /** A failure that the caller asked for: its message is all that goes out. */
  public static final class Failed extends RuntimeException {
    Failed(Failure failure) {
      super(failure.getMessage(), null, false, false);
    }
  }

  /** Payloads of FireAndForget by key, and notes of calls that were given up: all connections share them. */
  public static final class Memory {
    private final Map<String, List<ByteString>> payloads = new ConcurrentHashMap<>();

    void remember(String key, ByteString payload) {
      payloads.computeIfAbsent(key, unused -> new CopyOnWriteArrayList<>()).add(payload);
    }

    List<ByteString> of(String key) {
      return payloads.getOrDefault(key, List.of());
    }

    void noteCancelled(String key) {
      if (!key.isEmpty()) remember("cancelled:" + key, ByteString.EMPTY);
    }
  }

  private final Memory memory;
  private final TestCalls caller;

  /** {@code caller}: the service of whoever opened the connection, for CallBack. */
  public Handlers(Memory memory, TestCalls caller) {
    this.memory = memory;
    this.caller = caller;
  }

  @Override
  public Mono<Empty> emptyCall() {
    return Mono.just(Empty.getDefaultInstance());
  }

  @Override
  public Mono<SimpleResponse> unaryCall(SimpleRequest request, byte[] metadata) {
    ByteString seen = ByteString.copyFrom(metadata);
    return answer(request, 0)
        .map(response -> response.toBuilder().setRequestMetadata(seen).build())
        .doOnCancel(() -> memory.noteCancelled(request.getKey()));
  }

  @Override
  public Mono<Void> fireAndForget(SimpleRequest request) {
    return Mono.fromRunnable(() -> memory.remember(request.getKey(), request.getPayload()));
  }

  @Override
  public Mono<FiredResponse> fired(FiredRequest request) {
    List<ByteString> payloads = memory.of(request.getKey());
    ByteString last = payloads.isEmpty() ? ByteString.EMPTY : payloads.get(payloads.size() - 1);
    return Mono.just(FiredResponse.newBuilder().setCount(payloads.size()).setLastPayload(last).build());
  }

  @Override
  public Flux<SimpleResponse> serverStream(StreamRequest request) {
    int size = request.getSizesCount();
    int count = request.hasFailWith() ? Math.min(size, request.getFailAfter()) : size;
    Duration interval = Duration.ofMillis(request.getIntervalMs());
    Flux<SimpleResponse> items =
        Flux.range(0, count)
            .concatMap(number -> number == 0 || interval.isZero() ? Mono.just(number) : later(number, interval), 1)
            .map(number -> response(zeros(request.getSizes(number)), number));
    return request.hasFailWith() ? items.concatWith(Mono.error(new Failed(request.getFailWith()))) : items;
  }

  @Override
  public Mono<AggregateResponse> clientStream(Publisher<SimpleRequest> requests) {
    Set<String> keys = ConcurrentHashMap.newKeySet();
    return Flux.from(requests)
        .doOnNext(request -> keys.add(request.getKey()))
        .reduce(AggregateResponse.getDefaultInstance(), Handlers::add)
        .doOnCancel(() -> keys.forEach(memory::noteCancelled));
  }

  @Override
  public Flux<SimpleResponse> bidiStream(Publisher<SimpleRequest> requests) {
    Set<String> keys = ConcurrentHashMap.newKeySet();
    AtomicInteger sequence = new AtomicInteger();
    return Flux.from(requests)
        .doOnNext(request -> keys.add(request.getKey()))
        .concatMap(request -> answer(request, sequence.getAndIncrement()), 1)
        .doOnCancel(() -> keys.forEach(memory::noteCancelled));
  }

  @Override
  public Mono<SimpleResponse> callBack(SimpleRequest request) {
    return caller.unaryCall(request, NO_METADATA);
  }

  private static Mono<SimpleResponse> answer(SimpleRequest request, int sequence) {
    int size = request.getResponseSize();
    Mono<SimpleResponse> answer =
        request.hasFailWith()
            ? Mono.error(new Failed(request.getFailWith()))
            : Mono.fromSupplier(() -> response(size > 0 ? zeros(size) : request.getPayload(), sequence));
    int delayMs = request.getDelayMs();
    return delayMs == 0 ? answer : Mono.delay(Duration.ofMillis(delayMs)).then(answer);
  }

  private static <T> Mono<T> later(T value, Duration delay) {
    return Mono.delay(delay).thenReturn(value);
  }

  private static AggregateResponse add(AggregateResponse sum, SimpleRequest request) {
    return AggregateResponse.newBuilder()
        .setCount(sum.getCount() + 1)
        .setBytes(sum.getBytes() + request.getPayload().size())
        .build();
  }

  private static SimpleResponse response(ByteString payload, int sequence) {
    return SimpleResponse.newBuilder().setPayload(payload).setSequence(sequence).build();
  }

  private static ByteString zeros(int size) {
    return ByteString.copyFrom(new byte[size]);
  }
}
