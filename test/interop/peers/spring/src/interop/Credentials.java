// SPDX-License-Identifier: Apache-2.0
// Who the client says that it is, in SETUP: simple and bearer authentication; and the cases of it, which are Spring's own.
package interop;

import static interop.Checks.await;
import static interop.Checks.expect;
import static interop.Checks.failureOf;

import org.springframework.core.codec.Encoder;
import org.springframework.messaging.rsocket.RSocketRequester;
import org.springframework.security.rsocket.metadata.BearerTokenAuthenticationEncoder;
import org.springframework.security.rsocket.metadata.BearerTokenMetadata;
import org.springframework.security.rsocket.metadata.SimpleAuthenticationEncoder;
import org.springframework.security.rsocket.metadata.UsernamePasswordMetadata;
import org.springframework.util.MimeType;
import reactor.core.publisher.Mono;

/** @param encoder for just this kind: Spring asks the first that knows the mime type, which both do */
record Credentials(Object metadata, Encoder<?> encoder) {
  static final Credentials NONE = new Credentials(null, null);

  /** What our own server takes for a token of Ann's. */
  private static final String TOKEN = "the token of ann";

  private static final MimeType MIME_TYPE = MimeType.valueOf("message/x.rsocket.authentication.v0");

  void addTo(RSocketRequester.Builder builder) {
    if (metadata == null) return;
    builder.rsocketStrategies(strategies -> strategies.encoder(encoder)).setupMetadata(metadata, MIME_TYPE);
  }

  static Credentials simple(String user, String password) {
    return new Credentials(new UsernamePasswordMetadata(user, password), new SimpleAuthenticationEncoder());
  }

  static Credentials bearer(String token) {
    return new Credentials(new BearerTokenMetadata(token), new BearerTokenAuthenticationEncoder());
  }

  static void addCases(Client client) {
    client
        .with("auth_simple", peer -> call(peer, simple(Application.USER, Application.PASSWORD)))
        .with("auth_bearer", peer -> call(peer, bearer(TOKEN)))
        .with("auth_wrong", Credentials::refused);
  }

  private static void call(Peer peer, Credentials credentials) {
    Session session = Main.connect(peer.settings(), credentials);
    await(session.calls().emptyCall());
    session.close().run();
  }

  private static void refused(Peer peer) {
    for (Credentials wrong : new Credentials[] {simple(Application.USER, "guess"), bearer("guess"), NONE}) {
      Throwable error = failureOf(Mono.fromRunnable(() -> call(peer, wrong)));
      expect(error.getMessage() != null, "the refusal says nothing");
    }
  }
}
