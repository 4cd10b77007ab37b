// SPDX-License-Identifier: Apache-2.0
// The messages of interop.proto, from the schema as it stands.

import { readFileSync } from "node:fs";
import protobuf from "protobufjs";

const PROTO = new URL("../../../support/proto/interop.proto", import.meta.url);
const { root } = protobuf.parse(readFileSync(PROTO, "utf8"));
// Empty has no fields to read or write.
root.define("google.protobuf").add(new protobuf.Type("Empty"));

function codec(name) {
  const type = root.lookupType(name);
  return {
    encode: (message) => Buffer.from(type.encode(type.create(message)).finish()),
    decode: (data) => type.toObject(type.decode(data ?? Buffer.alloc(0)), { defaults: true, longs: Number }),
  };
}

export const Empty = codec("google.protobuf.Empty");
export const SimpleRequest = codec("rsocket.interop.v1.SimpleRequest");
export const SimpleResponse = codec("rsocket.interop.v1.SimpleResponse");
export const FiredRequest = codec("rsocket.interop.v1.FiredRequest");
export const FiredResponse = codec("rsocket.interop.v1.FiredResponse");
export const StreamRequest = codec("rsocket.interop.v1.StreamRequest");
export const AggregateResponse = codec("rsocket.interop.v1.AggregateResponse");
