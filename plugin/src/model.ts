// SPDX-License-Identifier: Apache-2.0
// What the printers print: plain data, every decision made. The interaction model of each rpc is chosen here.
import type { DescFile, DescMessage, DescMethod, DescService } from "@bufbuild/protobuf";
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import { Edition, MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import { type MessageCodecs, nameCodecs } from "./codec-model.js";
import { type Comments, SourceInfo } from "./comments.js";
import { InputError } from "./errors.js";
import { codecModule, type ImportedMessage, messageModule } from "./imports.js";
import { messageNames } from "./message-names.js";
import { type DeclaredNames, declareNames, type ServiceNames } from "./names.js";
import type { Options } from "./options.js";

/** A .proto with at least one service. */
export interface FileModel {
  /** `demo/ticker.proto` */
  readonly source: string;
  /** `demo/ticker_rsocket`, to which each target adds its ending. */
  readonly output: string;
  readonly package: string;
  /** `syntax proto3`, `edition 2023` */
  readonly edition: string;
  readonly syntaxComments: Comments;
  readonly packageComments: Comments;
  readonly services: readonly ServiceModel[];
  /** Names that imports must not have. */
  readonly takenNames: ReadonlySet<string>;
  /** Its file of codecs, when there is one. */
  readonly codecFile: CodecFileModel | undefined;
}

/** The file of codecs that belongs to a file of services. */
export interface CodecFileModel {
  /** `demo/ticker_codec`, to which each target adds its ending. */
  readonly output: string;
  readonly codecs: MessageCodecs;
  readonly takenNames: ReadonlySet<string>;
  /** Where the types of a message come from. */
  readonly imported: (message: DescMessage) => ImportedMessage;
}

/** A service and what is declared for it. */
export interface ServiceModel {
  /** `demo.v1.Ticker` */
  readonly typeName: string;
  readonly names: ServiceNames;
  readonly comments: Comments;
  readonly deprecated: boolean;
  readonly methods: readonly MethodModel[];
}

/** An rpc and what is declared for it. */
export interface MethodModel {
  /** `Last`, as on the wire. */
  readonly name: string;
  /** `demo.v1.Ticker.Last` */
  readonly fullName: string;
  /** `TickerLast` */
  readonly constant: string;
  /** `last` */
  readonly member: string;
  readonly kind: DescMethod["methodKind"];
  readonly interaction: Interaction;
  readonly idempotency: "unknown" | "no_side_effects" | "idempotent";
  readonly input: ImportedMessage;
  readonly output: ImportedMessage;
  readonly comments: Comments;
  readonly deprecated: boolean;
}

/** The interaction model of a call (RSocket 1.0 §Stream Sequences and Lifetimes). */
export type Interaction = "request_response" | "request_stream" | "request_channel" | "fire_and_forget";

/** io.rsocket.rpc.options in rsocket/options.proto; the number is that of all rsocket-rpc generators. */
const OPTIONS_EXTENSION = 1057;
/** RSocketMethodOptions.fire_and_forget */
const FIRE_AND_FORGET_FIELD = 1;

const EMPTY = "google.protobuf.Empty";

/** Decides everything about the output of one file.
 *  @throws InputError with file, line and column when `fire_and_forget` stands where an answer is due. */
export function createFileModel(file: DescFile, options: Options, generatedFiles: ReadonlySet<string>): FileModel {
  const source = new SourceInfo(file);
  const names = declareNames(file);
  const codecNames = new Set([...names.taken, ...CODEC_LOCALS]);
  const codecs = options.codec === "generated" ? nameCodecs(file, codecNames) : undefined;
  const imported = (message: DescMessage): ImportedMessage => {
    const name = codecs?.get(message)?.constant;
    return {
      shapeName: messageNames(message).shape,
      schemaName: messageNames(message).schema,
      module: messageModule(message.file, file, generatedFiles.has(message.file.proto.name), options),
      codec: name === undefined ? undefined : { name, module: codecModule(file, options) },
    };
  };
  return {
    source: file.proto.name,
    output: `${file.name}_rsocket`,
    package: file.proto.package,
    edition: editionOf(file),
    syntaxComments: source.syntaxComments(),
    packageComments: source.packageComments(),
    services: file.services.map((service) => createServiceModel(service, source, names, imported)),
    takenNames: names.taken,
    codecFile: codecs?.size ? { output: `${file.name}_codec`, codecs, takenNames: codecNames, imported } : undefined,
  };
}

/** What generated codecs call the runtime, their parameters and their variables. */
const CODEC_LOCALS = ["wire", "w", "r", "m", "x", "v", "u", "t", "exact", "at"];

function editionOf({ edition }: DescFile): string {
  const name = Edition[edition].replace("EDITION_", "");
  return name.startsWith("PROTO") ? `syntax ${name.toLowerCase()}` : `edition ${name}`;
}

type MessageLookup = (message: DescMessage) => ImportedMessage;

function createServiceModel(
  service: DescService,
  source: SourceInfo,
  names: DeclaredNames,
  imported: MessageLookup,
): ServiceModel {
  return {
    typeName: service.typeName,
    names: lookup(names.services, service),
    comments: source.serviceComments(service),
    deprecated: service.deprecated || service.file.deprecated,
    methods: service.methods.map((method) => createMethodModel(method, source, names, imported)),
  };
}

function createMethodModel(
  method: DescMethod,
  source: SourceInfo,
  names: DeclaredNames,
  imported: MessageLookup,
): MethodModel {
  return {
    name: method.name,
    fullName: `${method.parent.typeName}.${method.name}`,
    constant: lookup(names.constants, method),
    member: lookup(names.members, method),
    kind: method.methodKind,
    interaction: chooseInteraction(method, source),
    idempotency: IDEMPOTENCY[method.idempotency],
    input: imported(method.input),
    output: imported(method.output),
    comments: source.methodComments(method),
    deprecated: method.deprecated,
  };
}

const IDEMPOTENCY: Record<MethodOptions_IdempotencyLevel, MethodModel["idempotency"]> = {
  [MethodOptions_IdempotencyLevel.IDEMPOTENCY_UNKNOWN]: "unknown",
  [MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS]: "no_side_effects",
  [MethodOptions_IdempotencyLevel.IDEMPOTENT]: "idempotent",
};

const INTERACTION: Record<DescMethod["methodKind"], Interaction> = {
  unary: "request_response",
  server_streaming: "request_stream",
  client_streaming: "request_channel",
  bidi_streaming: "request_channel",
};

function chooseInteraction(method: DescMethod, source: SourceInfo): Interaction {
  if (!isFireAndForget(method)) return INTERACTION[method.methodKind];
  const fault =
    method.methodKind !== "unary"
      ? "but streams"
      : method.output.typeName !== EMPTY
        ? `but returns ${method.output.typeName}`
        : undefined;
  if (fault === undefined) return "fire_and_forget";
  const position = source.optionPosition(method, OPTIONS_EXTENSION, FIRE_AND_FORGET_FIELD);
  throw new InputError(
    `${position}: ${method.toString()} has fire_and_forget ${fault}; nothing is answered to such a call: ` +
      `remove the option, or make the rpc unary and return ${EMPTY}`,
  );
}

/** Reads the option by number, so that the user's rsocket/options.proto needs no generated code in the plugin. */
function isFireAndForget(method: DescMethod): boolean {
  let value = false;
  for (const { no, wireType, data } of method.proto.options?.$unknown ?? []) {
    if (no !== OPTIONS_EXTENSION || wireType !== WireType.LengthDelimited) continue;
    const reader = new BinaryReader(new BinaryReader(data).bytes());
    while (reader.pos < reader.len) {
      const [field, fieldWireType] = reader.tag();
      if (field === FIRE_AND_FORGET_FIELD && fieldWireType === WireType.Varint) value = reader.bool();
      else reader.skip(fieldWireType, field);
    }
  }
  return value;
}

function lookup<K extends { toString(): string }, V>(map: ReadonlyMap<K, V>, key: K): V {
  const value = map.get(key);
  if (value === undefined) throw new Error(`no name for ${key.toString()}`);
  return value;
}
