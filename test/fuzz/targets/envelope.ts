// SPDX-License-Identifier: Apache-2.0
// Any bytes as an Envelope, as its composite entry, and as the data of an ERROR; headers of any peer.

import { details } from "../../../runtime/src/lite/details.js";
import { decodeEnvelope as decodeByLite } from "../../../runtime/src/lite/envelope.js";
import { pairsOf } from "../../../runtime/src/lite/headers.js";
import { encodeErrorEnvelope, readErrorData } from "../../../runtime/src/metadata/entry.js";
import { type Envelope, encodeEnvelope } from "../../../runtime/src/metadata/envelope.js";
import { decodeEnvelope } from "../../../runtime/src/metadata/envelope-reader.js";
import { MetadataFormatError } from "../../../runtime/src/metadata/errors.js";
import { fromWireHeaders, type Metadata, toWireHeaders } from "../../../runtime/src/metadata/headers.js";
import { hexOf } from "../../support/frames-dsl.js";
import { asText, readAmid } from "./canaries.js";

export function run(input: Uint8Array): void {
  expectErrorData(input);
  const read = readAmid(input, MetadataFormatError, decodeEnvelope);
  if (read.error !== undefined) return;
  const envelope = read.value;
  expectSameByLite(input, envelope);
  // Unknown fields and zeros are gone; the rest is as it was.
  const written = encodeEnvelope(envelope);
  const again = decodeEnvelope(written);
  const twice = encodeEnvelope(again);
  if (hexOf(twice) !== hexOf(written)) throw new Error(`written as ${hexOf(written)}, then as ${hexOf(twice)}`);
  const answer = readErrorData(encodeErrorEnvelope(envelope));
  if (asText(answer.envelope) !== asText(again)) throw new Error(`in an ERROR it is ${asText(answer)}`);
  for (const headers of [envelope.headers, envelope.trailers]) if (headers !== undefined) expectHeaders(headers);
}

// `rsocket-rpc/lite` reads what a client is told, and refuses groups, which only senders of other makes could mean.
function expectSameByLite(input: Uint8Array, envelope: Envelope): void {
  const { hello, headers = [], trailers = [], status } = envelope;
  const expected = asText([hello !== undefined, headers, trailers, status]);
  const byLite = readAmid(input, RangeError, (bytes, start, end) => toldByLite(bytes.subarray(start, end)));
  const value = byLite.error === undefined ? byLite.value : toldByLite(encodeEnvelope(envelope));
  if (asText(value) !== expected) throw new Error(`by lite it is ${asText(value)}, expected ${expected}`);
}

function toldByLite(bytes: Uint8Array): unknown {
  const { hello, status } = decodeByLite(bytes, details);
  const { headers, trailers } = pairsOf(bytes);
  return [hello !== undefined, headers, trailers, status];
}

// An ERROR ends its stream however it reads.
function expectErrorData(input: Uint8Array): void {
  const { envelope, text, malformed } = readErrorData(input);
  const count = [envelope, text, malformed].filter((part) => part !== undefined).length;
  if (count !== 1) throw new Error(`ERROR data says ${count} things`);
}

function expectHeaders(headers: Parameters<typeof fromWireHeaders>[0]): void {
  let metadata: Metadata;
  try {
    metadata = fromWireHeaders(headers);
  } catch (error) {
    if (error instanceof MetadataFormatError) return;
    throw error;
  }
  if (metadata.size > headers.length) throw new Error(`${headers.length} headers became ${metadata.size}`);
  const again = fromWireHeaders(toWireHeaders(metadata));
  if (asText([...again]) !== asText([...metadata])) throw new Error("headers change when they are passed on");
}
