// SPDX-License-Identifier: Apache-2.0
// Origins of pages as platforms write them (RFC 6454 §6.1).

/** What platforms say of pages without one, such as sandboxed frames, and of URLs whose scheme they don't know. */
const OPAQUE = "null";

/** @throws TypeError for what a page of the web can't have, such as `*` or a URL with a path. */
export function checkOrigin(origin: unknown): void {
  if (typeof origin !== "string" || !URL.canParse(origin) || new URL(origin).origin !== origin) throw noOrigin(origin);
}

/** The same, but for pages without an origin, and those of apps and extensions: `app://localhost`. @throws TypeError */
export function checkAnyOrigin(origin: unknown): void {
  if (origin === OPAQUE) return;
  if (typeof origin === "string" && URL.canParse(origin)) {
    const { protocol, host, origin: known } = new URL(origin);
    if (known === OPAQUE && host !== "" && `${protocol}//${host}` === origin) return;
  }
  checkOrigin(origin);
}

function noOrigin(origin: unknown): TypeError {
  const text = JSON.stringify(origin) ?? String(origin);
  return new TypeError(`${text} is no origin, expected scheme, host and port alone, e.g. https://app.example.com`);
}
