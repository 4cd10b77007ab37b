// SPDX-License-Identifier: Apache-2.0
// A MessagePort between a page and a frame in it (HTML §Cross-document messaging): both ends check who the other one is.

import { checkOrigin } from "./origins.js";
import type { PortEventTarget } from "./port-events.js";

/** A window to post to: `iframe.contentWindow`, `window.parent`, `window.opener`. */
export interface WindowLike {
  /** As the platform's. */
  // biome-ignore lint/suspicious/noExplicitAny: a transferable of the platform, which has no name here.
  postMessage(message: unknown, targetOrigin: string, transfer?: any[]): void;
}

/** Options of `portToFrame`. */
export interface FramePortOptions {
  /** Gives up waiting. */
  readonly signal?: AbortSignal;
}

/** Options of `portFromParent`. */
export interface ParentPortOptions extends FramePortOptions {
  /** Who has the port; `window.parent` unless given. A window that was opened names `window.opener`. */
  readonly parent?: WindowLike;
}

/** Which of the three messages it is: "are you there?", "I am", and the one that brings the port. */
type FrameMessage = "offer" | "want" | "port";

interface FrameEvent {
  readonly data: unknown;
  readonly origin: string;
  readonly source: unknown;
  readonly ports: readonly unknown[];
}

/** The scope of a page, as far as it is used here. */
interface PageScope extends WindowLike {
  readonly parent: WindowLike;
  addEventListener(type: "message", listener: (event: FrameEvent) => void): void;
  removeEventListener(type: "message", listener: (event: FrameEvent) => void): void;
}

/**
 * A port to the frame in `window`, for `connectPort` or `servePort`; the frame's page calls `portFromParent`. Resolves
 * when it has. Only a page of `origin` gets the port, and other windows' messages count for nothing.
 *
 * A frame that is loaded anew has lost its port: call it again for the new page.
 * @throws TypeError for an origin that can't be checked, such as `*` or that of a sandboxed frame; the reason of `signal`.
 * @example
 * const port = await portToFrame(iframe.contentWindow, "https://widgets.example.com");
 * const widget = createWidgetClient(await connectPort(port));
 */
export async function portToFrame(
  window: WindowLike,
  origin: string,
  options: FramePortOptions = {},
): Promise<PortEventTarget> {
  checkOrigin(origin);
  const waiting = listenFor<PortEventTarget>(options.signal, (event, done) => {
    if (event.source !== window || event.origin !== origin || readFrameMessage(event.data) !== "want") return;
    const { port1, port2 } = new MessageChannel();
    post(window, origin, "port", port2);
    done(port1);
  });
  // When the frame was first, nobody heard it. One that isn't loaded yet has another origin and doesn't get this.
  post(window, origin, "offer");
  return await waiting;
}

/**
 * The port that the page around this frame makes with `portToFrame`, for `connectPort` or `servePort`. Resolves when it
 * has come. `origins` are those of pages that this frame may be in: any page can embed it, and no other one is heard.
 * @throws TypeError for an origin that can't be checked, such as `*`; the reason of `signal`.
 * @example
 * await servePort(await portFromParent("https://app.example.com"), { services: [implementWidget(handler)] });
 */
export async function portFromParent(
  origins: string | readonly string[],
  options: ParentPortOptions = {},
): Promise<PortEventTarget> {
  const allowed = typeof origins === "string" ? [origins] : origins;
  for (const origin of allowed) checkOrigin(origin);
  const parent = options.parent ?? pageScope().parent;
  const waiting = listenFor<PortEventTarget>(options.signal, (event, done) => {
    if (event.source !== parent || !allowed.includes(event.origin)) return;
    const message = readFrameMessage(event.data);
    if (message === "offer") post(parent, event.origin, "want");
    // The platform's own: a message can't bring anything else in `ports`.
    else if (message === "port" && event.ports.length === 1) done(event.ports[0] as PortEventTarget);
  });
  // It reaches the parent if that is of this origin.
  for (const origin of allowed) post(parent, origin, "want");
  return await waiting;
}

function listenFor<Result>(
  signal: AbortSignal | undefined,
  hear: (event: FrameEvent, done: (result: Result) => void) => void,
): Promise<Result> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const scope = pageScope();
    const stop = (): void => {
      scope.removeEventListener("message", onMessage);
      signal?.removeEventListener("abort", onAbort);
    };
    const onMessage = (event: FrameEvent): void =>
      hear(event, (result) => {
        stop();
        resolve(result);
      });
    const onAbort = (): void => {
      stop();
      reject(signal?.reason);
    };
    scope.addEventListener("message", onMessage);
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}

function post(window: WindowLike, origin: string, message: FrameMessage, ...transfer: unknown[]): void {
  window.postMessage({ rsocketPort: message }, origin, transfer);
}

function readFrameMessage(data: unknown): unknown {
  return typeof data === "object" && data !== null
    ? (data as { readonly rsocketPort?: unknown }).rsocketPort
    : undefined;
}

function pageScope(): PageScope {
  return globalThis as unknown as PageScope;
}
