// SPDX-License-Identifier: Apache-2.0
// The constants of a service: its name, and one PURE constant for each rpc, which a bundler drops when it is unused.
import { type Code, code, joinCode } from "ts-poet";
import { type Form, printConstantOf } from "./form.js";
import type { ImportedMessage, Imports } from "./imports.js";
import type { MethodModel, ServiceModel } from "./model.js";
import { printConstantDoc, printDetached, printPurposeDoc } from "./print-docs.js";

/** Marks a call as free of side effects, for bundlers. */
const PURE = "/*@__PURE__*/";

/** The name constant and the method constants. */
export function printMethods(service: ServiceModel, imports: Imports, form: Form): Code {
  const name = code`${printDetached(service.comments.detached)}${printPurposeDoc(service, ["The full name of the service."])}
${printConstantOf(form, { name: service.names.nameConstant, value: () => quote(service.typeName) })}`;
  if (service.methods.length === 0) return name;
  const constants = service.methods.map((method) => printConstant(method, service, imports, form));
  return code`${name}
${joinCode(constants, { trim: false })}`;
}

function printConstant(method: MethodModel, service: ServiceModel, imports: Imports, form: Form): Code {
  const { input, output } = method;
  const types = (): string =>
    [imports.shape(input), initShape(input, imports), imports.shape(output), initShape(output, imports)].join(", ");
  return code`${printDetached(method.comments.detached)}${printConstantDoc(method)}
${printConstantOf(form, {
  name: method.constant,
  type: () => `${imports.runtimeType("Method")}<${types()}>`,
  value: () => printDefinition(method, service, imports),
})}`;
}

function printDefinition(method: MethodModel, service: ServiceModel, imports: Imports): Code {
  const { name, kind, interaction, idempotency, input, output } = method;
  return code`${PURE} ${imports.runtimeValue("method")}({
  service: ${service.names.nameConstant}, name: ${quote(name)}, kind: ${quote(kind)}, interaction: ${quote(interaction)}, idempotency: ${quote(idempotency)},
  input: ${codec(input, imports)}, output: ${codec(output, imports)},
})`;
}

function codec(message: ImportedMessage, imports: Imports): Code {
  const generated = imports.codec(message);
  return generated === undefined
    ? code`${PURE} ${imports.runtimeValue("messageCodec")}(${imports.schema(message)})`
    : code`${generated}`;
}

/** What a caller may pass for a message: any subset of its fields. */
export function initShape(message: ImportedMessage, imports: Imports): string {
  return `${imports.runtimeType("Input")}<typeof ${imports.schemaType(message)}>`;
}

/** What tells one signature from another: the kind of the rpc, or that nothing is answered. */
export function callShape(method: MethodModel): MethodModel["kind"] | "fire_and_forget" {
  return method.interaction === "fire_and_forget" ? "fire_and_forget" : method.kind;
}

/** A method's name in an interface, where `new(…)` would be a constructor. */
export function signatureName({ member }: MethodModel): string {
  return member === "new" ? quote(member) : member;
}

/** Braces or brackets around lines; nothing between them when there are none. */
export function enclose(open: string, lines: readonly Code[], close: string): Code {
  return lines.length === 0
    ? code`${open}${close.trim()}`
    : code`${open}\n${joinCode([...lines], { trim: false })}${close}`;
}

function quote(text: string): string {
  return JSON.stringify(text);
}
