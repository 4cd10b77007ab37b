// SPDX-License-Identifier: Apache-2.0
// What cases hold answers against, and how they wait.
package interop;

import com.google.protobuf.ByteString;
import io.rsocket.interop.v1.FiredRequest;
import java.time.Duration;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import reactor.core.publisher.Mono;

final class Checks {
  /** No answer of any case takes longer: the largest cases move 600 MB. */
  static final Duration PATIENCE = Duration.ofSeconds(55);

  /** What should have happened by now has had this long, on a busy machine, too. */
  private static final long EVENTUALLY_MS = 2_000;

  private static final Map<String, AtomicInteger> NUMBERS = new ConcurrentHashMap<>();

  /** The case can't be run here: the reason is printed. */
  static final class Skipped extends RuntimeException {
    Skipped(String why) {
      super(why);
    }
  }

  private Checks() {}

  /** A key that nobody else uses: the same in each run with INTEROP_SEED, so that runs can be compared. */
  static String freshKey(String name) {
    if (System.getenv("INTEROP_SEED") == null) return UUID.randomUUID().toString();
    return name + "-" + NUMBERS.computeIfAbsent(name, unused -> new AtomicInteger()).incrementAndGet();
  }

  /** Bytes in which a piece that is lost, doubled or out of its place shows. */
  static ByteString pattern(int size, int seed) {
    byte[] bytes = new byte[size];
    for (int i = 0; i < size; i++) bytes[i] = (byte) (i * 31 + (i >>> 8) * 7 + (i >>> 16) + seed);
    return ByteString.copyFrom(bytes);
  }

  static ByteString pattern(int size) {
    return pattern(size, 0);
  }

  static <T> T await(Mono<T> answer) {
    return answer.block(PATIENCE);
  }

  static void expect(Object actual, Object expected, String what) {
    if (!actual.equals(expected)) throw new AssertionError(what + " is " + brief(actual) + ", expected " + brief(expected));
  }

  static void expect(boolean holds, String what) {
    if (!holds) throw new AssertionError(what);
  }

  /** What {@code call} fails with. */
  static Throwable failureOf(Mono<?> call) {
    return await(
        call.then(Mono.<Throwable>error(() -> new AssertionError("the call succeeded, expected it to fail")))
            .onErrorResume(error -> error instanceof AssertionError ? Mono.error(error) : Mono.just(error)));
  }

  static void eventually(String what, BooleanSupplier holds) {
    long endsAt = System.nanoTime() + EVENTUALLY_MS * 1_000_000;
    while (!holds.getAsBoolean()) {
      if (System.nanoTime() > endsAt) throw new AssertionError(what + ": not within " + EVENTUALLY_MS + " ms");
      pause(10);
    }
  }

  /** The server's handler has been told that the call with {@code key} was given up: it keeps count of that. */
  static void expectHandlerTold(TestCalls calls, String key) {
    FiredRequest cancelled = FiredRequest.newBuilder().setKey("cancelled:" + key).build();
    eventually("the server's handler is told", () -> await(calls.fired(cancelled)).getCount() == 1);
  }

  static void pause(long ms) {
    try {
      Thread.sleep(ms);
    } catch (InterruptedException error) {
      throw new IllegalStateException(error);
    }
  }

  // Showing 20 MiB helps nobody.
  private static String brief(Object value) {
    if (value instanceof ByteString bytes && bytes.size() > 16) {
      return bytes.size() + " bytes with hash " + Integer.toHexString(bytes.hashCode());
    }
    return String.valueOf(value);
  }
}
