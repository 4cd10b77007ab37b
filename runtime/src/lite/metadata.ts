// SPDX-License-Identifier: Apache-2.0
// The metadata of a client that only calls, in as little code as its cases take.

import { readUint24 } from "../bytes/integers.js";
import { encodeUtf8 } from "../bytes/utf8.js";
import type { CallOptions } from "../rpc/call-options.js";
import { concat, shortPart, uint } from "./bytes.js";
import { check } from "./check.js";
import { MAX_METADATA_BYTES } from "./constants.js";
import { decodeEnvelope, encodeEnvelope, type Said, type Told } from "./envelope.js";
import type { MetadataSupport } from "./headers.js";

/** One less than the length of the mime type, and the mime type: how an entry of ours begins. */
const MARK = /*@__PURE__*/ encodeUtf8("\u0017message/x.rsocket-rpc.v1");
/** The well-known id of authentication entries, 0x7c, and of their type "bearer", 0x01, each marked as an id. */
const AUTHENTICATION = 0xfc;
const BEARER = 0x81;

/** Headers as they are sent. Who writes them, or listens to them, needs `support`. @throws RangeError, MetadataError */
export function wireHeaders(
  support: MetadataSupport | undefined,
  { headers, onHeaders, onTrailers }: Pick<CallOptions, "headers" | "onHeaders" | "onTrailers">,
): Uint8Array | undefined {
  const isFine = support !== undefined || (headers ?? onHeaders ?? onTrailers) === undefined;
  check(isFine, "connect's option metadata", support, "metadata of rsocket-rpc/lite");
  return headers && support?.encode(headers);
}

/** The metadata of SETUP: hello, headers, and a bearer token behind them. @throws RangeError above 64 KiB. */
export function setupMetadata(headers: Uint8Array | undefined, bearerToken: string | undefined): Uint8Array {
  const entry = encodeEntry(encodeEnvelope({ hello: true, headers }));
  if (bearerToken === undefined) return entry;
  const token = encodeUtf8(bearerToken);
  return checked(concat(entry, [AUTHENTICATION], uint(1 + token.length, 3), [BEARER], token));
}

/** The metadata of a request, RPC metadata v1. @throws RangeError for a part that is too long. */
export function requestMetadata(
  { service, name }: { readonly service: string; readonly name: string },
  said: Said,
  { rawMetadata, tracing = {} }: CallOptions,
): Uint8Array {
  const envelope = encodeEnvelope(said);
  check(
    envelope.length === 0 || rawMetadata === undefined,
    "rawMetadata",
    rawMetadata,
    "none beside headers, a deadline, or no messages",
  );
  return concat(
    [0, 1], // the version
    shortPart("service", service),
    shortPart("method", name),
    shortPart(
      "tracing",
      concat(
        ...Object.entries(tracing)
          .flat()
          .map((text) => shortPart("tracing", text)),
      ),
    ),
    envelope.length === 0 ? (rawMetadata ?? []) : encodeEntry(envelope),
  );
}

function encodeEntry(envelope: Uint8Array): Uint8Array {
  return checked(concat(MARK, uint(envelope.length, 3), envelope));
}

function checked(metadata: Uint8Array): Uint8Array {
  const { length } = metadata;
  check(length <= MAX_METADATA_BYTES, "length of metadata", length, `at most ${MAX_METADATA_BYTES}`);
  return metadata;
}

/**
 * The Envelope of metadata that begins with our entry, undefined for any other; nothing stands behind it in an answer, and
 * nothing there is looked at. @throws RangeError when it is malformed.
 */
export function readEnvelope(metadata: Uint8Array): Told | undefined {
  if (MARK.some((byte, i) => metadata[i] !== byte)) return undefined;
  const start = MARK.length + 3;
  const end = start + readUint24(metadata, MARK.length);
  check(end <= metadata.length, "end of the Envelope", end, `at most ${metadata.length}`);
  return decodeEnvelope(metadata.subarray(start, end));
}

/** The data of an ERROR that says `status`: an Envelope to a peer that reads it, else a text. */
export function errorData(
  status: { readonly code: number; readonly message: string },
  isOurs: boolean | undefined,
): Uint8Array {
  return isOurs ? concat([0], encodeEnvelope({ status })) : encodeUtf8(status.message);
}
