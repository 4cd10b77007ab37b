// SPDX-License-Identifier: Apache-2.0
// Runs one case against one server, and says in one line how it went.

import type { InteropCase } from "./cases/table.js";
import { within } from "./checks.js";
import { Peer, type PeerOptions, Skipped } from "./peer.js";

/** How a case went. */
export interface Outcome {
  readonly verdict: "PASS" | "FAIL" | "SKIP";
  /** For FAIL and SKIP. */
  readonly why: string;
}

/** The longest that any case may take: the largest moves 600 MB. */
const CASE_TIMEOUT_MS = 60_000;

/** Never rejects. What the case opened is closed when it resolves. */
export async function runCase(run: InteropCase, options: PeerOptions): Promise<Outcome> {
  const peer = new Peer(options);
  try {
    await within(CASE_TIMEOUT_MS, "the end of the case", run(peer));
    return { verdict: "PASS", why: "" };
  } catch (error) {
    return { verdict: error instanceof Skipped ? "SKIP" : "FAIL", why: onOneLine(error) };
  } finally {
    await peer.close();
  }
}

/** `PASS name`, `FAIL name: why` or `SKIP name: why`. */
export function lineOf(name: string, { verdict, why }: Outcome): string {
  return verdict === "PASS" ? `PASS ${name}` : `${verdict} ${name}: ${why}`;
}

function onOneLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"');
}
