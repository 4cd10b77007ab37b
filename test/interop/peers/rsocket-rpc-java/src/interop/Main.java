// SPDX-License-Identifier: Apache-2.0
// rsocket-rpc-java as a peer: `server --listen URL …` or `client --connect URL …`.
package interop;

import io.rsocket.RSocket;
import io.rsocket.RSocketFactory;
import io.rsocket.interop.v1.TestServiceServer;
import io.rsocket.rpc.rsocket.RequestHandlingRSocket;
import io.rsocket.transport.ClientTransport;
import io.rsocket.transport.ServerTransport;
import io.rsocket.transport.netty.client.TcpClientTransport;
import io.rsocket.transport.netty.client.WebsocketClientTransport;
import io.rsocket.transport.netty.server.CloseableChannel;
import io.rsocket.transport.netty.server.TcpServerTransport;
import io.rsocket.transport.netty.server.WebsocketServerTransport;
import java.net.URI;
import java.time.Duration;
import java.util.Optional;
import reactor.core.publisher.Mono;

public final class Main {
  private Main() {}

  public static void main(String[] args) throws InterruptedException {
    Arguments arguments = new Arguments(args, 1);
    if (args[0].equals("client")) new Client(Main::connect, "rpc").run(arguments);
    for (String url : arguments.all("--listen")) listen(URI.create(url), arguments);
    Thread.currentThread().join();
  }

  private static void listen(URI url, Arguments arguments) {
    Handlers.Memory memory = new Handlers.Memory();
    CloseableChannel channel =
        Checks.await(
            RSocketFactory.receive()
                .fragment(Settings.fragmentBytes(arguments.number("--mtu")))
                .errorConsumer(Main::report)
                .acceptor(
                    (setup, sending) -> Mono.just(serving(new Handlers(memory, new Generated.Caller(sending)))))
                .transport(serverTransport(url))
                .start());
    System.out.println(
        "LISTENING " + url.getScheme() + "://127.0.0.1:" + channel.address().getPort() + url.getRawPath());
  }

  private static Session connect(Settings settings) {
    RSocketFactory.ClientRSocketFactory factory =
        RSocketFactory.connect()
            .errorConsumer(Main::report)
            .keepAliveTickPeriod(Duration.ofMillis(settings.keepaliveMs()))
            .keepAliveAckTimeout(Duration.ofMillis(settings.lifetimeMs()))
            .keepAliveMissedAcks(1)
            .fragment(Settings.fragmentBytes(settings.mtu()));
    TestCalls serves = settings.serves() == null ? new Handlers(new Handlers.Memory(), null) : settings.serves();
    RSocket rsocket =
        Checks.await(
            factory.acceptor(sending -> serving(serves)).transport(() -> clientTransport(settings.url())).start());
    return new Session(new Generated.Caller(rsocket), rsocket.onClose(), rsocket::dispose);
  }

  private static RequestHandlingRSocket serving(TestCalls handlers) {
    return new RequestHandlingRSocket(
        new TestServiceServer(new Generated.Served(handlers), Optional.empty(), Optional.empty()));
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

  private static void report(Throwable error) {
    System.err.println(error);
  }
}
