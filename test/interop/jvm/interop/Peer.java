// SPDX-License-Identifier: Apache-2.0
// The server as one case sees it: connections to it, all of them closed when the case is over.
package interop;

import java.util.ArrayList;
import java.util.List;

final class Peer implements AutoCloseable {
  private final Session.Connector connector;
  private final Settings settings;
  private final boolean quick;
  private final List<Runnable> closes;

  Peer(Session.Connector connector, Settings settings, boolean quick) {
    this(connector, settings, quick, new ArrayList<>());
  }

  private Peer(Session.Connector connector, Settings settings, boolean quick, List<Runnable> closes) {
    this.connector = connector;
    this.settings = settings;
    this.quick = quick;
    this.closes = closes;
  }

  Settings settings() {
    return settings;
  }

  /** The cases of many calls or messages make a tenth of them. */
  boolean isQuick() {
    return quick;
  }

  /** The same server, connected to otherwise. */
  Peer with(Settings other) {
    return new Peer(connector, other, quick, closes);
  }

  Session open() {
    Session session = connector.connect(settings);
    closes.add(session.close());
    return session;
  }

  TestCalls connect() {
    return open().calls();
  }

  @Override
  public void close() {
    closes.forEach(Runnable::run);
  }
}
