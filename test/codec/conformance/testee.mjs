// SPDX-License-Identifier: Apache-2.0
// What the test runner of protobuf talks to: it sends requests over stdin, each behind its length, and reads answers from
// stdout. Messages go through the generated codecs, or, with the argument `reflect`, through protobuf-es alone; JSON is
// protobuf-es's in both cases.

import { readSync, writeSync } from "node:fs";
import { create, createRegistry, fromBinary, fromJsonString, toBinary, toJsonString } from "@bufbuild/protobuf";
import * as wellKnown from "@bufbuild/protobuf/wkt";
import * as requests from "./gen/conformance/conformance_pb.js";
import { TestCategory, WireFormat } from "./gen/conformance/conformance_pb.js";
import * as service from "./gen/conformance_service_rsocket.js";
import * as edition2023 from "./gen/google/protobuf/test_messages_edition2023_pb.js";
import * as editions2 from "./gen/google/protobuf/test_messages_proto2_editions_pb.js";
import * as proto2 from "./gen/google/protobuf/test_messages_proto2_pb.js";
import * as editions3 from "./gen/google/protobuf/test_messages_proto3_editions_pb.js";
import * as proto3 from "./gen/google/protobuf/test_messages_proto3_pb.js";

const FILES = [wellKnown, edition2023, proto2, editions2, proto3, editions3];
const registry = createRegistry(
  ...FILES.flatMap((file) =>
    Object.entries(file).flatMap(([name, value]) => (name.startsWith("file_") ? [value] : [])),
  ),
);
const methods = Object.values(service).filter((value) => typeof value === "object" && value?.service !== undefined);
const codecs = new Map(methods.map(({ input }) => [input.typeName, input]));
const isReflect = process.argv[2] === "reflect";

for (let request = readRequest(); request !== undefined; request = readRequest()) {
  write(
    toBinary(
      requests.ConformanceResponseSchema,
      create(requests.ConformanceResponseSchema, { result: answer(request) }),
    ),
  );
}

function answer({ payload, messageType, testCategory, requestedOutputFormat, printUnknownFields }) {
  if (messageType === "conformance.FailureSet") return { case: "protobufPayload", value: new Uint8Array(0) };
  const schema = registry.getMessage(messageType);
  if (schema === undefined) return { case: "runtimeError", value: `unknown message ${messageType}` };
  const isBinary = payload.case === "protobufPayload";
  if (!isBinary && payload.case !== "jsonPayload") return { case: "skipped", value: `no ${payload.case} here` };
  if (requestedOutputFormat !== WireFormat.PROTOBUF && requestedOutputFormat !== WireFormat.JSON) {
    return { case: "skipped", value: "neither protobuf nor JSON" };
  }
  let message;
  try {
    if (isBinary) message = decode(schema, payload.value);
    else
      message = fromJsonString(schema, payload.value, {
        ignoreUnknownFields: testCategory === TestCategory.JSON_IGNORE_UNKNOWN_PARSING_TEST,
        registry,
      });
  } catch (error) {
    return { case: "parseError", value: String(error) };
  }
  try {
    if (requestedOutputFormat === WireFormat.PROTOBUF)
      return { case: "protobufPayload", value: encode(schema, message) };
    return { case: "jsonPayload", value: toJsonString(schema, message, { registry, printUnknownFields }) };
  } catch (error) {
    return { case: "serializeError", value: String(error) };
  }
}

function decode(schema, bytes) {
  return isReflect ? fromBinary(schema, bytes) : codecOf(schema).decode(bytes);
}

function encode(schema, message) {
  if (isReflect) return toBinary(schema, message);
  const parts = [];
  codecOf(schema).encode(message, parts);
  return new Uint8Array(Buffer.concat(parts));
}

function codecOf({ typeName }) {
  const codec = codecs.get(typeName);
  if (codec?.write === undefined) throw new Error(`no generated codec for ${typeName}`);
  return codec;
}

function readRequest() {
  const header = readBytes(4);
  if (header === undefined) return undefined;
  const bytes = readBytes(header.readUInt32LE(0));
  return bytes === undefined ? undefined : fromBinary(requests.ConformanceRequestSchema, bytes);
}

function readBytes(byteLength) {
  const bytes = Buffer.alloc(byteLength);
  for (let at = 0; at < byteLength; ) {
    const count = readSome(bytes, at);
    if (count === 0) return undefined;
    at += count;
  }
  return bytes;
}

// A pipe that has nothing yet may say so.
function readSome(bytes, at) {
  for (;;) {
    try {
      return readSync(0, bytes, at, bytes.length - at, null);
    } catch (error) {
      if (error.code !== "EAGAIN") throw error;
    }
  }
}

function write(bytes) {
  const framed = Buffer.concat([Buffer.alloc(4), bytes]);
  framed.writeUInt32LE(bytes.length, 0);
  for (let at = 0; at < framed.length; ) at += writeSync(1, framed, at);
}
