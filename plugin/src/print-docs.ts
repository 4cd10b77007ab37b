// SPDX-License-Identifier: Apache-2.0
// Comments of the generated file: `/** … */` above declarations, `// …` for what stands free.
import { type Code, code, joinCode } from "ts-poet";
import type { Comments } from "./comments.js";
import type { MethodModel, ServiceModel } from "./model.js";

/** Longest line of a documentation block that stays on one line, marks included: what fits beside another file. */
const MAX_LINE = 120;

const FRAME_NAMES: Record<MethodModel["interaction"], string> = {
  request_response: "REQUEST_RESPONSE",
  request_stream: "REQUEST_STREAM",
  request_channel: "REQUEST_CHANNEL",
  fire_and_forget: "REQUEST_FNF",
};

/** A documentation block without a line break behind it; `lines` holds no comment marks. */
export function printDoc(lines: readonly string[], indent = ""): Code {
  const safe = lines.map((line) => line.replaceAll("*/", "*\\/"));
  if (safe.length === 1 && fitsOnOneLine(safe[0] ?? "", indent)) return code`${indent}/** ${safe[0]} */`;
  return code`${indent}/**\n${safe.map((line) => `${indent} * ${line}`.trimEnd()).join("\n")}\n${indent} */`;
}

/** Comments that stand apart, each followed by an empty line. */
export function printDetached(blocks: readonly (readonly string[])[]): Code {
  return joinCode(
    blocks.map((lines) => code`${lines.map((line) => `// ${line}`.trimEnd()).join("\n")}\n\n`),
    { trim: false },
  );
}

/** Comments of the whole file: what stood apart and what stood above. */
export function printFileComments({ detached, attached }: Comments): Code {
  return printDetached(attached.length === 0 ? detached : [...detached, attached]);
}

/** The doc of a method's constant: the user's words, and where it comes from. */
export function printConstantDoc(method: MethodModel): Code {
  const origin = `@generated from rpc ${method.fullName} (${FRAME_NAMES[method.interaction]})`;
  const { attached } = method.comments;
  const oneLine = [...attached, origin].join("  ");
  if (attached.length <= 1 && !method.deprecated && fitsOnOneLine(oneLine)) return printDoc([oneLine]);
  return printDoc([...withGap(attached), origin, ...deprecation(method)]);
}

/** The doc of a method in an interface, with what the caller should know besides; nothing when there is nothing to say. */
export function printMemberDoc(method: MethodModel, hint: string | undefined): Code {
  const lines = [...method.comments.attached];
  if (hint !== undefined) lines.push(...(lines.length > 0 ? [""] : []), hint);
  if (method.deprecated) lines.push(...(lines.length > 0 ? [""] : []), ...deprecation(method));
  return lines.length === 0 ? code`` : code`${printDoc(lines, "  ")}\n`;
}

/** The doc of an interface: its purpose, then the user's words about the service. */
export function printInterfaceDoc(service: ServiceModel, purpose: string): Code {
  const { attached } = service.comments;
  return printPurposeDoc(service, attached.length === 0 ? [purpose] : [purpose, "", ...attached]);
}

/** The doc of something else that is declared for a service. */
export function printPurposeDoc(service: ServiceModel, lines: readonly string[]): Code {
  return printDoc(service.deprecated ? [...lines, "", ...deprecation(service)] : lines);
}

function fitsOnOneLine(line: string, indent = ""): boolean {
  return `${indent}/** ${line} */`.length <= MAX_LINE;
}

function withGap(lines: readonly string[]): readonly string[] {
  return lines.length === 0 ? [] : [...lines, ""];
}

function deprecation({ deprecated }: { readonly deprecated: boolean }): readonly string[] {
  return deprecated ? ["@deprecated"] : [];
}
