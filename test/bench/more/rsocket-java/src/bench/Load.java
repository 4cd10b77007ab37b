// SPDX-License-Identifier: Apache-2.0
// The load: so many calls in flight, each of which is followed by the next when it is answered.
package bench;

import bench.v1.BenchOuterClass.DownloadRequest;
import bench.v1.BenchOuterClass.Item;
import com.google.gson.JsonObject;
import com.google.protobuf.ByteString;
import io.rsocket.RSocket;
import io.rsocket.util.DefaultPayload;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

final class Load {
  private static final int ITEMS_PER_STREAM = 10_000;

  /** The oldest give way. */
  private static final int LATENCY_SLOTS = 1 << 20;

  private static final double[] latencies = new double[LATENCY_SLOTS];

  private final RSocket rsocket;
  private final String kind;
  private final int payloadBytes;
  private final int inFlight;
  private final long leastOperations;
  private final double elapsedMs;
  private final double maximumMs;
  private final AtomicLong operations = new AtomicLong();
  private final AtomicInteger samples = new AtomicInteger();
  private final long began = System.nanoTime();
  private volatile boolean done;

  Load(RSocket rsocket, JsonObject scenario, JsonObject until) {
    this.rsocket = rsocket;
    kind = scenario.get("kind").getAsString();
    payloadBytes = scenario.get("payloadBytes").getAsInt();
    inFlight = scenario.get("inFlight").getAsInt();
    leastOperations = until.get("operations").getAsLong();
    elapsedMs = until.get("elapsedMs").getAsDouble();
    maximumMs = until.get("maximumMs").getAsDouble();
  }

  Map<String, Object> run() {
    long cpuBefore = Main.cpuMicros();
    Mono<?> one = kind.equals("server-stream") ? download() : echo(ByteString.copyFrom(new byte[payloadBytes]));
    Flux.range(0, inFlight).flatMap(index -> one.repeat(() -> !done), inFlight).blockLast();
    Map<String, Object> result = new HashMap<>();
    result.put("elapsedMs", sinceMs(began));
    result.put("cpuMicros", Main.cpuMicros() - cpuBefore);
    result.put("operations", operations.get());
    double[] taken = Arrays.copyOf(latencies, Math.min(samples.get(), LATENCY_SLOTS));
    Arrays.sort(taken);
    if (taken.length > 0) {
      result.put("p50Micros", taken[taken.length / 2]);
      result.put("p99Micros", taken[Math.min(taken.length - 1, (int) (taken.length * 0.99))]);
    }
    return result;
  }

  private Mono<Item> echo(ByteString payload) {
    return Mono.defer(
        () -> {
          long called = System.nanoTime();
          byte[] request = Item.newBuilder().setPayload(payload).build().toByteArray();
          return rsocket
              .requestResponse(DefaultPayload.create(request, Main.ECHO))
              .map(Main::item)
              .doOnNext(
                  item -> {
                    check(item);
                    latencies[samples.getAndIncrement() & (LATENCY_SLOTS - 1)] = sinceMs(called) * 1000;
                    add(1);
                  });
        });
  }

  private Mono<Long> download() {
    byte[] request =
        DownloadRequest.newBuilder().setCount(ITEMS_PER_STREAM).setPayloadBytes(payloadBytes).build().toByteArray();
    return Mono.defer(() -> rsocket.requestStream(DefaultPayload.create(request, Main.DOWNLOAD)).map(Main::item).doOnNext(this::check).count())
        .doOnNext(this::endOfStream);
  }

  private void endOfStream(long count) {
    if (count != ITEMS_PER_STREAM) throw new IllegalStateException("a stream ended after " + count + " items");
    add(count);
  }

  private void check(Item item) {
    if (item.getPayload().size() == payloadBytes) return;
    throw new IllegalStateException("an item carries " + item.getPayload().size() + " bytes, expected " + payloadBytes);
  }

  private void add(long more) {
    long all = operations.addAndGet(more);
    double elapsed = sinceMs(began);
    if (elapsed >= elapsedMs && all >= leastOperations || elapsed >= maximumMs) done = true;
  }

  private static double sinceMs(long nanos) {
    return (System.nanoTime() - nanos) / 1e6;
  }
}
