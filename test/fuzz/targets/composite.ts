// SPDX-License-Identifier: Apache-2.0
// Any bytes as composite metadata, and as each kind of entry that is read from it.

import { readAuthentication } from "../../../runtime/src/metadata/auth.js";
import { CompositeReader, checkEntries, readCompositeEntries } from "../../../runtime/src/metadata/composite.js";
import { compositeMetadata } from "../../../runtime/src/metadata/composite-format.js";
import { readTraceEntries } from "../../../runtime/src/metadata/composite-tracing.js";
import { readEnvelope, readEnvelopeEntries } from "../../../runtime/src/metadata/entry.js";
import { MetadataError, MetadataFormatError } from "../../../runtime/src/metadata/errors.js";
import { readFirstRoutingTag, readRoutingTags } from "../../../runtime/src/metadata/routing.js";
import { readSetupMetadata } from "../../../runtime/src/metadata/setup-metadata.js";
import {
  readMimeTypes,
  readRequestMimeTypes,
  readResponseMimeType,
} from "../../../runtime/src/metadata/stream-mime-types.js";
import { readTracingMap, readZipkinTrace } from "../../../runtime/src/metadata/tracing.js";
import { hexOf, textHex, uint } from "../../support/frames-dsl.js";
import { asText, readAmid } from "./canaries.js";

export function run(input: Uint8Array): void {
  const read = readAmid(input, MetadataFormatError, readCompositeEntries);
  readAmid(input, MetadataFormatError, readEnvelope);
  readAmid(input, MetadataFormatError, readEnvelopeEntries);
  readAmid(input, MetadataFormatError, readRoutingTags);
  readAmid(input, MetadataFormatError, readFirstRoutingTag);
  readAmid(input, MetadataFormatError, readAuthentication);
  readAmid(input, MetadataFormatError, readZipkinTrace);
  readAmid(input, MetadataFormatError, readTracingMap);
  readAmid(input, MetadataFormatError, readMimeTypes);
  readAmid(input, MetadataFormatError, (bytes, start, end) => readTraceEntries(bytes.subarray(start, end)));
  readAmid(input, MetadataFormatError, (bytes, start, end) => readRequestMimeTypes(bytes.subarray(start, end), "a/b"));
  readAmid(input, MetadataFormatError, (bytes, start, end) => readResponseMimeType(bytes.subarray(start, end), "a/b"));
  readAmid(input, MetadataFormatError, (bytes, start, end) => {
    const { service, method, envelope, tracing } = compositeMetadata.readRequest(bytes.subarray(start, end));
    return asText([service, method, envelope, tracing]);
  });
  for (const mode of ["rpc", "composite"] as const) {
    readAmid(input, MetadataFormatError, (bytes, start, end) =>
      asText(readSetupMetadata(mode, bytes.subarray(start, end))),
    );
  }
  const checked = readAmid(input, MetadataError, (bytes, start, end) => checkEntries(bytes.subarray(start, end)));
  if ((checked.error === undefined) !== (read.error === undefined)) {
    throw new Error(`checked: ${checked.error?.message}, read: ${read.error?.message}`);
  }
  if (read.error === undefined) expectSameWritten(input);
}

// Entries hide nothing: written one after another they are the bytes that were read.
function expectSameWritten(input: Uint8Array): void {
  const written: string[] = [];
  const reader = new CompositeReader(input);
  while (reader.next()) {
    const { idOrName, payload } = reader;
    const isId = typeof idOrName === "number";
    written.push(uint(isId ? 0x80 | idOrName : idOrName.length - 1, 1), isId ? "" : textHex(idOrName));
    written.push(uint(payload.length, 3), hexOf(payload));
  }
  if (written.join("") !== hexOf(input)) throw new Error(`written again: ${written.join("")}`);
}
