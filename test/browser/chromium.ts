// SPDX-License-Identifier: Apache-2.0
// The browser of this machine, if it has one.

import { existsSync } from "node:fs";
import { type Browser, chromium } from "playwright-core";

const PLACES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** No sandbox, since CI is root in a container, and nothing that a browser does by itself on the network. */
const ARGUMENTS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Where the browser is: CHROMIUM_PATH or one of the places of Linux distributions. */
export function findChromium(): string | undefined {
  const named = process.env["CHROMIUM_PATH"];
  return [...(named === undefined ? [] : [named]), ...PLACES].find((path) => existsSync(path));
}

/** Starts it without a window. */
export function launchChromium(executablePath: string): Promise<Browser> {
  return chromium.launch({ executablePath, args: ARGUMENTS });
}

/**
 * In a `before` hook: the path of the browser, or else the suite is skipped, and says so. In CI there must be one.
 * @throws Error when there is none in CI.
 */
export function chromiumOrSkip(suite: Mocha.Context): string {
  const path = findChromium();
  if (path !== undefined) return path;
  const what = `no browser at ${PLACES.join(", ")} and CHROMIUM_PATH isn't set`;
  if (process.env["CI"] !== undefined) throw new Error(`${what}: the browser's tests must run in CI`);
  console.log(`\n  !!! SKIPPED: the tests in a real browser: ${what}\n`);
  return suite.skip();
}
