// SPDX-License-Identifier: Apache-2.0
// Compares generated codecs with protobuf-es's reflection on random messages and on damaged bytes.

import { inspect } from "node:util";
import { create, equals, fromBinary, isMessage, toBinary } from "@bufbuild/protobuf";
import { toHex } from "../../../runtime/src/bytes/hex.js";
import type { Random } from "../../support/rng.js";
import { type AnyMessage, SUBJECTS, type Subject } from "./codecs.js";
import { difference } from "./identical.js";
import { deface, type Init, mutate, randomInit } from "./random-message.js";

/** What refuses bytes that protobuf-es takes: the safer verdicts that docs/guide/19-codec.md names. */
const SAFER = [
  /^not a .*: \d+ bytes announced and -?\d+ left at byte \d+$/,
  /^not a .*: a value that is cut off at byte \d+$/,
  /^not a .*: a number of more than 10 bytes at byte \d+$/,
  /^not a .*: no end of group \d+ at byte \d+$/,
  /^not a .*: field \d+ with the wire type [0-7] at byte \d+$/,
];

/** What refuses objects that protobuf-es takes, and writes something else than was meant. */
const SAFER_TO_WRITE =
  /: got .*, expected (?:a (?:boolean|list|message|number|text|Uint8Array)|an object (?:with case and value|whose properties are the map's entries))$/;

/** What came of many comparisons. */
export interface Verdicts {
  messages: number;
  accepted: number;
  refused: number;
  /** Refused by the generated codec alone, by the reason. */
  safer: number;
}

/**
 * Compares once: a random message both ways, then the same bytes damaged, then a message of which something is wrong.
 * @throws Error that tells the first difference.
 */
export function compareOnce(random: Random, verdicts: Verdicts, subjects: readonly Subject[] = SUBJECTS): void {
  const subject = random.pick(subjects);
  const { schema } = subject;
  const init = randomInit(random, schema);
  const expected = toBinary(schema, create(schema, init));
  const bytes = encoded(subject, init).slice();
  if (!sameBytes(bytes, expected)) throw new Error(`${schema.typeName}: ${toHex(bytes)}, not ${toHex(expected)}`);
  compareDecoded(subject, expected);
  // The message itself is what most callers pass on.
  const message = fromBinary(schema, expected);
  const again = encoded(subject, message);
  const expectedAgain = toBinary(schema, message);
  if (!sameBytes(again, expectedAgain)) throw new Error(`${schema.typeName} as a message: ${toHex(again)}`);
  const { unknown } = withUnknown(random, expected);
  compareDecoded(subject, unknown);
  verdicts.messages++;
  for (let count = 0; count < 3; count++) compareVerdicts(subject, mutate(random, expected), verdicts);
  // Bytes of another type: tags that exist there and not here.
  compareVerdicts(random.pick(subjects), expected, verdicts);
  for (let count = 0; count < 3; count++) compareWritten(subject, deface(random, randomInit(random, schema)), verdicts);
}

/** The message with fields that nobody knows among its own. */
function withUnknown(random: Random, bytes: Uint8Array): { readonly unknown: Uint8Array } {
  const fields = [
    [0xf8, 0xff, 0xff, 0x01, 0x96, 0x01],
    [0xfa, 0xff, 0xff, 0x01, 0x03, 1, 2, 3],
    [0xf9, 0xff, 0xff, 0x01, 1, 2, 3, 4, 5, 6, 7, 8],
    [0xfd, 0xff, 0xff, 0x01, 1, 2, 3, 4],
    [0xfb, 0xff, 0xff, 0x01, 0x08, 0x01, 0x13, 0x14, 0xfc, 0xff, 0xff, 0x01],
  ];
  const [before, behind] = [random.pick(fields), random.pick(fields)];
  return { unknown: Uint8Array.from([...before, ...bytes, ...behind]) };
}

function encoded({ codec }: Subject, value: object): Uint8Array {
  let at = 0;
  const push = (piece: Uint8Array): void => {
    buffer.set(piece, at);
    at += piece.length;
  };
  codec.encode(value as AnyMessage, { push });
  return buffer.subarray(0, at);
}

/** Holds more than any random message has. */
const buffer = new Uint8Array(1 << 22);

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

function compareDecoded({ schema, codec }: Subject, bytes: Uint8Array): void {
  const ours = codec.decode(bytes);
  const theirs = fromBinary(schema, bytes);
  const found = difference(ours, theirs);
  if (found !== undefined) throw new Error(`${schema.typeName} of ${toHex(bytes)}: ${found}`);
  if (!isMessage(ours, schema)) throw new Error(`${schema.typeName}: no message by isMessage`);
  // NaN equals nothing, itself neither.
  if (equals(schema, fromBinary(schema, bytes), theirs) !== equals(schema, ours, theirs))
    throw new Error(`${schema.typeName}: not equal`);
  const dropped = difference(codec.decode(bytes, true), fromBinary(schema, bytes, { readUnknownFields: false }));
  if (dropped !== undefined) throw new Error(`${schema.typeName} of ${toHex(bytes)}, unknown dropped: ${dropped}`);
}

function compareVerdicts({ schema, codec }: Subject, bytes: Uint8Array, verdicts: Verdicts): void {
  const theirs = attempt(() => fromBinary(schema, bytes));
  const ours = attempt(() => codec.decode(bytes));
  const at = (): string => `${schema.typeName} of ${toHex(bytes)}`;
  if (ours.value !== undefined && theirs.value !== undefined) {
    verdicts.accepted++;
    const found = difference(ours.value, theirs.value);
    if (found !== undefined) throw new Error(`${at()}: ${found}`);
  } else if (ours.value !== undefined) throw new Error(`${at()}: taken, but protobuf-es says ${theirs.error}`);
  else if (theirs.value === undefined) verdicts.refused++;
  else if (SAFER.some((reason) => reason.test(ours.error ?? ""))) verdicts.safer++;
  else throw new Error(`${at()}: ${ours.error}, but protobuf-es takes it`);
}

function compareWritten(subject: Subject, init: Init, verdicts: Verdicts): void {
  const { schema } = subject;
  const theirs = attempt(() => toBinary(schema, create(schema, init)));
  const ours = attempt(() => encoded(subject, init));
  const at = (): string => `${schema.typeName} of ${inspect(init, { depth: 9 })}`;
  if (ours.value !== undefined && theirs.value !== undefined) {
    verdicts.accepted++;
    if (!sameBytes(ours.value, theirs.value))
      throw new Error(`${at()}: ${toHex(ours.value)}, not ${toHex(theirs.value)}`);
  } else if (ours.value !== undefined) throw new Error(`${at()}: taken, but protobuf-es says ${theirs.error}`);
  else if (theirs.value === undefined) verdicts.refused++;
  else if (SAFER_TO_WRITE.test(ours.error ?? "")) verdicts.safer++;
  else throw new Error(`${at()}: ${ours.error}, but protobuf-es takes it`);
}

interface Attempt<T> {
  readonly value?: T;
  readonly error?: string;
}

function attempt<T>(run: () => T): Attempt<T> {
  try {
    return { value: run() };
  } catch (error) {
    return { error: (error as Error).message };
  }
}
