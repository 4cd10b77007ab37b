// SPDX-License-Identifier: Apache-2.0
// Headers, trailers and what else of metadata a call may say and hear: apart, so that pages without it don't carry it.

import { encodeUtf8 } from "../bytes/utf8.js";
import type { Header } from "../metadata/envelope.js";
import { Metadata, type MetadataInit } from "../metadata/headers.js";
import type { CallOptions } from "../rpc/call-options.js";
import { type Bytes, concat } from "./bytes.js";
import { check } from "./check.js";
import { MAX_HEADERS } from "./constants.js";
import { decodeEnvelope, field, pairsInto, type ReadValue } from "./envelope.js";
import { ownEntry, readEntry, shortPart } from "./metadata.js";

/** What a connection that sends or reads headers is made with: `metadata`. */
export interface MetadataSupport {
  /** @internal Headers as fields of an Envelope. @throws MetadataError naming the first that is against the rules. */
  encode(headers: MetadataInit | undefined): Bytes;
  /**
   * @internal What a call says: given an Envelope's fields so far it returns tracing, and all behind it.
   * @throws MetadataError as `encode`, RangeError for what can't go together.
   */
  say(options: CallOptions): (fields: Uint8Array) => readonly Bytes[];
  /** @internal What is called with the metadata of each message; `fail` hears what is malformed, and what listeners throw. */
  hear(options: CallOptions, fail: (error: unknown) => void): (metadata: Uint8Array) => void;
  /** @internal Trailers of an ERROR's data. What is against the rules is no reason to hide the error that it came with. */
  trailersOf(data: Uint8Array): Metadata | undefined;
}

/**
 * Headers and trailers, tracing and metadata of other makes for `connect`.
 * @example
 * const connection = await connect("wss://api.example.com/rpc", { metadata, headers: { "x-page": "start" } });
 */
export const metadata: MetadataSupport = {
  encode(headers) {
    const pairs = Array.from(Metadata.from(headers ?? {}), ([key, value]) =>
      field(
        0x22,
        concat(field(0x0a, encodeUtf8(key)), field(0x12, typeof value === "string" ? encodeUtf8(value) : value)),
      ),
    );
    return concat(...pairs);
  },
  say({ headers, rawMetadata, tracing = {} }) {
    const encoded = this.encode(headers);
    const names = Object.entries(tracing).flat();
    return (fields) => {
      const envelope = concat(fields, encoded);
      const isFine = envelope.length === 0 || rawMetadata === undefined;
      check(isFine, "rawMetadata", rawMetadata, "none beside headers, a deadline, or no messages");
      return [
        shortPart("tracing", concat(...names.map((text) => shortPart("tracing", encodeUtf8(text))))),
        rawMetadata ?? ownEntry(envelope),
      ];
    };
  },
  hear({ onHeaders, onTrailers, onRawMetadata }, fail) {
    let headersSeen = false;
    // An async one may reject.
    const tell = <T>(listener: ((told: T) => unknown) | undefined, told: T): void => {
      Promise.resolve(listener?.(told)).catch(fail);
    };
    return (bytes) => {
      try {
        const envelope = readEntry(bytes);
        if (envelope === undefined) return tell(onRawMetadata, bytes);
        const { headers, trailers } = pairsOf(envelope);
        const first = Metadata.fromWire(onHeaders && !headersSeen ? headers : []);
        headersSeen ||= !first.isEmpty;
        if (!first.isEmpty) tell(onHeaders, first);
        const last = Metadata.fromWire(onTrailers ? trailers : []);
        if (!last.isEmpty) tell(onTrailers, last);
      } catch (error) {
        fail(error);
      }
    };
  },
  trailersOf(data) {
    try {
      return Metadata.fromWire(data[0] === 0 ? pairsOf(data.subarray(1)).trailers : []);
    } catch {
      return undefined;
    }
  },
};

/** @internal Headers and trailers of an Envelope. @throws RangeError for what is none. */
export function pairsOf(envelope: Uint8Array): { readonly headers: Header[]; readonly trailers: Header[] } {
  const headers: Header[] = [];
  const trailers: Header[] = [];
  decodeEnvelope(envelope, undefined, addTo(headers), addTo(trailers));
  return { headers, trailers };
}

function addTo(pairs: Header[]): ReadValue {
  return pairsInto(pairs, MAX_HEADERS, (key, value) => ({ key, value }));
}
