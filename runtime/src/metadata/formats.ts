// SPDX-License-Identifier: Apache-2.0
// Both metadata modes by name: for servers, which learn from SETUP which one a client speaks, and for the door of Node.

import { compositeMetadata } from "./composite-format.js";
import type { MetadataFormat } from "./format.js";
import { type MetadataMode, metadataModeOf } from "./mode.js";
import { rpcMetadata } from "./rpc-format.js";

/** The format of a mode. */
export function formatOf(mode: MetadataMode): MetadataFormat {
  return mode === "composite" ? compositeMetadata : rpcMetadata;
}

/** The format of a connection whose SETUP announced `metadataMimeType`. Whatever isn't composite metadata is `rpc`. */
export function formatOfMimeType(metadataMimeType: string): MetadataFormat {
  return formatOf(metadataModeOf(metadataMimeType));
}
