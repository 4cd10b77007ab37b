// SPDX-License-Identifier: Apache-2.0
// One model, three languages: how constants and functions are declared in TypeScript, in JavaScript and in declarations.
import { type Code, code } from "ts-poet";
import type { Target } from "./options.js";

/** The language of one generated file. */
export interface Form {
  readonly target: Target;
  /** JavaScript that is loaded by `require`. */
  readonly commonjs: boolean;
}

/** A constant; what its form doesn't show is not asked for, so that it isn't imported. */
export interface Constant {
  readonly name: string;
  /** Absent for a literal, whose value says it all. */
  readonly type?: () => string;
  readonly value: () => Code | string;
}

/** A function of one parameter. */
export interface Declaration {
  readonly name: string;
  readonly parameter: string;
  readonly parameterType: () => string;
  readonly result: () => string;
  readonly body: () => Code;
}

/** `export const …` and a line break. */
export function printConstantOf({ target, commonjs }: Form, { name, type, value }: Constant): Code {
  if (target === "dts")
    return type === undefined
      ? code`export declare const ${name} = ${value()};\n`
      : code`export declare const ${name}: ${type()};\n`;
  const typed = target === "ts" && type !== undefined ? `${name}: ${type()}` : name;
  return commonjs
    ? code`const ${typed} = ${value()};\nexports.${name} = ${name};\n`
    : code`export const ${typed} = ${value()};\n`;
}

/** `export function …` and a line break. */
export function printFunctionOf(
  { target, commonjs }: Form,
  { name, parameter, parameterType, result, body }: Declaration,
): Code {
  if (target === "dts") return code`export declare function ${name}(${parameter}: ${parameterType()}): ${result()};\n`;
  const signature =
    target === "ts" ? `${name}(${parameter}: ${parameterType()}): ${result()}` : `${name}(${parameter})`;
  const text = code`function ${signature} {\n${body()}}\n`;
  return commonjs ? code`${text}exports.${name} = ${name};\n` : code`export ${text}`;
}
