// SPDX-License-Identifier: Apache-2.0
// Addresses as users write them.

import { Code } from "./code.js";
import { RpcError } from "./error.js";

/** The scheme that has a path instead of a host. */
const UNIX = "unix";

/**
 * A URL, checked: one of `schemes` (without colon), with a host unless it is a `unix:` one.
 * @throws RpcError `invalid_argument` naming the text.
 */
export function parseUrl(text: string | URL, schemes: readonly string[]): URL {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    // Without the platform's error, which shows all of it.
    throw unfit(text, "is no URL", schemes);
  }
  const scheme = url.protocol.slice(0, -1);
  if (!schemes.includes(scheme)) throw unfit(text, `has scheme ${scheme}`, schemes);
  if (scheme !== UNIX && url.hostname === "") throw unfit(text, "has no host", schemes);
  return url;
}

function unfit(text: string | URL, fault: string, schemes: readonly string[]): RpcError {
  const withHost = schemes.filter((scheme) => scheme !== UNIX).map((scheme) => `${scheme}://`);
  const orPath = schemes.includes(UNIX) ? ", or unix:/path/to.sock" : "";
  const expected = `expected ${withHost.join(" or ")} with host and port${orPath}`;
  return new RpcError(Code.InvalidArgument, `"${shown(text)}" ${fault}, ${expected}`);
}

// In front of the host may stand a password.
function shown(url: string | URL): string {
  return withoutQuery(String(url).replace(/\/\/.*@/s, "//…@"));
}

/** @internal `text` of a URL as errors show it: behind ? and # may stand a token. */
export function withoutQuery(text: string): string {
  return text.replace(/[?#].+/s, (hidden) => `${hidden[0]}…`);
}

/** The path of a `unix:` URL, as the file system spells it. @throws RpcError `invalid_argument` when it isn't absolute. */
export function socketPath(url: URL): string {
  const isPath = url.host === "" && url.pathname.startsWith("/") && url.search === "" && url.hash === "";
  try {
    if (isPath) return decodeURIComponent(url.pathname);
  } catch {
    // Said below.
  }
  const expected =
    "expected unix:/path/to.sock, an absolute path without host; %, ? and # are spelled %25, %3F and %23";
  throw new RpcError(Code.InvalidArgument, `"${url.href}" names no Unix socket, ${expected}`);
}

/** The host without the brackets of an IPv6 address, and the port. @throws RpcError when there is no port, or no such host can be. */
export function hostAndPort(url: URL, defaultPort?: number): { readonly host: string; readonly port: number } {
  if (url.port === "" && defaultPort === undefined) {
    throw new RpcError(Code.InvalidArgument, `"${shown(url)}" has no port, expected one (0 lets the system choose)`);
  }
  const port = url.port === "" ? (defaultPort ?? 0) : Number(url.port);
  try {
    // Only of schemes that the platform knows it spells hosts as the DNS has them.
    return { host: new URL(`ws://${url.host}`).hostname.replace(/^\[(.*)\]$/, "$1"), port };
  } catch {
    throw new RpcError(Code.InvalidArgument, `"${shown(url)}" has a host that can't be`);
  }
}
