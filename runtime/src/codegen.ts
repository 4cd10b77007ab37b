// SPDX-License-Identifier: Apache-2.0
// `rsocket-rpc/codegen`: what generated files import, and nobody else. Versioned by generation.

import type { DescMessage, MessageInitShape } from "@bufbuild/protobuf";

export {
  keepUnknownValue,
  noBytes,
  noEntries,
  type ReadFields,
  readEntry,
  readGroup,
  readMessage,
  readPacked,
  readUnknown,
  readWrapped,
} from "./codec/read-fields.js";
export {
  readBool,
  readBytes,
  readBytesView,
  readDouble,
  readFixed32,
  readFixed64,
  readFloat,
  readInt32,
  readInt64,
  readLooseString,
  readSfixed32,
  readSfixed64,
  readSint32,
  readSint64,
  readString,
  readUint32,
  readUint64,
} from "./codec/read-scalars.js";
export { type MessageReader, readTag } from "./codec/reader.js";
export { readJson, writeJson } from "./codec/struct.js";
export {
  caseOf,
  type Fields,
  hasBytes,
  isExact,
  isSet,
  own,
  unset,
  type WriteFields,
  writeGroup,
  writeList,
  writeMap,
  writeMessage,
  writePacked,
  writeUnknown,
} from "./codec/write-fields.js";
export {
  writeBoolKey,
  writeFixed32Key,
  writeInt32Key,
  writeSfixed32Key,
  writeSint32Key,
  writeUint32Key,
} from "./codec/write-keys.js";
export {
  writeBool,
  writeBytes,
  writeDouble,
  writeFixed32,
  writeFixed64,
  writeFloat,
  writeInt32,
  writeInt64,
  writeSfixed32,
  writeSfixed64,
  writeSint32,
  writeSint64,
  writeString,
  writeTag,
  writeUint32,
  writeUint64,
} from "./codec/write-scalars.js";
export { closeLength, type MessageWriter, openLength } from "./codec/writer.js";
export type { CallContext } from "./rpc/call-context.js";
export type { CallOptions } from "./rpc/call-options.js";
export {
  callBidi,
  callClientStream,
  callFireAndForget,
  callServerStream,
  callUnary,
} from "./rpc/calls.js";
export type { Channel, Source } from "./rpc/channel.js";
export { type ByteSink, type Codec, messageCodec } from "./rpc/codec.js";
export { generatedCodec } from "./rpc/generated-codec.js";
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
