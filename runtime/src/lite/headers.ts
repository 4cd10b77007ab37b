// SPDX-License-Identifier: Apache-2.0
// Headers and trailers with their rules: apart, so that pages without them don't carry it.

import { encodeUtf8 } from "../bytes/utf8.js";
import { Metadata, type MetadataInit } from "../metadata/headers.js";
import { concat } from "./bytes.js";
import { field, readPair } from "./envelope.js";

/** What a connection that sends or reads headers is made with: `metadata`. */
export interface MetadataSupport {
  /** @internal Headers as fields of an Envelope. @throws MetadataError naming the first that is against the rules. */
  encode(headers: MetadataInit): Uint8Array;
  /** @internal Headers or trailers of an Envelope. @throws MetadataFormatError, RangeError for what is none. */
  decode(pairs: readonly Uint8Array[]): Metadata;
}

/**
 * Headers and trailers for `connect`.
 * @example
 * const connection = await connect("wss://api.example.com/rpc", { metadata, headers: { "x-page": "start" } });
 */
export const metadata: MetadataSupport = {
  encode(headers) {
    const pairs = Array.from(Metadata.from(headers), ([key, value]) =>
      field(
        0x22,
        concat(field(0x0a, encodeUtf8(key)), field(0x12, typeof value === "string" ? encodeUtf8(value) : value)),
      ),
    );
    return concat(...pairs);
  },
  decode(pairs) {
    return Metadata.fromWire(pairs.map((pair) => readPair(pair, (key, value) => ({ key, value }))));
  },
};
