// SPDX-License-Identifier: Apache-2.0
// The serving side of a service: an interface to implement, the function that binds it, and an implementation of nothing.
import { type Code, code } from "ts-poet";
import { type Form, printConstantOf, printFunctionOf } from "./form.js";
import type { Imports, RuntimeValue } from "./imports.js";
import type { MethodModel, ServiceModel } from "./model.js";
import { printInterfaceDoc, printMemberDoc, printPurposeDoc } from "./print-docs.js";
import { callShape, enclose, initShape, signatureName } from "./print-methods.js";

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
export function printHandler(service: ServiceModel, imports: Imports, form: Form): Code {
  const { handlerInterface, implement, unimplemented } = service.names;
  const nothing = { name: unimplemented, type: () => handlerInterface, value: () => printNothing(service, imports) };
  const binding = {
    name: implement,
    parameter: service.methods.length === 0 ? "_handler" : "handler",
    parameterType: () => handlerInterface,
    result: () => imports.runtimeType("BoundService"),
    body: () => printBody(service, imports),
  };
  return code`${form.target === "js" ? "" : printInterface(service, imports)}${printPurposeDoc(service, ["Answers every call with the code `unimplemented`: spread it into a handler that serves only a part."])}
${printConstantOf(form, nothing)}
${printPurposeDoc(service, ["Binds a handler to the service: pass it to `serve` or, for calls from the server, to `connect`."])}
${printFunctionOf(form, binding)}`;
}

function printInterface(service: ServiceModel, imports: Imports): Code {
  const signatures = service.methods.map((method) => printSignature(method, imports));
  return code`${printInterfaceDoc(service, `Serves ${service.typeName}.`)}
export interface ${service.names.handlerInterface} ${enclose("{", signatures, "}")}

`;
}

function printNothing(service: ServiceModel, imports: Imports): string {
  const members = service.methods.map(({ member }) => `${member}: ${imports.runtimeValue("unimplemented")}`);
  return members.length === 0 ? "{}" : `{ ${members.join(", ")} }`;
}

function printBody(service: ServiceModel, imports: Imports): Code {
  const bindings = service.methods.map((method) => printBinding(method, imports));
  return code`  return ${imports.runtimeValue("serviceHandler")}(${service.names.nameConstant}, ${enclose("[", bindings, "  ]")});
`;
}

function printSignature(method: MethodModel, imports: Imports): Code {
  const { argument } = HANDLINGS[callShape(method)];
  const request = imports.shape(method.input);
  const type = argument === "requests" ? `AsyncIterable<${request}>` : request;
  return code`${printMemberDoc(method, undefined)}  ${signatureName(method)}(${argument}: ${type}, context: ${imports.runtimeType("CallContext")}): ${answerType(method, imports)};
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
