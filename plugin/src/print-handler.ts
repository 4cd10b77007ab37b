// SPDX-License-Identifier: Apache-2.0
// The serving side of a service: an interface to implement, the function that binds it, and an implementation of nothing.
import { type Code, code, joinCode } from "ts-poet";
import type { Imports, RuntimeValue } from "./imports.js";
import type { MethodModel, ServiceModel } from "./model.js";
import { printDoc, printMemberDoc, printServiceDoc } from "./print-docs.js";
import { callShape, initShape } from "./print-methods.js";

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
  const isEmpty = service.methods.length === 0;
  const members = service.methods.map(({ member }) => `${member}: ${imports.runtimeValue("unimplemented")}`).join(", ");
  const bindings = service.methods.map((method) => printBinding(method, imports));
  return code`${printServiceDoc(service, `Serves ${service.typeName}.`)}
export interface ${handlerInterface} {
${joinCode(service.methods.map((method) => printSignature(method, imports)), { trim: false })}}

${printDoc(["Answers every call with the code `unimplemented`: spread it into a handler that serves only a part."])}
export const ${unimplemented}: ${handlerInterface} = {${isEmpty ? "" : ` ${members} `}};

${printDoc(["Binds a handler to the service: pass it to `serve` or, for calls from the server, to `connect`."])}
export function ${implement}(${isEmpty ? "_handler" : "handler"}: ${handlerInterface}): ${imports.runtimeType("BoundService")} {
  return ${imports.runtimeValue("serviceHandler")}(${nameConstant}, [${isEmpty ? "" : code`\n${joinCode(bindings, { trim: false })}  `}]);
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
