// SPDX-License-Identifier: Apache-2.0
// How Spring calls a service of rsocket-rpc: routes `service.method`, protobuf as the data's mime type, credentials in
// SETUP. example.ts serves it.
package example;

import com.google.protobuf.ByteString;
import io.rsocket.interop.v1.SimpleRequest;
import io.rsocket.interop.v1.SimpleResponse;
import io.rsocket.interop.v1.StreamRequest;
import java.util.List;
import org.springframework.core.codec.Encoder;
import org.springframework.http.codec.protobuf.ProtobufDecoder;
import org.springframework.http.codec.protobuf.ProtobufEncoder;
import org.springframework.messaging.rsocket.RSocketRequester;
import org.springframework.messaging.rsocket.RSocketStrategies;
import org.springframework.security.rsocket.metadata.BearerTokenAuthenticationEncoder;
import org.springframework.security.rsocket.metadata.BearerTokenMetadata;
import org.springframework.security.rsocket.metadata.SimpleAuthenticationEncoder;
import org.springframework.security.rsocket.metadata.UsernamePasswordMetadata;
import org.springframework.util.MimeType;

public class SpringClient {
  private static final String SERVICE = "rsocket.interop.v1.TestService.";
  private static final MimeType PROTOBUF = MimeType.valueOf("application/x-protobuf");
  private static final MimeType AUTHENTICATION = MimeType.valueOf("message/x.rsocket.authentication.v0");

  public static void main(String[] args) {
    int port = Integer.parseInt(args[0]);
    call("simple", port, new SimpleAuthenticationEncoder(), new UsernamePasswordMetadata("ann", "correct horse"));
    call("bearer", port, new BearerTokenAuthenticationEncoder(), new BearerTokenMetadata("s3cret"));
    call("wrong", port, new SimpleAuthenticationEncoder(), new UsernamePasswordMetadata("ann", "guess"));
    System.exit(0);
  }

  /** One encoder of credentials for each requester: Spring takes the first for their mime type, which both kinds share. */
  private static void call(String title, int port, Encoder<?> encoder, Object credentials) {
    RSocketStrategies strategies =
        RSocketStrategies.builder().encoder(new ProtobufEncoder(), encoder).decoder(new ProtobufDecoder()).build();
    RSocketRequester requester =
        RSocketRequester.builder()
            .rsocketStrategies(strategies)
            .dataMimeType(PROTOBUF)
            .setupMetadata(credentials, AUTHENTICATION)
            .tcp("127.0.0.1", port);
    try {
      SimpleResponse answer =
          requester
              .route(SERVICE + "UnaryCall")
              .data(SimpleRequest.newBuilder().setPayload(ByteString.copyFromUtf8("hello")).build())
              .retrieveMono(SimpleResponse.class)
              .block();
      List<Integer> numbers =
          requester
              .route(SERVICE + "ServerStream")
              .data(StreamRequest.newBuilder().addAllSizes(List.of(1, 1, 1)).build())
              .retrieveFlux(SimpleResponse.class)
              .map(SimpleResponse::getSequence)
              .collectList()
              .block();
      System.out.println(title + ": " + answer.getPayload().toStringUtf8() + " " + numbers);
    } catch (RuntimeException error) {
      System.out.println(title + ": " + error.getMessage());
    } finally {
      requester.dispose();
    }
  }
}
