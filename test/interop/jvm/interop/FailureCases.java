// SPDX-License-Identifier: Apache-2.0
// Calls that fail, and calls that the client gives up.
package interop;

import static interop.Checks.await;
import static interop.Checks.eventually;
import static interop.Checks.expect;
import static interop.Checks.expectHandlerTold;
import static interop.Checks.failureOf;
import static interop.Checks.freshKey;
import static interop.Checks.pattern;

import io.rsocket.interop.v1.Failure;
import io.rsocket.interop.v1.SimpleRequest;
import io.rsocket.interop.v1.StreamRequest;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

final class FailureCases {
  private static final int UNKNOWN = 2;
  private static final int ABORTED = 10;
  private static final String SPECIAL_MESSAGE =
      "\t\ntest with whitespace\r\nand Unicode BMP \u263a and non-BMP \ud83d\ude08\t\n";

  /** How servers of several makes begin to say that they don't have what was called; some say nothing. */
  private static final List<String> UNIMPLEMENTED_TEXTS =
      List.of(
          "can not find service",
          "unknown method",
          "nothing found for route",
          "missing srv",
          "No handler for destination");

  private static final int SLEEP_MS = 1_000;
  private static final Duration DEADLINE = Duration.ofMillis(50);
  private static final long LATE_MS = 200;

  private FailureCases() {}

  static void statusCodeAndMessage(Peer peer) {
    TestCalls calls = peer.connect();
    SimpleRequest request = SimpleRequest.newBuilder().setFailWith(failure(UNKNOWN, "test status message")).build();
    expect(messageOf(calls.unaryCall(request, TestCalls.NO_METADATA)), "test status message", "message");
    expect(messageOf(calls.bidiStream(Flux.just(request)).then()), "test status message", "message in a stream");
  }

  static void specialStatusMessage(Peer peer) {
    SimpleRequest request = SimpleRequest.newBuilder().setFailWith(failure(UNKNOWN, SPECIAL_MESSAGE)).build();
    expect(messageOf(peer.connect().unaryCall(request, TestCalls.NO_METADATA)), SPECIAL_MESSAGE, "message");
  }

  static void unimplementedMethod(Peer peer) {
    expectUnimplemented(peer, TestCalls.SERVICE, "UnimplementedCall");
  }

  static void unimplementedService(Peer peer) {
    expectUnimplemented(peer, "rsocket.interop.v1.UnimplementedService", "UnimplementedCall");
  }

  private static void expectUnimplemented(Peer peer, String service, String method) {
    TestCalls calls = peer.connect();
    String message = messageOf(calls.unknown(service, method));
    boolean isClear = message.isEmpty() || UNIMPLEMENTED_TEXTS.stream().anyMatch(message::startsWith);
    expect(isClear, "the call failed with " + message);
    await(calls.emptyCall());
  }

  static void failMidStream(Peer peer) {
    StreamRequest request =
        StreamRequest.newBuilder()
            .addAllSizes(List.of(10, 20, 30, 40, 50))
            .setFailAfter(3)
            .setFailWith(failure(ABORTED, "after three"))
            .build();
    AtomicInteger count = new AtomicInteger();
    Flux<?> stream =
        peer.connect()
            .serverStream(request)
            .doOnNext(answer -> expect(answer.getPayload().size(), 10 * count.incrementAndGet(), "size of a message"));
    expect(messageOf(stream.then()), "after three", "message");
    expect(count.get(), 3, "messages before the error");
  }

  static void cancelAfterBegin(Peer peer) {
    TestCalls calls = peer.connect();
    String key = freshKey("cancel_after_begin");
    AtomicBoolean sentBoth = new AtomicBoolean();
    Flux<SimpleRequest> requests =
        Flux.fromStream(Stream.of(request(key), request("")))
            .concatWith(Mono.<SimpleRequest>never().doOnSubscribe(unused -> sentBoth.set(true)));
    AtomicBoolean ended = new AtomicBoolean();
    Disposable call = calls.clientStream(requests).doOnTerminate(() -> ended.set(true)).subscribe();
    eventually("both messages are sent", sentBoth::get);
    expect(!ended.get(), "the call ended before it was cancelled");
    call.dispose();
    expectHandlerTold(calls, key);
  }

  static void cancelAfterFirstResponse(Peer peer) {
    TestCalls calls = peer.connect();
    String key = freshKey("cancel_after_first_response");
    Flux<SimpleRequest> requests = Flux.just(request(key)).concatWith(Mono.never());
    expect(await(calls.bidiStream(requests).take(1).count()), 1L, "answers");
    expectHandlerTold(calls, key);
  }

  static void timeoutOnSleepingServer(Peer peer) {
    TestCalls calls = peer.connect();
    await(calls.emptyCall()); // what classes take to load isn't the server's fault
    String key = freshKey("timeout_on_sleeping_server");
    SimpleRequest request = SimpleRequest.newBuilder().setDelayMs(SLEEP_MS).setKey(key).build();
    long beganAt = System.nanoTime();
    Throwable error = failureOf(calls.unaryCall(request, TestCalls.NO_METADATA).timeout(DEADLINE));
    long tookMs = (System.nanoTime() - beganAt) / 1_000_000;
    expect(error instanceof TimeoutException, "the call failed with " + error);
    expect(tookMs <= LATE_MS, "the call ended after " + tookMs + " ms");
    expectHandlerTold(calls, key);
  }

  private static String messageOf(Mono<?> call) {
    Throwable error = failureOf(call);
    return error.getMessage() == null ? "" : error.getMessage();
  }

  private static Failure failure(int code, String message) {
    return Failure.newBuilder().setCode(code).setMessage(message).build();
  }

  private static SimpleRequest request(String key) {
    return SimpleRequest.newBuilder().setPayload(pattern(10)).setKey(key).build();
  }
}
