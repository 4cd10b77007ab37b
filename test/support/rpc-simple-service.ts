// SPDX-License-Identifier: Apache-2.0
// The services that rsocket-rpc-js was captured with, without generated code: methods by hand, one tiny codec.

import { Code, RpcError } from "rsocket-rpc";
import {
  type BoundService,
  type ByteSink,
  type Codec,
  handleBidi,
  handleClientStream,
  handleFireAndForget,
  handleServerStream,
  handleUnary,
  type Method,
  method,
  type Source,
  serviceHandler,
} from "rsocket-rpc/codegen";

/** A message with one string, field 1. */
export interface Text {
  readonly text: string;
}

/** `message Text { string text = 1; }` */
export const TEXT: Codec<Text> = {
  typeName: "io.rsocket.rpc.SimpleRequest",
  encode({ text }: Text, sink: ByteSink): void {
    const bytes = new TextEncoder().encode(text);
    if (bytes.length > 127) throw new RangeError(`${bytes.length} bytes, expected at most 127`);
    sink.push(bytes.length === 0 ? bytes : Uint8Array.of(0x0a, bytes.length, ...bytes));
  },
  decode(bytes: Uint8Array): Text {
    if (bytes.length === 0) return { text: "" };
    if (bytes[0] !== 0x0a || bytes[1] !== bytes.length - 2) throw new RangeError("no message with one string");
    return { text: new TextDecoder().decode(bytes.subarray(2)) };
  },
};

/** `google.protobuf.Empty` */
export const EMPTY: Codec<object> = {
  typeName: "google.protobuf.Empty",
  encode(_value: object, sink: ByteSink): void {
    sink.push(new Uint8Array(0));
  },
  decode: () => ({}),
};

type TextMethod = Method<Text, Text, Text, Text>;

const SIMPLE = "io.rsocket.rpc.SimpleService";
const SHAPES = "peer.shapes.Shapes";

function define(
  service: string,
  name: string,
  kind: TextMethod["kind"],
  interaction: TextMethod["interaction"],
): TextMethod {
  return method({ service, name, kind, interaction, idempotency: "unknown", input: TEXT, output: TEXT });
}

/** io.rsocket.rpc.SimpleService */
export const RequestReply: TextMethod = define(SIMPLE, "RequestReply", "unary", "request_response");
export const FireAndForget: TextMethod = define(SIMPLE, "FireAndForget", "unary", "fire_and_forget");
export const RequestStream: TextMethod = define(SIMPLE, "RequestStream", "server_streaming", "request_stream");
export const SingleResponse: TextMethod = define(
  SIMPLE,
  "StreamingRequestSingleResponse",
  "client_streaming",
  "request_channel",
);
export const RequestAndResponse: TextMethod = define(
  SIMPLE,
  "StreamingRequestAndResponse",
  "bidi_streaming",
  "request_channel",
);

/** peer.shapes.Shapes */
export const SnakeCase: TextMethod = define(SHAPES, "snake_case_name", "unary", "request_response");
export const FnfOnServerStream: TextMethod = define(SHAPES, "FnfOnServerStream", "server_streaming", "request_stream");
export const UnaryEmptyResponse: Method<Text, Text, object, object> = method({
  ...define(SHAPES, "UnaryEmptyResponse", "unary", "request_response"),
  output: EMPTY,
});
export const UnaryEmptyRequest: Method<object, object, Text, Text> = method({
  ...define(SHAPES, "UnaryEmptyRequest", "unary", "request_response"),
  input: EMPTY,
});
export const FnfOnClientStream: Method<Text, Text, object, object> = method({
  ...define(SHAPES, "FnfOnClientStream", "client_streaming", "request_channel"),
  output: EMPTY,
});

/** Methods that the services don't have. */
export const NoSuchMethod: TextMethod = define(SIMPLE, "Nope", "unary", "request_response");
export const NoSuchService: TextMethod = define("no.Such", "X", "unary", "request_response");
/** peer.shapes.Second */
export const Ping: TextMethod = define("peer.shapes.Second", "Ping", "unary", "request_response");

/** What the handlers were called with, in order. */
export type Log = string[];

/** The services as they behaved when they were captured. */
export function simpleServices(log: Log = []): BoundService[] {
  const echo = ({ text }: Text): Text => ({ text: `echo:${text}` });
  return [
    serviceHandler(SIMPLE, [
      handleUnary(RequestReply, ({ text }, context) => {
        log.push(`RequestReply ${text} user=${hexOf(context.rawMetadata)} trace=${[...context.tracing]}`);
        if (text === "throw") throw new RpcError(Code.Unknown, "handler threw: boom");
        if (text.startsWith("reject:")) throw new RpcError(Code.Unknown, text.slice(7));
        if (text !== "never") return { text: `echo:${text}` };
        return new Promise((_resolve, reject) =>
          context.signal.addEventListener("abort", () => reject(context.signal.reason)),
        );
      }),
      handleFireAndForget(FireAndForget, ({ text }) => void log.push(`FireAndForget ${text}`)),
      handleServerStream(RequestStream, ({ text }) => {
        if (text === "throw") throw new RpcError(Code.Unknown, "stream threw: boom");
        return items(text);
      }),
      handleClientStream(SingleResponse, async (requests) => {
        const texts: string[] = [];
        for await (const { text } of requests) texts.push(text);
        return { text: `got ${texts.length}: ${texts}` };
      }),
      handleBidi(RequestAndResponse, async function* (requests) {
        for await (const request of requests) {
          if (request.text === "throw") throw new RpcError(Code.Unknown, "mapper threw");
          yield echo(request);
        }
      }),
    ]),
    serviceHandler(SHAPES, [
      handleUnary(UnaryEmptyResponse, () => ({})),
      handleUnary(UnaryEmptyRequest, () => ({ text: "from empty" })),
      handleUnary(SnakeCase, echo),
      handleServerStream(FnfOnServerStream, ({ text }) => items(text)),
      handleClientStream(FnfOnClientStream, async (requests) => {
        for await (const _request of requests);
        return {};
      }),
    ]),
    serviceHandler(Ping.service, [handleUnary(Ping, echo)]),
  ];
}

function* items(text: string): Generator<Text> {
  const [what, count] = text.split(":");
  for (let i = 0; i < Number(count); i++) yield { text: `${text}#${i}` };
  if (what === "fail") throw new RpcError(Code.Unknown, `stream failed after ${count}`);
}

/** Texts as messages, asked for one by one; what was asked for is `taken`. */
export function* messages(...texts: readonly string[]): Generator<Text, undefined> {
  for (const text of texts) yield { text };
}

/** A source of texts that fails. */
export function* failing(texts: readonly string[], message: string): Generator<Text, undefined> {
  yield* messages(...texts);
  throw new RpcError(Code.Unknown, message);
}

function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export type { Source };
