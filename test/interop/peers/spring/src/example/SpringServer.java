// SPDX-License-Identifier: Apache-2.0
// What a Spring Boot application needs to be called by rsocket-rpc: the protobuf codec, routes `service.method`, and here
// names and passwords or signed tokens. example.ts calls it.
package example;

import io.rsocket.interop.v1.SimpleRequest;
import io.rsocket.interop.v1.SimpleResponse;
import io.rsocket.interop.v1.StreamRequest;
import java.nio.charset.StandardCharsets;
import javax.crypto.spec.SecretKeySpec;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.boot.rsocket.messaging.RSocketStrategiesCustomizer;
import org.springframework.context.annotation.Bean;
import org.springframework.http.codec.protobuf.ProtobufDecoder;
import org.springframework.http.codec.protobuf.ProtobufEncoder;
import org.springframework.messaging.handler.annotation.MessageMapping;
import org.springframework.messaging.handler.annotation.Payload;
import org.springframework.security.authentication.ReactiveAuthenticationManager;
import org.springframework.security.authentication.UserDetailsRepositoryReactiveAuthenticationManager;
import org.springframework.security.config.annotation.rsocket.EnableRSocketSecurity;
import org.springframework.security.config.annotation.rsocket.RSocketSecurity;
import org.springframework.security.core.userdetails.MapReactiveUserDetailsService;
import org.springframework.security.core.userdetails.User;
import org.springframework.security.oauth2.jwt.NimbusReactiveJwtDecoder;
import org.springframework.security.oauth2.jwt.ReactiveJwtDecoder;
import org.springframework.security.oauth2.server.resource.authentication.BearerTokenAuthenticationToken;
import org.springframework.security.oauth2.server.resource.authentication.JwtReactiveAuthenticationManager;
import org.springframework.security.rsocket.core.PayloadSocketAcceptorInterceptor;
import org.springframework.stereotype.Controller;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

@SpringBootApplication
@EnableRSocketSecurity
public class SpringServer {
  public static void main(String[] args) {
    SpringApplication.run(
        SpringServer.class,
        "--spring.rsocket.server.port=" + args[0],
        "--spring.main.web-application-type=none");
  }

  /** The route is the service's full name and the method's as in the schema; messages are those that protoc generates. */
  @Controller
  @MessageMapping("rsocket.interop.v1.TestService")
  static class TestController {
    /** A message of defaults has no bytes: without {@code required = false} Spring refuses it as missing. */
    @MessageMapping("UnaryCall")
    Mono<SimpleResponse> unaryCall(@Payload(required = false) SimpleRequest request) {
      if (request == null) return Mono.just(SimpleResponse.getDefaultInstance());
      return Mono.just(SimpleResponse.newBuilder().setPayload(request.getPayload()).build());
    }

    @MessageMapping("ServerStream")
    Flux<SimpleResponse> serverStream(StreamRequest request) {
      return Flux.range(0, request.getSizesCount())
          .map(number -> SimpleResponse.newBuilder().setSequence(number).build());
    }

    @MessageMapping("BidiStream")
    Flux<SimpleResponse> bidiStream(Flux<SimpleRequest> requests) {
      return requests.map(request -> SimpleResponse.newBuilder().setPayload(request.getPayload()).build());
    }
  }

  @Bean
  RSocketStrategiesCustomizer protobuf() {
    return strategies -> strategies.encoder(new ProtobufEncoder()).decoder(new ProtobufDecoder());
  }

  /** SETUP says who connects: by name and password, or by a token. Both come by one mime type, so one manager takes both. */
  @Bean
  PayloadSocketAcceptorInterceptor security(
      RSocketSecurity security, MapReactiveUserDetailsService users, ReactiveJwtDecoder tokens) {
    ReactiveAuthenticationManager byPassword = new UserDetailsRepositoryReactiveAuthenticationManager(users);
    ReactiveAuthenticationManager byToken = new JwtReactiveAuthenticationManager(tokens);
    return security
        .authorizePayload(authorize -> authorize.anyExchange().authenticated())
        .simpleAuthentication(
            simple ->
                simple.authenticationManager(
                    shown ->
                        shown instanceof BearerTokenAuthenticationToken
                            ? byToken.authenticate(shown)
                            : byPassword.authenticate(shown)))
        .build();
  }

  @Bean
  MapReactiveUserDetailsService users() {
    return new MapReactiveUserDetailsService(
        User.withUsername("ann").password("{noop}correct horse").roles("USER").build());
  }

  @Bean
  ReactiveJwtDecoder tokens() {
    byte[] key = "a key that both sides know: 32 bytes".getBytes(StandardCharsets.UTF_8);
    return NimbusReactiveJwtDecoder.withSecretKey(new SecretKeySpec(key, "HmacSHA256")).build();
  }
}
