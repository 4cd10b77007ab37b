// SPDX-License-Identifier: Apache-2.0
// Finds out which field made a message unwritable. Nothing is noted while messages are written: when one is refused it is
// written once more, from stand-ins that note what they are asked for. What was asked for last is what was refused.

import type { WriteFields } from "./write-fields.js";
import { MessageWriter } from "./writer.js";

/** The path of the field in `message` for which `write` throws: `lines[3].price`; "" when that can't be told. */
export function pathOfFault(message: unknown, write: WriteFields): string {
  const trail = { path: "" };
  try {
    write(new MessageWriter(), standIn(message, "", trail), false);
  } catch {
    return trail.path;
  }
  return "";
}

interface Trail {
  path: string;
}

function standIn(value: unknown, path: string, trail: Trail): unknown {
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return value;
  // Not the object itself: of one that is frozen a proxy may tell nothing but the truth.
  return new Proxy(Array.isArray(value) ? [] : {}, {
    get(_, key) {
      const child = Reflect.get(value, key) as unknown;
      if (isConversion(value, key)) return typeof child === "function" ? child.bind(value) : child;
      const isField = typeof key === "string" && key !== "$typeName" && !(key === "length" && Array.isArray(value));
      if (!isField) return child;
      trail.path = pathOf(path, key, Array.isArray(value));
      return standIn(child, trail.path, trail);
    },
    ownKeys: () => Object.keys(value),
    getOwnPropertyDescriptor: (_, key) => {
      const descriptor = Reflect.getOwnPropertyDescriptor(value, key);
      return descriptor && { ...descriptor, configurable: true };
    },
    getPrototypeOf: () => Object.getPrototypeOf(value) as object | null,
  });
}

// What String() and Number() ask an object for; they want it of the object itself.
function isConversion(value: object, key: string | symbol): boolean {
  return key === Symbol.toPrimitive || ((key === "toString" || key === "valueOf") && !Object.hasOwn(value, key));
}

function pathOf(parent: string, key: string, isItem: boolean): string {
  if (isItem) return `${parent}[${key}]`;
  const name = /^[A-Za-z_$][\w$]*$/.test(key) ? key : undefined;
  if (name === undefined) return `${parent}[${JSON.stringify(key)}]`;
  return parent === "" ? name : `${parent}.${name}`;
}
