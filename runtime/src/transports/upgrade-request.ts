// SPDX-License-Identifier: Apache-2.0
// What the request that opens a WebSocket says of who opens it: headers, cookies (RFC 6265), origin (RFC 6454).

import type { IncomingMessage } from "node:http";
import type { UpgradeRequest, WsUpgradeOptions } from "./addresses.js";
import { checkAnyOrigin } from "./origins.js";

/** @internal The request as applications see it; cookies are read when somebody asks. */
export function upgradeRequestOf({ url = "/", headers }: IncomingMessage): UpgradeRequest {
  const entries = Object.entries(headers).map(([name, value]) => [
    name,
    Array.isArray(value) ? value.join(", ") : value,
  ]);
  let cookies: UpgradeRequest["cookies"] | undefined;
  return {
    url,
    headers: Object.fromEntries(entries),
    origin: headers.origin,
    get cookies() {
      cookies ??= parseCookies(headers.cookie ?? "");
      return cookies;
    },
  };
}

/** @internal The cookies of a Cookie header, by name (RFC 6265 §5.4). */
export function parseCookies(text: string): UpgradeRequest["cookies"] {
  // Without a prototype: a cookie may be called `constructor`.
  const cookies: Record<string, string | undefined> = Object.create(null);
  for (const pair of text.split(";")) {
    const equals = pair.indexOf("=");
    if (equals < 0) continue;
    const name = pair.slice(0, equals).trim();
    // The first is that of the longest path (RFC 6265 §5.4): the one that was meant.
    cookies[name] ??= decodeCookie(pair.slice(equals + 1).trim());
  }
  return cookies;
}

function decodeCookie(text: string): string {
  const value = text.replace(/^"(.*)"$/, "$1");
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}

/** @internal @throws TypeError unless it says which pages are let in: in a text, from a file of settings, parts of it would be. */
export function checkAllowed(allowed: WsUpgradeOptions["allowedOrigins"]): void {
  if (allowed === undefined || typeof allowed === "function") return;
  if (!Array.isArray(allowed)) {
    throw new TypeError(`allowedOrigins is ${JSON.stringify(allowed)}, expected a list of origins, or a function`);
  }
  allowed.forEach(checkAnyOrigin);
}

/** @internal A page may do what its user may, from any site that the user visits: hence its origin counts (RFC 6455 §10.2). */
export function isAllowed(
  request: UpgradeRequest,
  isEncrypted: boolean,
  allowed: WsUpgradeOptions["allowedOrigins"],
): boolean {
  const { origin } = request;
  if (origin === undefined) return true;
  if (allowed === undefined) return isSameHost(origin, request.headers["host"], isEncrypted);
  return typeof allowed === "function" ? isTrue(allowed(origin, request)) : allowed.includes(origin);
}

// What isn't said isn't allowed. A promise would be as good as true, whatever comes of it.
function isTrue(answer: unknown): boolean {
  if (!(answer instanceof Promise)) return answer === true;
  answer.catch(() => {});
  throw new TypeError("allowedOrigins returned a promise, expected true or false: nobody is let in");
}

function isSameHost(origin: string, host: string | undefined, isEncrypted: boolean): boolean {
  // `null` is the origin of sandboxed pages: no URL, never the same.
  if (host === undefined || !URL.canParse(origin)) return false;
  const page = new URL(origin);
  // What goes over TLS is nobody's who can put a script into an unencrypted page. Without TLS here, something in front of
  // us may have it: then the scheme of the page says which port goes without saying.
  const target = `${isEncrypted ? "https:" : page.protocol}//${host}`;
  if (!URL.canParse(target)) return false;
  const { protocol, host: own } = new URL(target);
  return protocol === page.protocol && own === page.host;
}

/** @internal The path of a request's URL. */
export function pathOf(url: string): string {
  const query = url.indexOf("?");
  return query === -1 ? url : url.slice(0, query);
}
