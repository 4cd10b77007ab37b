// SPDX-License-Identifier: Apache-2.0
// Spring Boot as a peer: `server --listen URL …` or `client --connect URL …`.
package interop;

import io.rsocket.RSocket;
import io.rsocket.core.RSocketConnector;
import io.rsocket.core.Resume;
import io.rsocket.resume.InMemoryResumableFramesStore;
import io.rsocket.transport.ClientTransport;
import io.rsocket.transport.netty.client.TcpClientTransport;
import io.rsocket.transport.netty.client.WebsocketClientTransport;
import java.net.URI;
import java.time.Duration;
import java.util.Map;
import org.springframework.boot.Banner;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.boot.rsocket.context.RSocketServerInitializedEvent;
import org.springframework.boot.web.reactive.context.ReactiveWebServerInitializedEvent;
import org.springframework.context.ApplicationListener;
import org.springframework.messaging.rsocket.RSocketRequester;
import org.springframework.messaging.rsocket.RSocketStrategies;
import org.springframework.messaging.rsocket.annotation.support.RSocketMessageHandler;
import reactor.util.retry.Retry;

public final class Main {
  private static final String PATH = "/rsocket";
  private static final int RESUME_STORE_BYTES = 64 << 20;

  private Main() {}

  public static void main(String[] args) throws InterruptedException {
    Arguments arguments = new Arguments(args, 1);
    if (args[0].equals("client")) new Client(Main::connect, "composite").run(arguments);
    for (String url : arguments.all("--listen")) listen(URI.create(url), arguments);
    Thread.currentThread().join();
  }

  /** An application for each URL: Boot has one RSocket server in each. */
  private static void listen(URI url, Arguments arguments) {
    boolean isWebSocket = url.getScheme().equals("ws");
    SpringApplicationBuilder builder =
        new SpringApplicationBuilder(Application.class)
            .bannerMode(Banner.Mode.OFF)
            .web(isWebSocket ? WebApplicationType.REACTIVE : WebApplicationType.NONE)
            .properties(
                Map.of(
                    "logging.config", "classpath:logback.xml",
                    "interop.mtu", arguments.number("--mtu"),
                    "interop.lease", arguments.number("--lease"),
                    "interop.resume", arguments.has("--resume")));
    if (isWebSocket) {
      // Beside HTTP, on the port of the web server.
      builder
          .properties(
              "server.port=" + url.getPort(),
              "spring.rsocket.server.transport=websocket",
              "spring.rsocket.server.mapping-path=" + PATH)
          .listeners(
              (ApplicationListener<ReactiveWebServerInitializedEvent>)
                  event -> announce("ws", event.getWebServer().getPort(), PATH));
    } else {
      builder
          .properties("spring.rsocket.server.transport=tcp", "spring.rsocket.server.port=" + url.getPort())
          .listeners(
              (ApplicationListener<RSocketServerInitializedEvent>)
                  event -> announce("tcp", event.getServer().address().getPort(), ""));
    }
    builder.run();
  }

  private static void announce(String scheme, int port, String path) {
    System.out.println("LISTENING " + scheme + "://127.0.0.1:" + port + path);
  }

  private static Session connect(Settings settings) {
    RSocketStrategies.Builder configured = RSocketStrategies.builder();
    Protobuf.configure(configured);
    RSocketStrategies strategies = configured.build();
    RSocketRequester requester =
        RSocketRequester.builder()
            .rsocketStrategies(strategies)
            .dataMimeType(Protobuf.MIME_TYPE)
            .rsocketConnector(connector -> configure(connector, settings, strategies))
            .transport(clientTransport(settings.url()));
    RSocket rsocket = Checks.await(requester.rsocketClient().source());
    return new Session(new Requests(requester), rsocket.onClose(), requester::dispose);
  }

  private static void configure(RSocketConnector connector, Settings settings, RSocketStrategies strategies) {
    connector
        .fragment(Settings.fragmentBytes(settings.mtu()))
        .keepAlive(Duration.ofMillis(settings.keepaliveMs()), Duration.ofMillis(settings.lifetimeMs()));
    if (settings.serves() != null) {
      connector.acceptor(RSocketMessageHandler.responder(strategies, new CalledBack(settings.serves())));
    }
    if (settings.lease()) connector.lease();
    if (settings.resume()) {
      connector.resume(
          new Resume()
              .retry(Retry.fixedDelay(1_000, Duration.ofMillis(10)))
              .storeFactory(id -> new InMemoryResumableFramesStore("client", id, RESUME_STORE_BYTES)));
    }
  }

  private static ClientTransport clientTransport(URI url) {
    return switch (url.getScheme()) {
      case "tcp" -> TcpClientTransport.create(url.getHost(), url.getPort());
      case "ws" -> WebsocketClientTransport.create(url);
      default -> throw new IllegalArgumentException("no transport for " + url);
    };
  }
}
