// SPDX-License-Identifier: Apache-2.0
// One request, one answer or none.
package interop;

import static interop.Checks.await;
import static interop.Checks.eventually;
import static interop.Checks.expect;
import static interop.Checks.freshKey;
import static interop.Checks.pattern;

import com.google.protobuf.ByteString;
import com.google.protobuf.Empty;
import io.rsocket.interop.v1.FiredRequest;
import io.rsocket.interop.v1.FiredResponse;
import io.rsocket.interop.v1.SimpleRequest;
import io.rsocket.interop.v1.SimpleResponse;
import reactor.core.publisher.Mono;

final class UnaryCases {
  static final SimpleRequest LARGE =
      SimpleRequest.newBuilder().setPayload(pattern(271_828)).setResponseSize(314_159).build();

  private static final int BIG_BYTES = 20 * 1024 * 1024;

  /** Below this a message of 20 MiB is hundreds of thousands of frames. */
  private static final int LEAST_MTU_FOR_BIG = 1_024;

  private UnaryCases() {}

  static void emptyUnary(Peer peer) {
    expect(await(peer.connect().emptyCall()), Empty.getDefaultInstance(), "the answer");
  }

  static void largeUnary(Peer peer) {
    TestCalls calls = peer.connect();
    expectLarge(await(calls.unaryCall(LARGE, TestCalls.NO_METADATA)));
    // That answer doesn't show what arrived; this one does.
    expectEcho(calls, LARGE.getPayload());
  }

  static void expectLarge(SimpleResponse answer) {
    expect(answer.getPayload(), ByteString.copyFrom(new byte[LARGE.getResponseSize()]), "the answer");
  }

  static void bigMessage(Peer peer) {
    int mtu = peer.settings().mtu();
    if (mtu > 0 && mtu < LEAST_MTU_FOR_BIG) throw new Checks.Skipped("not run with an mtu of " + mtu);
    expectEcho(peer.connect(), pattern(BIG_BYTES));
  }

  private static void expectEcho(TestCalls calls, ByteString payload) {
    SimpleRequest request = SimpleRequest.newBuilder().setPayload(payload).build();
    expect(await(calls.unaryCall(request, TestCalls.NO_METADATA)).getPayload(), payload, "the echo");
  }

  static void fireAndForget(Peer peer) {
    TestCalls calls = peer.connect();
    String key = freshKey("fire_and_forget");
    ByteString payload = pattern(100);
    FiredRequest fired = FiredRequest.newBuilder().setKey(key).build();
    await(calls.fireAndForget(SimpleRequest.newBuilder().setKey(key).setPayload(payload).build()));
    eventually("it arrives", () -> await(calls.fired(fired)).getCount() > 0);
    expect(
        await(calls.fired(fired)),
        FiredResponse.newBuilder().setCount(1).setLastPayload(payload).build(),
        "what arrived");
  }

  /** The handler sees raw metadata byte for byte. */
  static void customMetadata(Peer peer) {
    TestCalls calls = peer.connect();
    SimpleRequest request = SimpleRequest.newBuilder().setPayload(pattern(1)).build();
    for (byte[] raw : new byte[][] {{0, 1, (byte) 0xab, (byte) 0xff}, {}}) {
      ByteString seen = await(calls.unaryCall(request, raw)).getRequestMetadata();
      expect(seen, ByteString.copyFrom(raw), "metadata that the handler saw");
    }
  }

  /** The server calls this client over the same connection and passes its answer on. */
  static void callBack(Peer peer) {
    ByteString payload = pattern(1_000);
    ByteString backwards = backwards(payload);
    TestCalls serves =
        new Handlers(new Handlers.Memory(), null) {
          @Override
          public Mono<SimpleResponse> unaryCall(SimpleRequest request, byte[] metadata) {
            return Mono.just(SimpleResponse.newBuilder().setPayload(backwards(request.getPayload())).build());
          }
        };
    TestCalls calls = peer.with(peer.settings().serving(serves)).connect();
    SimpleRequest request = SimpleRequest.newBuilder().setPayload(payload).build();
    expect(await(calls.callBack(request)).getPayload(), backwards, "the answer");
  }

  // So that it is the client's answer for certain: the server would give the payload as it is.
  private static ByteString backwards(ByteString payload) {
    byte[] bytes = new byte[payload.size()];
    for (int i = 0; i < bytes.length; i++) bytes[i] = payload.byteAt(bytes.length - 1 - i);
    return ByteString.copyFrom(bytes);
  }
}
