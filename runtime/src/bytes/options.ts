// SPDX-License-Identifier: Apache-2.0
// Options as programs give them. JavaScript and files of settings may say anything: a misspelt `accept` would let everybody in.

/**
 * What each option may be: kinds joined by `|`, as `typeof` names them, or `list`, or `bytes`. Empty where its value is
 * checked elsewhere.
 */
export type Kinds = Readonly<Record<string, string>>;

/**
 * Refuses options that don't exist, and values that can't be meant; undefined is as good as left out. `prefix` is where
 * they stand, such as `resume.`.
 * @throws RangeError naming the option, its value and what was expected.
 */
export function checkOptions(options: unknown, known: Kinds, prefix = ""): void {
  // A function may have been given properties, but is a slip more often.
  checkOption(prefix.slice(0, -1) || "the options argument", options, "object", true);
  // With what is inherited: that is read, too, and a signal in the place of options has nothing else.
  for (const name in options as object) {
    if (!Object.hasOwn(known, name)) {
      // Of every object, by a script of another age.
      if (!Object.hasOwn(options as object, name) && Object.hasOwn(Object.prototype, name)) continue;
      throw unknownName(`option ${prefix}${name}`, known);
    }
    checkOption(prefix + name, (options as Readonly<Record<string, unknown>>)[name], known[name]);
  }
}

/** The error for a name that isn't among those of `known`. */
export function unknownName(what: string, known: object): RangeError {
  return new RangeError(`${what} is unknown, expected one of ${Object.keys(known).join(", ")}`);
}

/** The values of those in `known`. A mere `{ ...options }` leaves behind what is inherited, such as the getters of a class. */
export function readOptions<T extends object>(options: T, known: Kinds): T {
  const read: Record<string, unknown> = {};
  for (const name in known) {
    if (!Object.hasOwn(known, name)) continue;
    const value = (options as Readonly<Record<string, unknown>>)[name];
    if (value !== undefined) read[name] = value;
  }
  return read as T;
}

/** One of them. `isNeeded`: it can't be left out. @throws RangeError naming it, its value and what was expected. */
export function checkOption(name: string, value: unknown, kinds = "", isNeeded = false): void {
  if ((value === undefined && !isNeeded) || kinds === "") return;
  const kind = kindOf(value);
  if (kind === kinds || kinds.split("|").includes(kind)) return;
  // Elsewhere it may be a secret, in its own place or in another's, and would come into logs.
  const isShown = /number|boolean/.test(kinds) && /^(string|number|boolean)$/.test(kind);
  const shown = isShown ? JSON.stringify(value) : named(kind);
  throw new RangeError(`${name} is ${shown}, expected ${kinds.split("|").map(named).join(" or ")}`);
}

function named(kind: string): string {
  if (kind === "null" || kind === "undefined" || kind === "bytes") return kind;
  return `${kind === "object" ? "an" : "a"} ${kind}`;
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "list";
  // Realms of test runners have a Uint8Array each.
  return ArrayBuffer.isView(value) && (value as Uint8Array).BYTES_PER_ELEMENT === 1 ? "bytes" : typeof value;
}
