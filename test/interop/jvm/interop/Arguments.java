// SPDX-License-Identifier: Apache-2.0
// The command line of servers and clients: options with a value, repeated or not, and switches.
package interop;

import java.net.URI;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

public final class Arguments {
  private static final Set<String> SWITCHES = Set.of("--quick", "--resume");

  private final List<String[]> pairs = new ArrayList<>();

  public Arguments(String[] args, int from) {
    for (int i = from; i < args.length; i++) {
      boolean isSwitch = SWITCHES.contains(args[i]);
      if (!isSwitch && i + 1 == args.length) throw new IllegalArgumentException(args[i] + " has no value");
      pairs.add(new String[] {args[i], isSwitch ? "" : args[++i]});
    }
  }

  public List<String> all(String option) {
    return pairs.stream().filter(pair -> pair[0].equals(option)).map(pair -> pair[1]).toList();
  }

  public boolean has(String option) {
    return !all(option).isEmpty();
  }

  public String one(String option, String otherwise) {
    List<String> values = all(option);
    return values.isEmpty() ? otherwise : values.get(values.size() - 1);
  }

  /** 0 when it isn't there. */
  public int number(String option) {
    return Integer.parseInt(one(option, "0"));
  }

  /** The path of a URL that may have none. */
  public static String pathOf(URI url) {
    return url.getPath().isEmpty() ? "/" : url.getPath();
  }
}
