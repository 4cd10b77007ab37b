// SPDX-License-Identifier: Apache-2.0
// Pairs of a generated codec and the descriptor that protobuf-es's reflection works by.

import type { DescMessage, DescService, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import type { Codec } from "rsocket-rpc/codegen";
import * as editionCodecs from "../gen/edition_codec.js";
import * as edition from "../gen/edition_pb.js";
import * as everythingCodecs from "../gen/everything_codec.js";
import * as everything from "../gen/everything_pb.js";
import * as legacyCodecs from "../gen/legacy_codec.js";
import * as legacy from "../gen/legacy_pb.js";

/** Any message: tests look at its properties by name. */
export type AnyMessage = MessageShape<DescMessage>;

/** A message type, read and written in two ways. */
export interface Subject {
  readonly schema: DescMessage;
  readonly codec: Codec<AnyMessage, MessageInitShape<DescMessage>>;
}

const ALL: readonly Subject[] = [
  ...subjects(everything, everythingCodecs),
  ...subjects(legacy, legacyCodecs),
  ...subjects(edition, editionCodecs),
];

/** Every message type of the schemas in `proto/`, but for those that protobuf-es itself can't handle. */
export const SUBJECTS: readonly Subject[] = ALL.filter(({ schema }) => schema.name !== "Inherited");

/** The subject whose message type is called so. */
export function subject(typeName: string): Subject {
  const found = ALL.find(({ schema }) => schema.typeName === typeName);
  if (found === undefined) throw new RangeError(`no message ${typeName} in test/codec/proto`);
  return found;
}

/** The message types that a file's services reach, those of other files too: from its file of messages and that of codecs. */
export function subjects(schemas: object, codecs: object): Subject[] {
  const types = new Set<DescMessage>();
  const reach = (message: DescMessage): void => {
    if (types.has(message)) return;
    types.add(message);
    for (const field of message.fields) if (field.message !== undefined) reach(field.message);
  };
  for (const desc of Object.values(schemas) as { readonly kind?: unknown }[])
    if (desc.kind === "service")
      for (const { input, output } of (desc as DescService).methods) [input, output].forEach(reach);
  const byName = new Map(Object.values(codecs).map((codec: Subject["codec"]) => [codec.typeName, codec]));
  return [...types].flatMap((schema) => {
    const codec = byName.get(schema.typeName);
    return codec === undefined ? [] : [{ schema, codec }];
  });
}
