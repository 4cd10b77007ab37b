// SPDX-License-Identifier: Apache-2.0
// Finds out which field made a message unwritable. Nothing is noted while messages are written: when one is refused it is
// written once more, from stand-ins that note what they are asked for. What was asked for last is what was refused.

import { kindOfObject } from "./faults.js";
import type { WriteFields } from "./write-fields.js";
import { MessageWriter } from "./writer.js";

/** The path of the field in `message` for which `write` throws: `.lines[3].price`; "" when that can't be told. */
export function pathOfFault(message: unknown, write: WriteFields): string {
  let path = "";
  const standIn = (value: unknown, parent: string): unknown => {
    if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return value;
    const isList = Array.isArray(value);
    // A copy, not the object itself: of one that is frozen a proxy may tell nothing but the truth.
    return new Proxy(
      isList ? [...(value as unknown[])] : { __proto__: Object.getPrototypeOf(value) as unknown, ...value },
      {
        get(_, key) {
          // What kind of object it is that stands there.
          if (key === Symbol.toStringTag) {
            path = parent;
            return kindOfObject(value);
          }
          const child = Reflect.get(value, key) as unknown;
          // What words and conversions ask an object for they want of the object itself.
          if (typeof key === "symbol" || (/^(constructor|toString|valueOf)$/.test(key) && !Object.hasOwn(value, key))) {
            return typeof child === "function" ? child.bind(value) : child;
          }
          if (key === "$typeName" || (isList && key === "length")) return child;
          const step =
            isList || !/^[A-Za-z_$][\w$]*$/.test(key) ? `[${isList ? key : JSON.stringify(key)}]` : `.${key}`;
          path = parent + step;
          return standIn(child, path);
        },
      },
    );
  };
  try {
    write(new MessageWriter(), standIn(message, ""), false);
  } catch {
    return path;
  }
  return "";
}
