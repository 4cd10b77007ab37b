// SPDX-License-Identifier: Apache-2.0
// `rsocket-rpc/codegen`: what generated files import, and nobody else. Versioned by generation.

import type { DescMessage, MessageInitShape } from "@bufbuild/protobuf";

export type { CallContext } from "./rpc/call-context.js";
export type { CallOptions } from "./rpc/call-options.js";
export type { Channel } from "./rpc/channel.js";
export type { Source } from "./rpc/channel-output.js";
export {
  callBidi,
  callClientStream,
  callFireAndForget,
  callServerStream,
  callUnary,
} from "./rpc/client-calls.js";
export { type ByteSink, type Codec, messageCodec } from "./rpc/codec.js";
export { type Method, method } from "./rpc/method.js";
export {
  type BoundService,
  type HandlerEntry,
  handleBidi,
  handleClientStream,
  handleFireAndForget,
  handleServerStream,
  handleUnary,
  serviceHandler,
  unimplemented,
} from "./rpc/service.js";

/** What a caller may pass for a message: any subset of its fields. */
export type Input<D extends DescMessage> = MessageInitShape<D>;

/** Exists in every runtime that understands files of generation 1. */
export type Generation1 = 1;
