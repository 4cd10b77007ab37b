// SPDX-License-Identifier: Apache-2.0
// The client of a service: an interface with concrete signatures, and a function that makes one.
import { type Code, code } from "ts-poet";
import { type Form, printFunctionOf } from "./form.js";
import type { Imports, RuntimeValue } from "./imports.js";
import type { MethodModel, ServiceModel } from "./model.js";
import { printInterfaceDoc, printMemberDoc, printPurposeDoc } from "./print-docs.js";
import { callShape, enclose, initShape, signatureName } from "./print-methods.js";

const LEAVING_CANCELS = "Leaving the loop cancels the call.";

interface Call {
  readonly function: RuntimeValue;
  readonly argument: "request" | "requests";
  /** Promises are awaited in the generated function, so that it stands in the stack of an error. */
  readonly answersOnce: boolean;
  readonly hint: string | undefined;
}

const CALLS: Record<ReturnType<typeof callShape>, Call> = {
  unary: { function: "callUnary", argument: "request", answersOnce: true, hint: undefined },
  server_streaming: { function: "callServerStream", argument: "request", answersOnce: false, hint: LEAVING_CANCELS },
  client_streaming: { function: "callClientStream", argument: "requests", answersOnce: true, hint: undefined },
  bidi_streaming: { function: "callBidi", argument: "requests", answersOnce: false, hint: LEAVING_CANCELS },
  fire_and_forget: {
    function: "callFireAndForget",
    argument: "request",
    answersOnce: true,
    hint: "Resolves when the frame is handed to the transport.",
  },
};

/** The interface and its factory. */
export function printClient(service: ServiceModel, imports: Imports, form: Form): Code {
  const { clientInterface, createClient } = service.names;
  return code`${form.target === "js" ? "" : printInterface(service, imports)}${printPurposeDoc(service, [`A client of ${service.typeName} on a connection or a channel.`])}
${printFunctionOf(form, {
  name: createClient,
  parameter: service.methods.length === 0 ? "_channel" : "channel",
  parameterType: () => imports.runtimeType("Channel"),
  result: () => clientInterface,
  body: () => printBody(service, imports, form),
})}`;
}

function printInterface(service: ServiceModel, imports: Imports): Code {
  const signatures = service.methods.map((method) => printSignature(method, imports));
  return code`${printInterfaceDoc(service, `Calls ${service.typeName}.`)}
export interface ${service.names.clientInterface} ${enclose("{", signatures, "}")}

`;
}

function printBody(service: ServiceModel, imports: Imports, form: Form): Code {
  const calls = service.methods.map((method) => printCall(method, imports));
  if (calls.length > 0) calls.unshift(printTag(service.names.clientInterface, form));
  return code`  return ${enclose("{", calls, "  }")};
`;
}

/**
 * Without a tag V8 calls every object literal `Object` in a stack. The interface doesn't declare it: nobody who writes a
 * client of their own, for a test, should have to. So its key is any symbol to the compiler; spread into the literal it
 * would make each client 60 times slower to create.
 */
function printTag(name: string, { target }: Form): Code {
  const key = target === "ts" ? "Symbol.toStringTag as symbol" : "Symbol.toStringTag";
  return code`    [${key}]: ${JSON.stringify(name)}, // its name in stack traces
`;
}

function printSignature(method: MethodModel, imports: Imports): Code {
  const { argument, hint } = CALLS[callShape(method)];
  const request = initShape(method.input, imports);
  const type = argument === "requests" ? `${imports.runtimeType("Source")}<${request}>` : request;
  return code`${printMemberDoc(method, hint)}  ${signatureName(method)}(${argument}: ${type}, options?: ${imports.runtimeType("CallOptions")}): ${answerType(method, imports)};
`;
}

function answerType(method: MethodModel, imports: Imports): string {
  if (method.interaction === "fire_and_forget") return "Promise<void>";
  const answer = imports.shape(method.output);
  return CALLS[callShape(method)].answersOnce ? `Promise<${answer}>` : `AsyncIterable<${answer}>`;
}

function printCall(method: MethodModel, imports: Imports): Code {
  const { function: call, argument, answersOnce } = CALLS[callShape(method)];
  const [async, awaited] = answersOnce ? ["async ", "await "] : ["", ""];
  return code`    ${async}${method.member}(${argument}, options) { return ${awaited}${imports.runtimeValue(call)}(channel, ${method.constant}, ${argument}, options); },
`;
}
