// SPDX-License-Identifier: Apache-2.0
// Where inputs come from: valid things with a few bytes changed, cut, spliced or lied about, and any bytes at all.

import fc from "fast-check";
import { KIND, stepOfBytes } from "./script.js";
import { envelopes, frames, metadata } from "./seeds.js";

export type Inputs = fc.Arbitrary<Uint8Array>;

/** A change at a place. */
type Edit = readonly [kind: number, at: number, value: number];

const byte = fc.nat({ max: 255 });
const edits = fc.array(fc.tuple(fc.nat({ max: 6 }), fc.nat({ max: 500 }), byte), { maxLength: 4 });
const rawBytes = fc.uint8Array({ maxLength: 80 });

/** One of `seeds`, changed in up to four places. */
export function changed(seeds: readonly Uint8Array[]): Inputs {
  return fc
    .tuple(fc.constantFrom(...seeds), edits)
    .map(([seed, changes]) => changes.reduce((bytes, edit) => change(bytes, edit, seeds), seed));
}

function change(bytes: Uint8Array, [kind, place, value]: Edit, seeds: readonly Uint8Array[]): Uint8Array {
  const at = place % (bytes.length + 1);
  const copy = bytes.slice();
  const old = copy[at] ?? 0;
  switch (kind) {
    case 0: // a bit flips
      copy[at] = old ^ (1 << (value % 8));
      return copy;
    case 1: // another byte
      copy[at] = value;
      return copy;
    case 2: // a length or a number is a little off
      copy[at] = old + (value % 5) - 2;
      return copy;
    case 3: // cut short
      return copy.subarray(0, at);
    case 4: // a byte more
      return Uint8Array.of(...copy.subarray(0, at), value, ...copy.subarray(at));
    case 5: // a byte less
      return Uint8Array.of(...copy.subarray(0, at), ...copy.subarray(at + 1));
    default: // goes on as another one
      return Uint8Array.of(...copy.subarray(0, at), ...(seeds[(value * 257 + at) % seeds.length] ?? copy).subarray(at));
  }
}

/** Inputs of one piece of metadata, or of one frame. */
export function changedOrAny(seeds: readonly Uint8Array[]): Inputs {
  return fc.oneof({ weight: 4, arbitrary: changed(seeds) }, { weight: 1, arbitrary: rawBytes });
}

// ── frames ──────────────────────────────────────────────────────────────────────────────────────────────────────────

const TYPES = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 0x3f, 0x15];
const STREAM_TYPES = [4, 5, 6, 7, 7, 8, 8, 9, 10, 10, 10, 10, 11];
const NUMBERS = [0, 1, 2, 3, 64, 0x7fffffff, 0x80000001, 0xffffffff, 0x101, 0x201, 0x204];
const FLAGS = [0, 0x20, 0x40, 0x60, 0x80, 0xa0, 0xc0, 0x100, 0x120, 0x160, 0x180, 0x1a0, 0x200, 0x220, 0x3e0, 0x3ff];

/** Bytes of fixed fields in front of metadata or data. */
const FIXED_NUMBERS: Readonly<Record<number, number>> = { 2: 2, 3: 2, 6: 1, 7: 1, 8: 1, 11: 1, 14: 2, 0x3f: 1 };

const frameParts = fc.tuple(
  fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(...STREAM_TYPES) },
    { weight: 2, arbitrary: fc.constantFrom(...TYPES) },
  ),
  fc.constantFrom(...FLAGS),
  fc.nat({ max: 9 }),
  fc.constantFrom(...NUMBERS),
  fc.nat({ max: 12 }),
  fc.nat({ max: 700 }),
  fc.nat({ max: 15 }),
);

/** A frame that is sound, or lies about the length of its metadata. */
const madeFrame = frameParts.map(([type, flags, id, number, metadataBytes, dataBytes, lie]) => {
  const isConnections = ![4, 5, 6, 7, 8, 9, 10].includes(type) && !(type === 11 && id % 3 !== 0);
  const streamId = isConnections && id < 8 ? 0 : id;
  const head = [0, 0, 0, streamId, (type << 2) | (flags >>> 8), flags & 0xff];
  for (let i = 0; i < (FIXED_NUMBERS[type] ?? 0); i++)
    head.push(...uint32(i === 0 && type !== 3 ? number : number % 64));
  if ((flags & 0x100) !== 0 && type !== 2 && type !== 12) {
    const told = metadataBytes + (lie === 0 ? 200 : 0);
    head.push(0, 0, told, ...new Array<number>(metadataBytes).fill(0x6d));
  }
  const frame = new Uint8Array(head.length + (dataBytes % 4 === 0 ? dataBytes : dataBytes % 8)).fill(0x64);
  frame.set(head);
  return frame;
});

function uint32(value: number): number[] {
  return [value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff];
}

export const anyFrame: Inputs = fc.oneof(
  { weight: 4, arbitrary: changed(frames) },
  { weight: 3, arbitrary: madeFrame },
  { weight: 1, arbitrary: rawBytes },
);

/** Frames of a byte stream with their lengths, one in eight of which is a lie, behind a target's own three bytes. */
export const byteStream: Inputs = fc
  .tuple(
    fc.uint8Array({ minLength: 3, maxLength: 3 }),
    fc.array(fc.tuple(anyFrame, fc.nat({ max: 31 })), { maxLength: 8 }),
    fc.uint8Array({ maxLength: 8 }),
  )
  .map(([options, pieces, tail]) => {
    const stream = pieces.flatMap(([frame, lie]) => {
      const length = Math.max(0, frame.length + (lie === 0 ? 1 : lie === 1 ? -1 : lie === 2 ? 65_536 : 0));
      return [length >>> 16, (length >>> 8) & 0xff, length & 0xff, ...frame];
    });
    return Uint8Array.of(...options, ...stream, ...tail);
  });

// ── scripts ─────────────────────────────────────────────────────────────────────────────────────────────────────────

const SETUP = [0, 0, 0, 0, 4, 0, 0, 1, 0, 0, 0, 0, 0x4e, 0x20, 0, 1, 0x5f, 0x90, 1, 0x6d, 1, 0x64];
const TOKEN = [0, 16, ...new Array<number>(16).fill(7)];
const KEEPALIVE = [0, 0, 0, 0, 0x0c, 0, 0, 0, 0, 0, 0, 0, 0, 0];
const KEEPALIVE_R = [0, 0, 0, 0, 0x0c, 0x80, 0, 0, 0, 0, 0, 0, 0, 0];
const RESUME_OK = [0, 0, 0, 0, 0x38, 0, 0, 0, 0, 0, 0, 0, 0, 0];
const LEASE = [0, 0, 0, 0, 8, 0, 0, 0, 0x27, 0x10, 0, 0, 0, 5];

function frameStep(frame: readonly number[]): number[] {
  return stepOfBytes("frame", Uint8Array.from(frame));
}

const stepKind = (kind: keyof typeof KIND, ...parameters: fc.Arbitrary<number>[]): fc.Arbitrary<number[]> =>
  fc.tuple(...parameters).map((values) => [KIND[kind], ...values]);

// A frame whose bytes come in two reads, with or without something in between.
const cutFrame = fc.tuple(anyFrame, fc.nat({ max: 40 })).map(([frame, at]) => {
  const whole = Uint8Array.of(frame.length >>> 16, (frame.length >>> 8) & 0xff, frame.length & 0xff, ...frame);
  const cut = at % (whole.length + 1);
  return [...stepOfBytes("bytes", whole.subarray(0, cut)), ...stepOfBytes("bytes", whole.subarray(cut))];
});
const weighted = (weight: number, arbitrary: fc.Arbitrary<number[]>) => ({ weight, arbitrary });

const anyStep = fc.oneof(
  weighted(
    12,
    madeFrame.map((frame) => stepOfBytes("frame", frame)),
  ),
  weighted(
    4,
    changed(frames).map((frame) => stepOfBytes("frame", frame)),
  ),
  weighted(2, cutFrame),
  weighted(
    1,
    rawBytes.map((bytes) => stepOfBytes("bytes", bytes)),
  ),
  weighted(8, stepKind("act", fc.nat({ max: 7 }), byte, fc.nat({ max: 7 }))),
  weighted(3, stepKind("open", byte, fc.nat({ max: 7 }))),
  weighted(2, stepKind("time", fc.nat({ max: 11 }))),
  weighted(1, stepKind("block")),
  weighted(1, stepKind("unblock")),
  weighted(1, stepKind("settle")),
  weighted(1, stepKind("link")),
  weighted(1, stepKind("grant", fc.nat({ max: 7 }))),
  weighted(1, fc.constantFrom(...[KEEPALIVE, KEEPALIVE_R, RESUME_OK, LEASE].map(frameStep))),
  weighted(1, fc.constantFrom([KIND["close"], 0], [KIND["close"], 1], [KIND["peer ends"]], [KIND["abandon"]])),
  weighted(1, fc.constantFrom([KIND["answer setup"], 0], [KIND["answer setup"], 3], [KIND["push"], 9])),
);

/** A conversation with whoever stands opposite a `side`. */
export function conversation(side: "client" | "server"): Inputs {
  const script = fc
    .tuple(byte, byte, fc.nat({ max: 15 }), fc.array(anyStep, { maxLength: 24 }))
    .map(([options, moreOptions, opening, steps]) =>
      Uint8Array.from([options, moreOptions, ...openingSteps(side, options, opening), ...steps.flat()]),
    );
  return fc.oneof({ weight: 12, arbitrary: script }, { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }) });
}

// Most begin as they should; those that don't end soon.
function openingSteps(side: "client" | "server", options: number, opening: number): number[] {
  if (opening === 0) return [];
  if (side === "client") return opening === 1 ? [] : frameStep(KEEPALIVE);
  const leases = (options & 0x02) !== 0 && opening < 12;
  const resumes = (options & 0x04) !== 0 && opening < 12;
  const flags = (leases ? 0x40 : 0) | (resumes ? 0x80 : 0);
  const setup = [...SETUP.slice(0, 5), flags, ...SETUP.slice(6, 18), ...(resumes ? TOKEN : []), ...SETUP.slice(18)];
  return [...frameStep(setup), ...(opening % 2 === 0 ? [KIND["answer setup"], 0] : [])];
}

/** Metadata of all kinds. */
export const anyMetadata: Inputs = changedOrAny(metadata);

/** Envelopes. */
export const anyEnvelope: Inputs = changedOrAny(envelopes);

/** Numbers that choose. */
export const anyChoices: Inputs = fc.uint8Array({ maxLength: 140 });
