// SPDX-License-Identifier: Apache-2.0
// Comparing secrets so that the time it takes says nothing of them.

import { createHash, timingSafeEqual } from "node:crypto";

/**
 * Whether two secrets are the same. How long it takes depends on neither: SHA-256 of both is compared in constant time.
 * @example
 * const simple = (username: string, password: string) =>
 *   username === "ann" && secretsEqual(password, storedPassword) ? "ann" : undefined;
 */
export function secretsEqual(first: string, second: string): boolean {
  return timingSafeEqual(digestOf(first), digestOf(second));
}

/**
 * Says whose token it is. An intersection, since TypeScript puts generic functions off that return a mere function: the
 * `identity` of `authorize` beside one would be unknown.
 */
export type TokenTable<T> = ((token: string) => T | undefined) & { readonly name: string };

/**
 * A function that says whose token it is, by a table of them. Each token is compared with all, in constant time each.
 * @param owners owners by token
 * @throws RangeError for an empty token, as a variable that isn't set leaves it; TypeError for what is no Map.
 * @example
 * const auth = authenticate({ bearer: tokenTable(new Map([[process.env.TOKEN ?? "", "ann"]])) });
 */
export function tokenTable<T>(owners: ReadonlyMap<string, T>): TokenTable<T> {
  if (typeof owners?.entries !== "function" || Array.isArray(owners)) {
    throw new TypeError("tokenTable got no Map, expected one with the owner of each token");
  }
  const table = [...owners].map(([token, owner]) => {
    // An empty token is what is left of a variable that isn't set.
    if (token === "") throw new RangeError("a token is empty, expected a secret");
    return { digest: digestOf(token), owner };
  });
  return (token) => {
    const digest = digestOf(token);
    let found: T | undefined;
    for (const { digest: known, owner } of table) if (timingSafeEqual(known, digest)) found = owner;
    return found;
  };
}

function digestOf(secret: string): Uint8Array {
  return createHash("sha256").update(secret, "utf8").digest();
}
