// SPDX-License-Identifier: Apache-2.0
// Many messages.
package interop;

import static interop.Checks.await;
import static interop.Checks.expect;
import static interop.Checks.pattern;

import com.google.protobuf.ByteString;
import io.rsocket.interop.v1.AggregateResponse;
import io.rsocket.interop.v1.SimpleRequest;
import io.rsocket.interop.v1.SimpleResponse;
import io.rsocket.interop.v1.StreamRequest;
import java.time.Duration;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import reactor.core.publisher.Flux;
import reactor.core.publisher.FluxSink;
import reactor.core.publisher.Mono;

final class StreamCases {
  private static final List<Integer> SIZES_SENT = List.of(27_182, 8, 1_828, 45_904);
  private static final List<Integer> SIZES_ASKED = List.of(31_415, 9, 2_653, 58_979);
  private static final int SLOW_ITEMS = 1_000;
  private static final int SLOW_PREFETCH = 16;
  private static final int ITEMS_PER_REST = 20;
  private static final Duration REST = Duration.ofMillis(5);

  /** For an end that no frame is needed for. */
  private static final Duration LOCAL_ERROR = Duration.ofSeconds(5);

  private StreamCases() {}

  static void clientStreaming(Peer peer) {
    Flux<SimpleRequest> requests = Flux.fromIterable(SIZES_SENT).map(StreamCases::request);
    expect(
        await(peer.connect().clientStream(requests)),
        AggregateResponse.newBuilder().setCount(4).setBytes(74_922).build(),
        "the answer");
  }

  static void serverStreaming(Peer peer) {
    StreamRequest request = StreamRequest.newBuilder().addAllSizes(SIZES_ASKED).build();
    List<SimpleResponse> answers = await(peer.connect().serverStream(request).collectList());
    expect(answers.stream().map(answer -> answer.getPayload().size()).toList(), SIZES_ASKED, "sizes");
    for (SimpleResponse answer : answers) {
      expect(answer.getPayload(), ByteString.copyFrom(new byte[answer.getPayload().size()]), "a message");
    }
  }

  /** A reader that rests gets everything, and never more than it asked for. */
  static void serverStreamingSlowReader(Peer peer) {
    StreamRequest request =
        StreamRequest.newBuilder().addAllSizes(Collections.nCopies(SLOW_ITEMS, 1_024)).build();
    AtomicLong granted = new AtomicLong();
    AtomicLong received = new AtomicLong();
    AtomicLong surplus = new AtomicLong();
    Long read =
        await(
            peer.connect()
                .serverStream(request)
                .doOnRequest(granted::addAndGet)
                .doOnNext(
                    answer -> {
                      if (received.incrementAndGet() > granted.get()) surplus.incrementAndGet();
                    })
                .limitRate(SLOW_PREFETCH)
                .concatMap(StreamCases::readSlowly, 1)
                .doOnNext(answer -> expect(answer.getPayload().size(), 1_024, "size of a message"))
                .count());
    expect(read, (long) SLOW_ITEMS, "messages read");
    expect(surplus.get(), 0L, "messages that nobody asked for");
  }

  private static Mono<SimpleResponse> readSlowly(SimpleResponse answer) {
    Mono<SimpleResponse> read = Mono.just(answer);
    return answer.getSequence() % ITEMS_PER_REST == 0 ? read.delayElement(REST) : read;
  }

  /** Each message is sent when the one before is answered; both halves complete. */
  static void pingPong(Peer peer) {
    AtomicReference<FluxSink<SimpleRequest>> pings = new AtomicReference<>();
    AtomicInteger answered = new AtomicInteger();
    Flux<SimpleRequest> requests =
        Flux.create(
            sink -> {
              pings.set(sink);
              sink.next(request(SIZES_SENT.get(0)));
            });
    await(
        peer.connect()
            .bidiStream(requests)
            .doOnNext(
                answer -> {
                  int number = answered.getAndIncrement();
                  expect(number < SIZES_SENT.size(), "more answers than messages");
                  expect(answer.getPayload(), pattern(SIZES_SENT.get(number)), "answer " + number);
                  if (number + 1 < SIZES_SENT.size()) pings.get().next(request(SIZES_SENT.get(number + 1)));
                  else pings.get().complete();
                })
            .then());
    expect(answered.get(), SIZES_SENT.size(), "answers");
  }

  /** RSocket has no frame for a stream without messages: who has none ends the call itself, with or without an error. */
  static void emptyStream(Peer peer) {
    Mono<Long> answers = peer.connect().bidiStream(Flux.empty()).count().timeout(LOCAL_ERROR);
    await(
        answers
            .onErrorResume(error -> !(error instanceof TimeoutException), error -> Mono.just(0L))
            .doOnNext(count -> expect(count, 0L, "answers")));
  }

  private static SimpleRequest request(int size) {
    return SimpleRequest.newBuilder().setPayload(pattern(size)).build();
  }
}
