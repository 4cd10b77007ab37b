// SPDX-License-Identifier: Apache-2.0
// Passes bytes on between a client and a server until both connections are cut.
package interop;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

final class Relay implements AutoCloseable {
  private final Set<Socket> sockets = ConcurrentHashMap.newKeySet();
  private final ServerSocket listener;
  private final URI target;

  Relay(URI target) throws IOException {
    this.target = target;
    listener = new ServerSocket(0, 0, InetAddress.getLoopbackAddress());
    inBackground(
        () -> {
          while (true) join(listener.accept());
        });
  }

  URI url() {
    return URI.create(target.getScheme() + "://127.0.0.1:" + listener.getLocalPort() + target.getRawPath());
  }

  /** Both ends lose what is open, by RST. */
  void cut() {
    for (Socket socket : sockets) {
      sockets.remove(socket);
      try {
        socket.setSoLinger(true, 0);
        socket.close();
      } catch (IOException ignored) {
        // it has ended by itself
      }
    }
  }

  @Override
  public void close() throws IOException {
    listener.close();
    cut();
  }

  private void join(Socket near) throws IOException {
    Socket far = new Socket(target.getHost(), target.getPort());
    for (Socket socket : new Socket[] {near, far}) {
      socket.setTcpNoDelay(true);
      sockets.add(socket);
    }
    inBackground(() -> pass(near, far));
    inBackground(() -> pass(far, near));
  }

  private static void pass(Socket from, Socket to) throws IOException {
    try (from; to) {
      InputStream in = from.getInputStream();
      OutputStream out = to.getOutputStream();
      byte[] bytes = new byte[65_536];
      for (int length; (length = in.read(bytes)) >= 0; ) out.write(bytes, 0, length);
    }
  }

  private interface Work {
    void run() throws IOException;
  }

  private static void inBackground(Work work) {
    Thread thread =
        new Thread(
            () -> {
              try {
                work.run();
              } catch (IOException ignored) {
                // the connection or the relay has ended
              }
            });
    thread.setDaemon(true);
    thread.start();
  }
}
