// SPDX-License-Identifier: Apache-2.0
// The two ways in which requests carry their route, told apart by the mime type in SETUP and by nothing else.

/** `rpc`: RPC metadata v1, as all rsocket-rpc peers read it. `composite`: composite metadata with a routing entry. */
export type MetadataMode = "rpc" | "composite";

/** The metadata mime type of `composite` mode. */
export const COMPOSITE_METADATA_MIME_TYPE = "message/x.rsocket.composite-metadata.v0";
/** The metadata and data mime type of `rpc` mode. */
export const BINARY_MIME_TYPE = "application/binary";
/** The data mime type of `composite` mode. */
export const PROTOBUF_MIME_TYPE = "application/x-protobuf";

/** The mime types that a SETUP announces. */
export interface SetupMimeTypes {
  readonly metadataMimeType: string;
  readonly dataMimeType: string;
}

/** The mode of a connection whose SETUP announced `metadataMimeType`. Whatever isn't composite metadata is `rpc`. */
export function metadataModeOf(metadataMimeType: string): MetadataMode {
  return metadataMimeType === COMPOSITE_METADATA_MIME_TYPE ? "composite" : "rpc";
}
