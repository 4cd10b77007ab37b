// SPDX-License-Identifier: Apache-2.0
// protobuf-es as the other contestants use it: the same messages and the same two steps (create, then encode) behind each of them.
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { type DownloadRequest, DownloadRequestSchema, type Item, ItemSchema } from "../gen/bench_pb.js";

/** What contestants that have a limit for messages are told to take: the largest of all scenarios, and some. */
export const MAX_MESSAGE_BYTES: number = 40 * 1024 ** 2;

/** Encodes an item. The bytes belong to the caller. */
export function encodeItem(item: { payload: Uint8Array }): Uint8Array {
  return toBinary(ItemSchema, create(ItemSchema, item));
}

/** Decodes an item, whose payload is a view into `bytes`. */
export function decodeItem(bytes: Uint8Array): Item {
  return fromBinary(ItemSchema, bytes);
}

/** Encodes the request of a server stream. The bytes belong to the caller. */
export function encodeDownloadRequest(request: { count: number; payloadBytes: number }): Uint8Array {
  return toBinary(DownloadRequestSchema, create(DownloadRequestSchema, request));
}

/** Decodes the request of a server stream. */
export function decodeDownloadRequest(bytes: Uint8Array): DownloadRequest {
  return fromBinary(DownloadRequestSchema, bytes);
}

/** The same bytes as a `Buffer`, without a copy. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
