// SPDX-License-Identifier: Apache-2.0
// Frames that real peers sent, captured on the wire: each is read as its recorder understood it, and written again to
// the same bytes, but for the few bits that a peer shouldn't have set. No peer is reproduced by us here, only read.

import { readdirSync, readFileSync } from "node:fs";
import { expect } from "chai";
import { decodeUtf8 } from "../../runtime/src/bytes/utf8.js";
import { decodeFrame } from "../../runtime/src/frames/decode.js";
import { LengthDeframer } from "../../runtime/src/frames/deframer.js";
import { describeFrame } from "../../runtime/src/frames/describe.js";
import type { Frame } from "../../runtime/src/frames/frame.js";
import { frameTypeName, MAX_FRAME_BYTES } from "../../runtime/src/frames/layout.js";
import { bytesOf, hexOf } from "../support/frames-dsl.js";
import { LEGAL_FLAGS } from "../support/legal-flags.js";
import { decodeBetweenCanaries, encodedFrame } from "../unit/frames/support.js";
import { type Meaning, readMeaning } from "./meaning.js";

interface Vector {
  readonly file: string;
  readonly name: string;
  /** The frame, without length prefix. */
  readonly hex: string;
  readonly meaning: string;
}

const FOLDER = new URL("./data/", import.meta.url);

/** Files whose hex isn't a frame. */
const NO_FRAMES: ReadonlyMap<string, string> = new Map([
  ["20-metadata.json", "RPC metadata alone: read by the tests of metadata/"],
  ["21-tracing-map.json", "tracing maps alone: read by the tests of metadata/"],
]);

/** Vectors without bytes: what happened to the connection between two frames. */
const EVENT =
  /^(the client|the server|the proxy) (closes|cuts) connection \d+( here)?$|^\d+ more frames were not written$/;

/** Frames that we don't write as they came, and what becomes of them. */
const REWRITTEN: readonly {
  readonly what: string;
  readonly reason: string;
  applies(frame: Frame, hex: string): boolean;
}[] = [
  {
    what: "N on REQUEST_CHANNEL",
    reason: "rsocket-go and rsocket-rust set it; REQUEST_CHANNEL defines no N (HDR-01, HDR-02)",
    applies: (frame, hex) => frameTypeName(frame.type) === "REQUEST_CHANNEL" && flagsOf(hex) === (flagsOf(hex) | 0x020),
  },
];

const FILES = readdirSync(FOLDER).filter((file) => file.endsWith(".json"));
const events: string[] = [];
const vectors: Vector[] = [];
for (const file of FILES) {
  if (NO_FRAMES.has(file)) continue;
  for (const vector of JSON.parse(readFileSync(new URL(file, FOLDER), "utf8")) as Omit<Vector, "file">[]) {
    if (vector.hex === "") events.push(vector.meaning);
    // The one file whose hex begins with the length prefix of the byte stream.
    else vectors.push({ ...vector, file, hex: file === "11-tcp-framing.json" ? vector.hex.slice(6) : vector.hex });
  }
}
/** Each only once: peers say the same things often. */
const distinct: readonly Vector[] = [...new Map(vectors.map((vector) => [vector.hex, vector])).values()];

function flagsOf(hex: string): number {
  return Number(`0x${hex.slice(8, 12)}`) & 0x3ff;
}

function titleOf({ file, name, meaning }: Vector): string {
  return `${file} ${name}: ${meaning.slice(0, 200)}`;
}

// The flags as the decoded object shows them.
function shownFlags(frame: Frame): string[] {
  const shown: readonly (readonly [string, boolean])[] = [
    ["R", "respond" in frame ? frame.respond : frame.type === 0x01 && frame.resumeToken !== undefined],
    ["L", "lease" in frame && frame.lease],
    ["M", "metadata" in frame && frame.metadata !== undefined],
    ["F", "follows" in frame && frame.follows],
    ["C", "complete" in frame && frame.complete],
    ["N", "next" in frame && frame.next],
  ];
  return shown.flatMap(([name, isSet]) => (isSet ? [name] : []));
}

// What the sentence says, as far as the frame has it: the same fields from the decoded object.
function fieldsOf(frame: Frame, meaning: Meaning): Partial<Meaning> {
  const isError = frameTypeName(frame.type) === "ERROR";
  const data = "data" in frame && !isError ? frame.data : undefined;
  const fields: Record<string, unknown> = {
    ...frame,
    version: "majorVersion" in frame ? `${frame.majorVersion}.${frame.minorVersion}` : undefined,
    tokenBytes: "resumeToken" in frame ? frame.resumeToken?.length : undefined,
    position: "lastReceivedPosition" in frame ? frame.lastReceivedPosition : undefined,
    clientPosition:
      "lastReceivedClientPosition" in frame
        ? frame.lastReceivedClientPosition
        : "firstAvailableClientPosition" in frame
          ? frame.firstAvailableClientPosition
          : undefined,
    serverPosition: "lastReceivedServerPosition" in frame ? frame.lastReceivedServerPosition : undefined,
    text: isError && "data" in frame ? decodeUtf8(frame.data) : undefined,
    metadataBytes: "metadata" in frame ? frame.metadata?.length : undefined,
    // Recorders wrote "data 0 bytes" for LEASE too, which has none.
    dataBytes: data?.length ?? (frameTypeName(frame.type) === "LEASE" ? 0 : undefined),
    dataHex: data === undefined || data.length === 0 ? undefined : hexOf(data).slice(0, meaning.dataHex?.length),
    type: frameTypeName(frame.type),
    flags: shownFlags(frame),
  };
  return Object.fromEntries(Object.keys(meaning).map((key) => [key, fields[key]]));
}

describe("captured frames", () => {
  it("are there in number, of every peer", () => {
    expect(FILES).to.have.length.of.at.least(25);
    expect(vectors.length).to.be.above(3_200);
    expect(distinct.length).to.be.above(900);
    expect(
      [...NO_FRAMES.keys()].filter((file) => !FILES.includes(file)),
      "skipped files that don't exist",
    ).to.deep.equal([]);
  });

  it("are frames, but for those that say why they have no bytes", () => {
    expect(events.filter((meaning) => !EVENT.test(meaning))).to.deep.equal([]);
  });

  it("stand behind their length on a byte stream", () => {
    const data = JSON.parse(readFileSync(new URL("11-tcp-framing.json", FOLDER), "utf8")) as Omit<Vector, "file">[];
    const frames: string[] = [];
    const deframer = new LengthDeframer(MAX_FRAME_BYTES, (bytes, start, end) => {
      return frames.push(hexOf(bytes.subarray(start, end))) > 0;
    });
    deframer.push(bytesOf(data.map(({ hex }) => hex).join("")));
    expect(frames).to.deep.equal(data.map(({ hex }) => hex.slice(6)));
    expect(deframer.heldBytes).to.equal(0);
  });

  it("are read as their recorders understood them", () => {
    let compared = 0;
    for (const vector of vectors) {
      const meaning = readMeaning(vector.meaning);
      if (meaning === undefined) continue;
      const frame = decodeFrame(bytesOf(vector.hex));
      // Undefined flags are in the sentence, not in the frame.
      const legal = flagNames(LEGAL_FLAGS.get(frame.type) ?? 0);
      const expected = { ...meaning, flags: meaning.flags.filter((flag) => legal.includes(flag)).sort() };
      const actual = fieldsOf(frame, meaning);
      expect({ ...actual, flags: [...(actual.flags ?? [])].sort() }, titleOf(vector)).to.deep.equal(expected);
      compared++;
    }
    expect(compared, "sentences that a machine can read").to.be.above(3_200);
  });

  it("are written again to the same bytes, but for what a peer shouldn't have sent", () => {
    const counts = new Map(REWRITTEN.map(({ what }) => [what, 0]));
    for (const vector of distinct) {
      const frame = decodeFrame(bytesOf(vector.hex));
      const written = hexOf(encodedFrame(frame));
      const exception = REWRITTEN.find(({ applies }) => applies(frame, vector.hex));
      if (exception === undefined) {
        expect(written, titleOf(vector)).to.equal(vector.hex);
        continue;
      }
      counts.set(exception.what, (counts.get(exception.what) ?? 0) + 1);
      // Nothing but flags that its type doesn't define.
      const legalHead = (frame.type << 10) | (flagsOf(vector.hex) & (LEGAL_FLAGS.get(frame.type) ?? 0));
      const expected = vector.hex.slice(0, 8) + legalHead.toString(16).padStart(4, "0") + vector.hex.slice(12);
      expect(written, `${titleOf(vector)}: ${exception.reason}`).to.equal(expected);
      expect(written).not.to.equal(vector.hex);
    }
    for (const [what, count] of counts) expect(count, `no peer sends ${what} any more`).to.be.above(0);
  });

  it("are described in one line that begins as their meaning does", () => {
    for (const vector of distinct) {
      const line = describeFrame(bytesOf(vector.hex));
      expect(line, titleOf(vector)).to.match(/^[A-Z_]+ stream \d+/);
      expect(line.split(/[\r\n]/), titleOf(vector)).to.have.length(1);
      const beginning = /^[A-Z_]+ stream \d+/.exec(vector.meaning)?.[0];
      if (beginning !== undefined) expect(line.startsWith(beginning), `${line} / ${titleOf(vector)}`).to.equal(true);
    }
  });

  it("cut anywhere are a shorter frame or none, by what is there alone", () => {
    let cuts = 0;
    for (const vector of distinct) {
      const bytes = bytesOf(vector.hex);
      for (let end = 0; end < bytes.length; end++) {
        try {
          decodeBetweenCanaries(bytes, end);
        } catch (error) {
          throw new Error(`${titleOf(vector)}, ${end} bytes: ${error}`);
        }
        cuts++;
      }
    }
    expect(cuts).to.be.above(60_000);
  });

  it("cross the deframer in any cuts, as one stream of all that a file has", () => {
    for (const file of FILES) {
      const expected = vectors.filter((vector) => vector.file === file).map(({ hex }) => hex);
      const stream = bytesOf(expected.map((hex) => (hex.length / 2).toString(16).padStart(6, "0") + hex).join(""));
      for (const size of [1, 7, 1_460]) {
        const got: string[] = [];
        const deframer = new LengthDeframer(MAX_FRAME_BYTES, (bytes, start, end) => {
          return got.push(hexOf(bytes.subarray(start, end))) > 0;
        });
        for (let at = 0; at < stream.length; at += size) deframer.push(stream.slice(at, at + size));
        if (got.join() !== expected.join()) expect(got, `${file} in pieces of ${size}`).to.deep.equal(expected);
      }
    }
  });
});

function flagNames(flags: number): string[] {
  const names: readonly (readonly [number, string])[] = [
    [0x100, "M"],
    [0x080, "F"],
    [0x080, "R"],
    [0x040, "C"],
    [0x040, "L"],
    [0x020, "N"],
  ];
  return names.flatMap(([bit, name]) => ((flags & bit) === 0 ? [] : [name]));
}
