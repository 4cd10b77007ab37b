// SPDX-License-Identifier: Apache-2.0
// The client of the matrix: runs cases against a server, one line each.
//
//   client --connect URL --case NAME[,NAME] [--mode rpc|composite] [--mtu N] [--quick]
package interop;

import java.net.URI;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;

public final class Client {
  private static final long CASE_TIMEOUT_SECONDS = 60;

  private final Session.Connector connector;
  private final String mode;

  /** {@code mode}: what the library speaks unless told otherwise. */
  public Client(Session.Connector connector, String mode) {
    this.connector = connector;
    this.mode = mode;
  }

  /** Ends the process. */
  public void run(Arguments arguments) {
    URI url = URI.create(arguments.one("--connect", ""));
    Settings settings = new Settings(url, arguments.one("--mode", mode), arguments.number("--mtu"));
    String wanted = arguments.one("--case", "all");
    boolean hasFailed = false;
    for (String name : wanted.equals("all") ? Cases.ALL.keySet().toArray(String[]::new) : wanted.split(",")) {
      String line = runCase(name, new Peer(connector, settings, arguments.has("--quick")));
      hasFailed |= line.startsWith("FAIL");
      System.out.println(line);
    }
    System.exit(hasFailed ? 1 : 0);
  }

  private String runCase(String name, Peer peer) {
    Cases.Case run = Cases.ALL.get(name);
    if (run == null) return "SKIP " + name + ": this peer has no such case";
    try (peer) {
      CompletableFuture.runAsync(() -> runUnchecked(run, peer)).get(CASE_TIMEOUT_SECONDS, TimeUnit.SECONDS);
      return "PASS " + name;
    } catch (Exception error) {
      Throwable cause = error;
      while (cause.getCause() != null && (cause instanceof CompletionException || cause == error)) cause = cause.getCause();
      String verdict = cause instanceof Checks.Skipped ? "SKIP " : "FAIL ";
      if (verdict.equals("FAIL ")) cause.printStackTrace();
      return verdict + name + ": " + String.valueOf(cause.getMessage() == null ? cause : cause.getMessage()).replace("\n", "\\n");
    }
  }

  private static void runUnchecked(Cases.Case run, Peer peer) {
    try {
      run.run(peer);
    } catch (RuntimeException | Error error) {
      throw error;
    } catch (Exception error) {
      throw new CompletionException(error);
    }
  }
}
