// SPDX-License-Identifier: Apache-2.0
// Any bytes as RPC metadata v1, with an Envelope behind it or without, and the routes that a router looks up in them.

import { MetadataFormatError } from "../../../runtime/src/metadata/errors.js";
import { rpcMetadata } from "../../../runtime/src/metadata/rpc-format.js";
import {
  encodeRpcMetadata,
  MAX_RPC_PART_BYTES,
  readRpcMetadata,
  splitRoute,
} from "../../../runtime/src/metadata/rpc-metadata.js";
import { hexOf, textHex } from "../../support/frames-dsl.js";
import { asText, readAmid } from "./canaries.js";

export function run(input: Uint8Array): void {
  const read = readAmid(input, MetadataFormatError, (bytes, start, end) => {
    const { service, method, routeEnd, tracingStart, tracingEnd, userStart, userEnd } = readRpcMetadata(
      bytes,
      start,
      end,
    );
    return {
      service,
      method,
      routeEnd: routeEnd - start,
      tracing: bytes.slice(tracingStart, tracingEnd),
      user: bytes.slice(userStart, userEnd),
    };
  });
  const request = readAmid(input, MetadataFormatError, (bytes, start, end) =>
    asText(rpcMetadata.readRequest(bytes.subarray(start, end))),
  );
  readAmid(input, MetadataFormatError, (bytes, start, end) =>
    asText([...rpcMetadata.decodeTracing(bytes.subarray(start, end))]),
  );
  // A router looks up what stands in front of routeEnd before it reads anything.
  const routeEnd = rpcMetadata.routeEnd(input);
  if (read.error !== undefined) {
    if (request.error === undefined) throw new Error(`readable as a request, though ${read.error.message}`);
    return;
  }
  if (routeEnd !== read.value.routeEnd) throw new Error(`the route ends at ${routeEnd} and at ${read.value.routeEnd}`);
  splitRoute(`${read.value.service}.${read.value.method}`);
  expectSameWritten(input, read.value);
}

interface Parts {
  readonly service: string;
  readonly method: string;
  readonly routeEnd: number;
  readonly tracing: Uint8Array;
  readonly user: Uint8Array;
}

function expectSameWritten(input: Uint8Array, parts: Parts): void {
  const names = `${textHex(parts.service)}${textHex(parts.method)}`;
  // Bytes that are no UTF-8 are read as U+FFFD.
  if (names.includes("efbfbd") || names.length > 2 * MAX_RPC_PART_BYTES) return;
  if (parts.tracing.length > MAX_RPC_PART_BYTES) return;
  const written = hexOf(encodeRpcMetadata(parts));
  // The oldest client leaves out the length of its empty tracing map.
  const expected = hexOf(input) + (parts.routeEnd === input.length ? "0000" : "");
  if (written !== expected) throw new Error(`written again: ${written}`);
}
