// SPDX-License-Identifier: Apache-2.0
// What belongs to the connection, and many calls on one.
package interop;

import static interop.Checks.await;
import static interop.Checks.expect;
import static interop.Checks.pattern;

import com.google.protobuf.ByteString;
import io.rsocket.interop.v1.SimpleRequest;
import io.rsocket.interop.v1.SimpleResponse;
import io.rsocket.interop.v1.StreamRequest;
import java.io.IOException;
import java.time.Duration;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

final class ConnectionCases {
  private static final List<Integer> MTUS = List.of(64, 16_384);
  private static final int LARGE_CALLS = 1_000;
  private static final int SMALL_CALLS = 10_000;
  private static final int SMALL_AT_ONCE = 128;
  private static final int KEEPALIVE_MS = 400;
  private static final int LIFETIME_MS = 1_000;
  private static final Duration DISCONNECT = Duration.ofSeconds(2);
  private static final int RESUMED_MESSAGES = 10_000;
  private static final int MESSAGES_PER_CUT = 100;

  /** Sizes are 0 … 250: a prime number of them, so that a message out of its place shows. */
  private static final int SIZES = 251;

  private static final int LEASED_CALLS = 12;

  private ConnectionCases() {}

  static void concurrentLargeUnary(Peer peer) {
    TestCalls calls = peer.connect();
    int count = peer.isQuick() ? LARGE_CALLS / 10 : LARGE_CALLS;
    await(
        Flux.range(0, count)
            .flatMap(number -> calls.unaryCall(UnaryCases.LARGE, TestCalls.NO_METADATA), count)
            .doOnNext(UnaryCases::expectLarge)
            .count()
            .doOnNext(answers -> expect(answers, (long) count, "answers")));
  }

  static void manySmall(Peer peer) {
    TestCalls calls = peer.connect();
    int count = peer.isQuick() ? SMALL_CALLS / 10 : SMALL_CALLS;
    await(
        Flux.range(0, count)
            .flatMap(number -> smallCall(calls, number), SMALL_AT_ONCE)
            .count()
            .doOnNext(answers -> expect(answers, (long) count, "answers")));
  }

  private static Mono<SimpleResponse> smallCall(TestCalls calls, int number) {
    ByteString payload = ByteString.copyFromUtf8(String.format("%064d", number));
    SimpleRequest request = SimpleRequest.newBuilder().setPayload(payload).build();
    return calls
        .unaryCall(request, TestCalls.NO_METADATA)
        .doOnNext(answer -> expect(answer.getPayload(), payload, "answer " + number));
  }

  /** Payloads in pieces: of the client's mtu, and of whatever the server was told. */
  static void fragmented(Peer peer) {
    int mtu = peer.settings().mtu();
    for (int bytes : mtu > 0 ? List.of(mtu) : MTUS) {
      Peer small = peer.with(peer.settings().withMtu(bytes));
      UnaryCases.largeUnary(small);
      StreamCases.serverStreaming(small);
      StreamCases.pingPong(small);
    }
  }

  /** An idle connection lives, and serves, three keepalive intervals later: longer than its lifetime. */
  static void keepalive(Peer peer) {
    Session session = peer.with(peer.settings().keepalive(KEEPALIVE_MS, LIFETIME_MS)).open();
    Mono<Void> idle = session.closed().timeout(Duration.ofMillis(3 * KEEPALIVE_MS + 50));
    Throwable error = Checks.failureOf(idle);
    expect(error instanceof TimeoutException, "the connection ended: " + error);
    await(session.calls().emptyCall());
  }

  /** The server dies while it sends: what is in flight fails in bounded time. */
  static void peerDisconnects(Peer peer) throws IOException {
    try (Relay relay = new Relay(peer.settings().url())) {
      Session session = peer.with(peer.settings().at(relay.url())).open();
      StreamRequest request =
          StreamRequest.newBuilder().addAllSizes(Collections.nCopies(1_000, 100)).setIntervalMs(5).build();
      SimpleRequest sleep = SimpleRequest.newBuilder().setDelayMs(20_000).build();
      AtomicInteger count = new AtomicInteger();
      Mono<Throwable> sleeping =
          session.calls().unaryCall(sleep, TestCalls.NO_METADATA).then(Mono.<Throwable>empty()).onErrorResume(Mono::just);
      Mono<Throwable> streaming =
          session
              .calls()
              .serverStream(request)
              .doOnNext(
                  answer -> {
                    if (count.incrementAndGet() == 3) relay.cut();
                  })
              .then(Mono.<Throwable>empty())
              .onErrorResume(Mono::just);
      // Of both calls one error each, within the time after the cut, which comes after ten milliseconds.
      List<Throwable> errors =
          await(Flux.merge(sleeping, streaming).collectList().timeout(DISCONNECT.plusMillis(500)));
      expect(errors.size(), 2, "calls that failed");
      expect(count.get() >= 3, "messages before the end: " + count);
      session.closed().onErrorResume(error -> Mono.empty()).block(DISCONNECT);
    }
  }

  /** More calls than a lease has: all are answered, in the time that leases of that size take. */
  static void lease(Peer peer) {
    TestCalls calls = peer.with(peer.settings().leasing()).connect();
    long beganAt = System.nanoTime();
    long answers =
        await(
            Flux.range(0, LEASED_CALLS)
                // On a busy machine requests cross several leases: the server refuses them, and they may be made once more.
                .flatMap(number -> smallCall(calls, number).retry(2), LEASED_CALLS)
                .count());
    long tookMs = (System.nanoTime() - beganAt) / 1_000_000;
    expect(answers, (long) LEASED_CALLS, "answers");
    expect(tookMs >= 900, "calls of three leases took " + tookMs + " ms: nobody waited for a lease");
  }

  /** The connection is cut every hundred messages: every message comes once, in order. */
  static void resume(Peer peer) throws IOException {
    int messages = peer.isQuick() ? RESUMED_MESSAGES / 10 : RESUMED_MESSAGES;
    StreamRequest.Builder request = StreamRequest.newBuilder();
    for (int i = 0; i < messages; i++) request.addSizes(i % SIZES);
    try (Relay relay = new Relay(peer.settings().url())) {
      TestCalls calls = peer.with(peer.settings().at(relay.url()).resuming()).connect();
      AtomicInteger count = new AtomicInteger();
      await(
          calls
              .serverStream(request.build())
              .limitRate(64)
              .doOnNext(
                  answer -> {
                    int number = count.getAndIncrement();
                    expect(answer.getSequence(), number, "the number of a message");
                    expect(answer.getPayload().size(), number % SIZES, "the size of message " + number);
                    if (count.get() % MESSAGES_PER_CUT == 0 && count.get() < messages) relay.cut();
                  })
              .then());
      expect(count.get(), messages, "messages");
      await(calls.emptyCall());
    }
  }

  /** The same calls, routed by composite metadata. */
  static void compositeRouting(Peer peer) throws Exception {
    Peer composite = peer.with(peer.settings().withMode("composite"));
    Map<String, Cases.Case> all = Cases.ALL;
    for (String name :
        List.of(
            "empty_unary",
            "large_unary",
            "client_streaming",
            "server_streaming",
            "ping_pong",
            "fire_and_forget",
            "call_back",
            "custom_metadata",
            "status_code_and_message",
            "unimplemented_method")) {
      try {
        all.get(name).run(composite);
      } catch (Exception | AssertionError error) {
        throw new AssertionError(name + ": " + error.getMessage(), error);
      }
    }
  }
}
