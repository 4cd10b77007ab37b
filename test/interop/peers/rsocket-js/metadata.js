// SPDX-License-Identifier: Apache-2.0
// How a request says what it calls: RPC metadata of version 1, or composite metadata with a routing entry.

import {
  decodeCompositeMetadata,
  decodeRoutes,
  encodeCompositeMetadata,
  encodeRoute,
  WellKnownMimeType,
} from "rsocket-composite-metadata";

const { APPLICATION_OCTET_STREAM, MESSAGE_RSOCKET_COMPOSITE_METADATA, MESSAGE_RSOCKET_ROUTING } = WellKnownMimeType;
const EXTENSION = "message/x.rsocket-rpc.v1";
const VERSION = Buffer.of(0, 1);
const NO_BYTES = Buffer.alloc(0);

const rpc = {
  mimeTypes: { metadataMimeType: "application/binary", dataMimeType: "application/binary" },
  /** `user`: the application's part. */
  write: (service, method, user = NO_BYTES) =>
    Buffer.concat([VERSION, withLength(service), withLength(method), withLength(""), user]),
  read(metadata) {
    if (!metadata) throw new Error("metadata is empty");
    const parts = [];
    let at = VERSION.length;
    for (let part = 0; part < 3; part++) {
      const start = at + 2;
      at = start + metadata.readUInt16BE(at);
      parts.push(metadata.toString("utf8", start, at));
    }
    return { service: parts[0], method: parts[1], user: metadata.subarray(at) };
  },
};

const composite = {
  mimeTypes: {
    metadataMimeType: MESSAGE_RSOCKET_COMPOSITE_METADATA.string,
    dataMimeType: "application/x-protobuf",
  },
  write(service, method, user = NO_BYTES) {
    const entries = [[MESSAGE_RSOCKET_ROUTING, encodeRoute(`${service}.${method}`)]];
    if (user.length > 0) entries.push([APPLICATION_OCTET_STREAM, user]);
    return encodeCompositeMetadata(entries);
  },
  read(metadata) {
    const entries = [...decodeCompositeMetadata(metadata ?? NO_BYTES)];
    const routing = entries.find(({ mimeType }) => mimeType === MESSAGE_RSOCKET_ROUTING.string);
    if (routing === undefined) throw new Error("metadata has no route");
    const [route] = decodeRoutes(routing.content);
    const end = route.lastIndexOf(".");
    const user = entries.find((entry) => entry !== routing && entry.mimeType !== EXTENSION);
    return { service: route.slice(0, end), method: route.slice(end + 1), user: user?.content ?? NO_BYTES };
  },
};

/** By the name of the mode. */
export const FORMATS = { rpc, composite };

/** What a client's SETUP announces. */
export function formatOf(metadataMimeType) {
  return metadataMimeType === composite.mimeTypes.metadataMimeType ? composite : rpc;
}

function withLength(text) {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(Buffer.byteLength(text));
  return Buffer.concat([length, Buffer.from(text)]);
}
