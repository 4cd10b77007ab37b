// SPDX-License-Identifier: Apache-2.0
// The server: Spring Boot's.
package interop;

import io.rsocket.core.Resume;
import io.rsocket.lease.Lease;
import io.rsocket.resume.InMemoryResumableFramesStore;
import java.time.Duration;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.boot.SpringBootConfiguration;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.rsocket.messaging.RSocketStrategiesCustomizer;
import org.springframework.boot.rsocket.server.RSocketServerCustomizer;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Import;
import org.springframework.security.config.annotation.rsocket.EnableRSocketSecurity;
import org.springframework.security.config.annotation.rsocket.RSocketSecurity;
import org.springframework.security.rsocket.core.PayloadSocketAcceptorInterceptor;
import reactor.core.publisher.Flux;

@SpringBootConfiguration
@EnableAutoConfiguration
@EnableRSocketSecurity
@Import(TestController.class)
class Application {
  private static final int RESUME_STORE_BYTES = 64 << 20;
  private static final Duration LEASE_TIME = Duration.ofSeconds(1);

  @Bean
  RSocketStrategiesCustomizer strategies() {
    return Protobuf::configure;
  }

  /** Everybody may call; src/example says who may where that matters. */
  @Bean
  PayloadSocketAcceptorInterceptor security(RSocketSecurity security) {
    return security.authorizePayload(authorize -> authorize.anyExchange().permitAll()).build();
  }

  @Bean
  RSocketServerCustomizer server(
      @Value("${interop.mtu}") int mtu, @Value("${interop.lease}") int lease, @Value("${interop.resume}") boolean resume) {
    return server -> {
      server.fragment(Settings.fragmentBytes(mtu));
      if (resume) {
        server.resume(
            new Resume().storeFactory(id -> new InMemoryResumableFramesStore("server", id, RESUME_STORE_BYTES)));
      }
      if (lease > 0) server.lease(spec -> spec.sender(() -> leases(lease)));
    };
  }

  // One each second; a lease's time begins when it is made.
  private static Flux<Lease> leases(int requests) {
    return Flux.interval(Duration.ZERO, LEASE_TIME).map(tick -> Lease.create(LEASE_TIME.multipliedBy(2), requests));
  }
}
