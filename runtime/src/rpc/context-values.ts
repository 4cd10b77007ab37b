// SPDX-License-Identifier: Apache-2.0
// Typed values that interceptors, `accept` and handlers hand to each other along a call.

/** A name for a value of type T, with what `get` gives while nothing is set. */
export interface ContextKey<T> {
  readonly name: string;
  readonly defaultValue: T;
}

/**
 * A key for `values.get` and `values.set`; two keys are different even with the same name.
 * @example
 * const user = createContextKey("user", "anonymous");
 */
export function createContextKey<T>(name: string, defaultValue: T): ContextKey<T> {
  return { name, defaultValue };
}

/** Values by key. Those of a call begin as the connection's; what a call sets, other calls don't see. */
export class ContextValues {
  readonly #parent: ContextValues | undefined;
  #values: Map<ContextKey<unknown>, unknown> | undefined;

  constructor(parent?: ContextValues) {
    this.#parent = parent;
  }

  /** The value of `key`, from here or from the connection, else its default. */
  get<T>(key: ContextKey<T>): T {
    if (this.#values?.has(key) === true) return this.#values.get(key) as T;
    return this.#parent === undefined ? key.defaultValue : this.#parent.get(key);
  }

  /** Sets the value of `key` here. */
  set<T>(key: ContextKey<T>, value: T): this {
    this.#values ??= new Map();
    this.#values.set(key, value);
    return this;
  }
}
