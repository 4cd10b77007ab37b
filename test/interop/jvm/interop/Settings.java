// SPDX-License-Identifier: Apache-2.0
// How a case wants its connection.
package interop;

import java.net.URI;

/**
 * @param mode "rpc" or "composite"
 * @param mtu bytes of the longest frame; 0: nobody said
 * @param serves what the server may call; null: nothing
 */
public record Settings(
    URI url, String mode, int mtu, TestCalls serves, int keepaliveMs, int lifetimeMs, boolean resume, boolean lease) {

  /** Unless told: these libraries don't cut by themselves what no frame can hold. */
  private static final int MTU = 1 << 20;

  public Settings(URI url, String mode, int mtu) {
    this(url, mode, mtu, null, 20_000, 90_000, false, false);
  }

  /** What the library is told; {@code mtu} as on the command line. */
  public static int fragmentBytes(int mtu) {
    return mtu == 0 ? MTU : mtu;
  }

  public boolean isComposite() {
    return mode.equals("composite");
  }

  public Settings at(URI other) {
    return new Settings(other, mode, mtu, serves, keepaliveMs, lifetimeMs, resume, lease);
  }

  public Settings withMode(String other) {
    return new Settings(url, other, mtu, serves, keepaliveMs, lifetimeMs, resume, lease);
  }

  public Settings withMtu(int bytes) {
    return new Settings(url, mode, bytes, serves, keepaliveMs, lifetimeMs, resume, lease);
  }

  public Settings serving(TestCalls calls) {
    return new Settings(url, mode, mtu, calls, keepaliveMs, lifetimeMs, resume, lease);
  }

  public Settings keepalive(int everyMs, int withinMs) {
    return new Settings(url, mode, mtu, serves, everyMs, withinMs, resume, lease);
  }

  public Settings resuming() {
    return new Settings(url, mode, mtu, serves, keepaliveMs, lifetimeMs, true, lease);
  }

  public Settings leasing() {
    return new Settings(url, mode, mtu, serves, keepaliveMs, lifetimeMs, resume, true);
  }
}
