// SPDX-License-Identifier: Apache-2.0
// A channel to a handler, for tests of handlers and of code that calls.

import { checkOptions } from "../bytes/options.js";
import type { ConnectOptions } from "../rpc/connect.js";
import type { Connection } from "../rpc/connection.js";
import { serveInProcess } from "../rpc/in-process.js";
import type { ServeOptions } from "../rpc/serve.js";
import type { BoundService } from "../rpc/service.js";

/**
 * A connection to `services`, by real frames. Closing it ends the server too.
 * @example
 * const channel = await inProcessChannel([implementTicker(handler)]);
 * const ticker = createTickerClient(channel);
 */
export async function inProcessChannel(
  services: readonly BoundService[],
  options: { readonly serve?: Omit<ServeOptions, "services">; readonly connect?: ConnectOptions } = {},
): Promise<Connection> {
  checkOptions(options, { serve: "object", connect: "object" });
  const server = await serveInProcess({ services, ...options.serve });
  const { scheduler } = options.serve ?? {};
  const connection = await server.connect({ ...(scheduler === undefined ? {} : { scheduler }), ...options.connect });
  void connection.closed.then(() => server.close());
  return connection;
}
