// SPDX-License-Identifier: Apache-2.0
// The interop schema, read at run time: the methods of TestService and how their messages are encoded.

import { readFileSync } from "node:fs";
import protobuf from "protobufjs";

export const SERVICE = "rsocket.interop.v1.TestService";

const FIRE_AND_FORGET = "(io.rsocket.rpc.options).fire_and_forget";
const { root } = protobuf.parse(readFileSync(new URL("dist/interop.proto", import.meta.url), "utf8"));
root.addJSON(protobuf.common.get("google/protobuf/empty.proto").nested);

/** By name: the frame that begins a call of the method, and its messages. */
export const METHODS = new Map(
  root.lookupService(SERVICE).methodsArray.map((method) => {
    const { requestType, responseType } = method.resolve();
    const input = codecOf(method.parent.lookupType(requestType));
    const output = codecOf(method.parent.lookupType(responseType));
    return [method.name, { kind: kindOf(method), input, output }];
  }),
);

function kindOf({ requestStream, responseStream, options }) {
  if (requestStream) return "requestChannel";
  if (responseStream) return "requestStream";
  return options?.[FIRE_AND_FORGET] ? "fireAndForget" : "requestResponse";
}

function codecOf(type) {
  return {
    encode: (message) => Buffer.from(type.encode(type.fromObject(message)).finish()),
    decode: (data) => type.toObject(type.decode(data ?? Buffer.alloc(0)), { defaults: true, longs: Number }),
  };
}
