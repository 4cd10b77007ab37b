// SPDX-License-Identifier: Apache-2.0
// Client and server in one process, joined by frames as over any wire: for tests and for programs that hold both.

import type { FrameLink } from "../engine/link.js";
import { type Scheduler, systemScheduler } from "../engine/scheduler.js";
import { createInProcessPair } from "../transports/in-process.js";
import { type ConnectOptions, connectWith } from "./connect.js";
import type { Connection } from "./connection.js";
import { type ServeOptions, type Server, serveWith } from "./serve.js";

/** A server that is reached without a socket. */
export interface InProcessServer extends Server {
  /** A new connection to it. @throws ConnectError as `connect` does. */
  connect(options?: ConnectOptions): Promise<Connection>;
}

/**
 * Serves within this process.
 * @example
 * const server = await serveInProcess({ services: [implementTicker(handler)] });
 * const ticker = createTickerClient(await server.connect());
 */
export async function serveInProcess(options: ServeOptions): Promise<InProcessServer> {
  const scheduler: Scheduler = options.scheduler ?? systemScheduler;
  let onLink: ((link: FrameLink) => void) | undefined;
  const server = await serveWith(
    [
      (take) => {
        onLink = take;
        return Promise.resolve({
          url: "in-process:",
          close: () => {
            onLink = undefined;
            return Promise.resolve();
          },
        });
      },
    ],
    options,
  );
  return Object.assign(server, {
    connect: (connectOptions: ConnectOptions = {}) =>
      connectWith(
        {
          dial: () => {
            if (onLink === undefined) return Promise.reject(new Error("the in-process server is closed"));
            const [near, far] = createInProcessPair(scheduler);
            onLink(far);
            return Promise.resolve(near);
          },
        },
        { scheduler, ...connectOptions },
      ),
  });
}
