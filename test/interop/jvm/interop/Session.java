// SPDX-License-Identifier: Apache-2.0
// One connection of a case.
package interop;

import reactor.core.publisher.Mono;

/**
 * @param closed ends when the connection has ended, however
 * @param close ends it
 */
public record Session(TestCalls calls, Mono<Void> closed, Runnable close) {
  /** Opens connections with the library that is the peer. */
  @FunctionalInterface
  public interface Connector {
    Session connect(Settings settings);
  }
}
