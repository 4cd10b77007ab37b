// SPDX-License-Identifier: Apache-2.0
// rsocket-java as a peer: `server --listen URL …` or `client --connect URL …`.
package interop;

import io.netty.buffer.ByteBuf;
import io.rsocket.RSocket;
import io.rsocket.SocketAcceptor;
import io.rsocket.core.RSocketConnector;
import io.rsocket.core.RSocketServer;
import io.rsocket.core.Resume;
import io.rsocket.lease.Lease;
import io.rsocket.resume.InMemoryResumableFramesStore;
import io.rsocket.transport.ClientTransport;
import io.rsocket.transport.ServerTransport;
import io.rsocket.transport.netty.client.TcpClientTransport;
import io.rsocket.transport.netty.client.WebsocketClientTransport;
import io.rsocket.transport.netty.server.CloseableChannel;
import io.rsocket.transport.netty.server.TcpServerTransport;
import io.rsocket.transport.netty.server.WebsocketServerTransport;
import java.net.URI;
import java.time.Duration;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.util.retry.Retry;

public final class Main {
  /** The library's own 100 kB are less than goes out between two cuts. */
  private static final int RESUME_STORE_BYTES = 64 << 20;

  private static final Duration LEASE_TIME = Duration.ofSeconds(1);

  private Main() {}

  public static void main(String[] args) throws InterruptedException {
    Arguments arguments = new Arguments(args, 1);
    if (args[0].equals("client")) new Client(Main::connect, "rpc").run(arguments);
    for (String url : arguments.all("--listen")) listen(URI.create(url), arguments);
    Thread.currentThread().join();
  }

  private static void listen(URI url, Arguments arguments) {
    Handlers.Memory memory = new Handlers.Memory();
    SocketAcceptor acceptor =
        (setup, sending) -> {
          Routing routing = Routing.of(setup.metadataMimeType());
          return Mono.just(new Dispatcher(new Handlers(memory, new Caller(sending, routing)), routing));
        };
    RSocketServer server = RSocketServer.create(acceptor).fragment(Settings.fragmentBytes(arguments.number("--mtu")));
    if (arguments.has("--resume")) server.resume(resumption());
    if (arguments.has("--lease")) {
      int requests = arguments.number("--lease");
      server.lease(spec -> spec.sender(() -> leases(requests)));
    }
    CloseableChannel channel = server.bindNow(serverTransport(url));
    System.out.println(
        "LISTENING " + url.getScheme() + "://127.0.0.1:" + channel.address().getPort() + url.getRawPath());
  }

  // One each second; a lease's time begins when it is made.
  private static Flux<Lease> leases(int requests) {
    return Flux.interval(Duration.ZERO, LEASE_TIME).map(tick -> Lease.create(LEASE_TIME.multipliedBy(2), requests));
  }

  private static Session connect(Settings settings) {
    Routing routing = settings.isComposite() ? Routing.COMPOSITE : Routing.RPC;
    RSocketConnector connector =
        RSocketConnector.create()
            .metadataMimeType(routing.mimeType)
            .dataMimeType("application/x-protobuf")
            .fragment(Settings.fragmentBytes(settings.mtu()))
            .keepAlive(Duration.ofMillis(settings.keepaliveMs()), Duration.ofMillis(settings.lifetimeMs()));
    if (settings.serves() != null) {
      connector.acceptor(SocketAcceptor.with(new Dispatcher(settings.serves(), routing)));
    }
    if (settings.resume()) connector.resume(resumption());
    if (settings.lease()) connector.lease();
    RSocket rsocket = Checks.await(connector.connect(clientTransport(settings.url())));
    return new Session(new Caller(rsocket, routing), rsocket.onClose(), rsocket::dispose);
  }

  private static Resume resumption() {
    return new Resume()
        .sessionDuration(Duration.ofSeconds(30))
        .retry(Retry.fixedDelay(1_000, Duration.ofMillis(10)))
        .storeFactory(Main::store);
  }

  private static InMemoryResumableFramesStore store(ByteBuf session) {
    return new InMemoryResumableFramesStore("peer", session, RESUME_STORE_BYTES);
  }

  private static ServerTransport<CloseableChannel> serverTransport(URI url) {
    return switch (url.getScheme()) {
      case "tcp" -> TcpServerTransport.create(url.getHost(), url.getPort());
      case "ws" -> WebsocketServerTransport.create(url.getHost(), url.getPort());
      default -> throw new IllegalArgumentException("no transport for " + url);
    };
  }

  private static ClientTransport clientTransport(URI url) {
    return switch (url.getScheme()) {
      case "tcp" -> TcpClientTransport.create(url.getHost(), url.getPort());
      case "ws" -> WebsocketClientTransport.create(url);
      default -> throw new IllegalArgumentException("no transport for " + url);
    };
  }
}
