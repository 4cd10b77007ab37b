// SPDX-License-Identifier: Apache-2.0
// Calls over a port: between a page and its worker, threads of Node, a page and its frames.

import type { Dialer } from "../engine/link.js";
import { type Scheduler, systemScheduler } from "../engine/scheduler.js";
import type { ListenerFactory } from "../rsocket/serve.js";
import { checkPort, openPortLink, PORT_INFO, type PortLike } from "../transports/message-port.js";
import { type ConnectOptions, connectWith } from "./connect.js";
import type { Connection } from "./connection.js";
import { type ServeOptions, type Server, serveWith } from "./serve.js";

/**
 * Connects over `port`, at whose other end `servePort` serves, and resolves when it has accepted; which end is ready
 * first doesn't matter. The port belongs to the connection from now on: nobody else listens or posts to it, and it is
 * closed with the connection or when connecting failed. Give the connection a `MessageChannel` of its own when the
 * port has other uses.
 *
 * A worker, thread or frame of the same origin that ends or is terminated ends the connection at once; in browsers its lock
 * tells (`navigator.locks`, in secure contexts). Of a frame of another origin nothing is told: the connection then ends when
 * it has been silent for its lifetime (`maxLifetimeMs`).
 * @throws ConnectError when it refused, the other end is gone, or time is up; TypeError for what is no port.
 * @example
 * const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
 * const ticker = createTickerClient(await connectPort(worker));
 */
export async function connectPort(port: PortLike, options: ConnectOptions = {}): Promise<Connection> {
  checkPort(port);
  return await connectWith(portDialer(port, options.scheduler), options);
}

/**
 * Serves over `port`, or over several of them, with `connectPort` at the other ends. A port belongs to the server from
 * now on, serves one connection and is closed with it.
 * @throws TypeError for what is no port, or when a service comes twice.
 * @example
 * await servePort(self, { services: [implementTicker(handler)] }); // in a browser's worker
 * await servePort(parentPort, { services: [implementTicker(handler)] }); // in one of Node
 */
export async function servePort(ports: PortLike | readonly PortLike[], options: ServeOptions): Promise<Server> {
  const list = Array.isArray(ports) ? (ports as readonly PortLike[]) : [ports as PortLike];
  return await serveWith(
    list.map((port) => listenPort(port, options.scheduler)),
    options,
  );
}

/**
 * Dials over `port`, once. For `createChannelWith` a dialer that makes a worker anew each time lets a channel outlive them.
 * @example
 * const channel = createChannelWith({
 *   dial: (signal) => portDialer(new Worker(workerUrl)).dial(signal),
 * });
 */
export function portDialer(port: PortLike, scheduler: Scheduler = systemScheduler): Dialer {
  let isUsed = false;
  return {
    dial: (signal) =>
      new Promise((resolve, reject) => {
        if (signal.aborted) return reject(signal.reason);
        if (isUsed) return reject(new Error("the port has served its connection, and serves no second one"));
        isUsed = true;
        const onAbort = (): void => {
          reject(signal.reason);
          giveUp();
        };
        const settled = (): void => signal.removeEventListener("abort", onAbort);
        const giveUp = openPortLink(port, scheduler, {
          onOpen: (link) => {
            settled();
            resolve(link);
          },
          onFailed: (error) => {
            settled();
            reject(error);
          },
        });
        signal.addEventListener("abort", onAbort, { once: true });
      }),
  };
}

/**
 * Listens at `port` for the one connection that comes over it; for `serveWith`, beside other addresses.
 * @example
 * const server = await serveWith([listenPort(port), (onLink) => listenTcp({ host, port: 7000 }, onLink)], { services });
 */
export function listenPort(port: PortLike, scheduler: Scheduler = systemScheduler): ListenerFactory {
  return async (onLink, onRefused) => {
    let isWaiting = true;
    const giveUp = openPortLink(port, scheduler, {
      onOpen: (link) => {
        isWaiting = false;
        onLink(link);
      },
      onFailed: ({ message: reason }) => {
        if (!isWaiting) return;
        isWaiting = false;
        onRefused?.({ info: PORT_INFO, reason, isForWantOfRoom: false });
      },
    });
    return {
      url: "message-port:",
      close: async () => {
        if (!isWaiting) return;
        isWaiting = false;
        giveUp();
      },
    };
  };
}
