// SPDX-License-Identifier: Apache-2.0
// The serving side of a service: an interface to implement, the function that binds it, and an implementation of nothing.
import { type Code, code } from "ts-poet";
import type { Imports, RuntimeValue } from "./imports.js";
import type { MethodModel, ServiceModel } from "./model.js";
import { printInterfaceDoc, printMemberDoc, printPurposeDoc } from "./print-docs.js";
import { callShape, enclose, initShape } from "./print-methods.js";

interface Handling {
  readonly function: RuntimeValue;
  readonly argument: "request" | "requests";
}

const HANDLINGS: Record<ReturnType<typeof callShape>, Handling> = {
  unary: { function: "handleUnary", argument: "request" },
  server_streaming: { function: "handleServerStream", argument: "request" },
  client_streaming: { function: "handleClientStream", argument: "requests" },
  bidi_streaming: { function: "handleBidi", argument: "requests" },
  fire_and_forget: { function: "handleFireAndForget", argument: "request" },
};

/** The interface, the implementation of nothing and the binding. */
export function printHandler(service: ServiceModel, imports: Imports): Code {
  const { handlerInterface, implement, nameConstant, unimplemented } = service.names;
  const handler = service.methods.length === 0 ? "_handler" : "handler";
  const signatures = service.methods.map((method) => printSignature(method, imports));
  const members = service.methods.map(({ member }) => `${member}: ${imports.runtimeValue("unimplemented")}`);
  const bindings = service.methods.map((method) => printBinding(method, imports));
  return code`${printInterfaceDoc(service, `Serves ${service.typeName}.`)}
export interface ${handlerInterface} ${enclose("{", signatures, "}")}

${printPurposeDoc(service, ["Answers every call with the code `unimplemented`: spread it into a handler that serves only a part."])}
export const ${unimplemented}: ${handlerInterface} = ${members.length === 0 ? "{}" : `{ ${members.join(", ")} }`};

${printPurposeDoc(service, ["Binds a handler to the service: pass it to `serve` or, for calls from the server, to `connect`."])}
export function ${implement}(${handler}: ${handlerInterface}): ${imports.runtimeType("BoundService")} {
  return ${imports.runtimeValue("serviceHandler")}(${nameConstant}, ${enclose("[", bindings, "  ]")});
}
`;
}

function printSignature(method: MethodModel, imports: Imports): Code {
  const { argument } = HANDLINGS[callShape(method)];
  const request = imports.shape(method.input);
  const type = argument === "requests" ? `AsyncIterable<${request}>` : request;
  return code`${printMemberDoc(method, undefined)}  ${method.member}(${argument}: ${type}, context: ${imports.runtimeType("CallContext")}): ${answerType(method, imports)};
`;
}

function answerType(method: MethodModel, imports: Imports): string {
  if (method.interaction === "fire_and_forget") return "void | Promise<void>";
  const answer = initShape(method.output, imports);
  const isStream = method.kind === "server_streaming" || method.kind === "bidi_streaming";
  return isStream ? `${imports.runtimeType("Source")}<${answer}>` : `${answer} | Promise<${answer}>`;
}

function printBinding(method: MethodModel, imports: Imports): Code {
  const { function: handle, argument } = HANDLINGS[callShape(method)];
  return code`    ${imports.runtimeValue(handle)}(${method.constant}, (${argument}, context) => handler.${method.member}(${argument}, context)),
`;
}
