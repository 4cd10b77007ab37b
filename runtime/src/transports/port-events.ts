// SPDX-License-Identifier: Apache-2.0
// Ports of every kind under one roof: MessagePort, Worker and a worker's own scope, of browsers and of Node.

/**
 * What sends messages to one other end. A window has no other end that is safe to assume and is refused when it is used;
 * its type isn't, because that is what `self` is in a worker that is compiled with the types of pages.
 */
export interface PortSender {
  /** As the platform's: `transfer` is a list of ArrayBuffers, which move to the other end. */
  // biome-ignore lint/suspicious/noExplicitAny: see above; the second argument of windows is something else.
  postMessage(message: unknown, transfer: any): void;
}

/** Tells of messages by events: MessagePort, and in browsers Worker and `self` of a worker. */
export interface PortEventTarget extends PortSender {
  /** As the platform's. */
  // biome-ignore lint/suspicious/noExplicitAny: events of the DOM and of Node have no type in common.
  addEventListener(type: string, listener: (event: any) => void): void;
  /** As the platform's. */
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  removeEventListener(type: string, listener: (event: any) => void): void;
}

/** Tells of messages as Node's Worker does. */
export interface PortEmitter extends PortSender {
  /** As the platform's. */
  // biome-ignore lint/suspicious/noExplicitAny: the value is that of the event, whatever event it is.
  on(event: string, listener: (value: any) => void): unknown;
  /** As the platform's. */
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  off(event: string, listener: (value: any) => void): unknown;
}

/** A MessagePort, a Worker, or what a worker has for its parent (`self` in browsers, `parentPort` in Node). */
export type PortLike = PortEventTarget | PortEmitter;

/** Who hears of a port. */
export interface PortListener {
  /** A message, as the other end's structured clone. */
  onMessage(data: unknown): void;
  /** A message that couldn't be cloned here. */
  onUnreadable(): void;
  /** Nothing comes any more, as far as the platform tells. */
  onGone(reason: string): void;
}

/**
 * Begins to hear of `port`; the returned function ends that, and closes the port if it is one that can be closed.
 * @throws TypeError for what is no port.
 */
export function listenToPort(port: PortLike, listener: PortListener): () => void {
  checkPort(port);
  const isTarget = "addEventListener" in port;
  const handlers = isTarget ? eventHandlers(listener) : emitterHandlers(port, listener);
  for (const [type, handler] of handlers) {
    if (isTarget) port.addEventListener(type, handler);
    else port.on(type, handler);
  }
  const { start, close } = closable(port);
  start?.call(port);
  return () => {
    for (const [type, handler] of handlers) {
      if (isTarget) port.removeEventListener(type, handler);
      else port.off(type, handler);
    }
    close?.call(port);
  };
}

/** @throws TypeError for what is no port, a window above all. */
export function checkPort(port: PortLike): void {
  // Of a window of another origin, only a few properties may be looked at; `window` is one.
  const { window } = (port ?? {}) as { readonly window?: unknown };
  if (window !== undefined && window === port) {
    throw new TypeError("a window is no port: expected one of portToFrame(), portFromParent() or a MessageChannel");
  }
  const { addEventListener, on, postMessage } = (port ?? {}) as Partial<PortEventTarget & PortEmitter>;
  const hears = typeof addEventListener === "function" || typeof on === "function";
  if (typeof postMessage !== "function" || !hears)
    throw new TypeError(
      `${String(port)} is no port: expected a MessagePort, a Worker, or a worker's self or parentPort`,
    );
}

/** A thread of Node that is over: it tells nobody any more. Of a MessagePort whose other end has gone nobody can tell that. */
export function hasExited(port: PortLike): boolean {
  return (port as { readonly threadId?: unknown }).threadId === -1;
}

type Handlers = readonly (readonly [type: string, handler: (value: unknown) => void])[];

function eventHandlers(listener: PortListener): Handlers {
  let heardAnything = false;
  return [
    [
      "message",
      (event) => {
        heardAnything = true;
        listener.onMessage((event as { readonly data: unknown }).data);
      },
    ],
    ["messageerror", () => listener.onUnreadable()],
    ["close", () => listener.onGone("the port is closed: the other end is gone")],
    // Of a Worker. One that has run may go on after an error; one that hasn't couldn't be loaded.
    ["error", (event) => !heardAnything && listener.onGone(`the worker failed before it listened${reasonOf(event)}`)],
  ];
}

// Once it listens, no 'error': Node ends a program whose worker threw, unless somebody hears it, and that is the user's to
// decide. Before, nobody else has a connection to lose by it.
function emitterHandlers(port: PortEmitter, listener: PortListener): Handlers {
  const onError = (error: unknown): void => {
    listener.onGone(`the worker failed before it listened${reasonOf(error)}`);
  };
  return [
    [
      "message",
      (data) => {
        port.off("error", onError);
        listener.onMessage(data);
      },
    ],
    ["error", onError],
    ["messageerror", () => listener.onUnreadable()],
    ["close", () => listener.onGone("the port is closed: the other end is gone")],
    ["exit", (code) => listener.onGone(`the worker exited with code ${String(code)}`)],
  ];
}

function reasonOf(event: unknown): string {
  const { message } = Object(event) as { readonly message?: unknown };
  return typeof message === "string" && message !== "" ? `: ${message}` : "";
}

interface Closable {
  readonly start?: () => void;
  readonly close?: () => void;
}

// A worker's scope has a `close`, too, that ends the worker, and its script may have a global function `start`.
function closable(port: PortLike): Closable {
  const { start, close } = port as Closable;
  const isScope = (port as object) === globalThis;
  const isMessagePort = !isScope && typeof start === "function" && typeof close === "function";
  return isMessagePort ? { start, close } : {};
}
