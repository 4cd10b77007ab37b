// SPDX-License-Identifier: Apache-2.0
// What happens to a connection, as bytes: any bytes are a script, so that whoever changes bytes changes what happens.
//
//   script = options | more options | step …
//   step   = kind | what the kind takes, as far as there are bytes

/** One thing that happens. */
export type Step =
  /** Bytes come from the peer, cut anywhere. */
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  /** The same with the length in front that makes it one frame. */
  | { readonly kind: "frame"; readonly bytes: Uint8Array }
  | { readonly kind: "time"; readonly ms: number }
  /** Something is done with one of the streams. */
  | { readonly kind: "act"; readonly stream: number; readonly action: number; readonly n: number }
  /** A request is made. */
  | { readonly kind: "open"; readonly interaction: number; readonly n: number }
  | { readonly kind: "block" }
  | { readonly kind: "unblock" }
  /** The link is lost; a connection that is without one gets another. */
  | { readonly kind: "link" }
  | { readonly kind: "close"; readonly lingerMs: number }
  | { readonly kind: "peer ends" }
  /** A server answers SETUP, unless it does so at once. */
  | { readonly kind: "answer setup"; readonly accepts: boolean }
  | { readonly kind: "push"; readonly byteLength: number }
  | { readonly kind: "grant"; readonly requests: number }
  | { readonly kind: "abandon" }
  /** What was asked for is written, and what waits is read. */
  | { readonly kind: "settle" };

/** A script that was read. */
export interface Script {
  readonly options: number;
  readonly moreOptions: number;
  readonly steps: readonly Step[];
}

/** Steps beyond these are not taken: a script is to be quick. */
const MAX_STEPS = 200;
const TIMES_MS: readonly number[] = [1, 10, 100, 500, 1_000, 5_000, 10_000, 20_000, 30_000, 45_000, 90_000, 100_000];
const NUMBERS: readonly number[] = [1, 2, 3, 5, 17, 100, 0x7ffffffe, 0x7fffffff];

const KINDS = [
  "frame",
  "bytes",
  "act",
  "open",
  "time",
  "settle",
  "answer setup",
  "block",
  "unblock",
  "link",
  "close",
  "peer ends",
  "push",
  "grant",
  "abandon",
] as const;

/** The byte of each kind. */
export const KIND: Readonly<Record<Step["kind"], number>> = Object.fromEntries(
  KINDS.map((kind, i) => [kind, i]),
) as Record<Step["kind"], number>;

/** Reads a script. Never fails: whatever is missing at the end is 0. */
export function readScript(input: Uint8Array): Script {
  let at = 0;
  const byte = (): number => input[at++] ?? 0;
  const bytes = (): Uint8Array => {
    const byteLength = (byte() << 8) | byte();
    const taken = input.slice(at, at + byteLength);
    at += byteLength;
    return taken;
  };
  const options = byte();
  const moreOptions = byte();
  const steps: Step[] = [];
  while (at < input.length && steps.length < MAX_STEPS) steps.push(readStep(byte, bytes));
  return { options, moreOptions, steps };
}

function readStep(byte: () => number, bytes: () => Uint8Array): Step {
  const kind = KINDS[byte() % KINDS.length] ?? "settle";
  switch (kind) {
    case "frame":
    case "bytes":
      return { kind, bytes: bytes() };
    case "time":
      return { kind, ms: TIMES_MS[byte() % TIMES_MS.length] ?? 1 };
    case "act":
      return { kind, stream: byte(), action: byte(), n: NUMBERS[byte() % NUMBERS.length] ?? 1 };
    case "open":
      return { kind, interaction: byte(), n: NUMBERS[byte() % NUMBERS.length] ?? 1 };
    case "close":
      return { kind, lingerMs: (byte() % 2) * 1_000 };
    case "answer setup":
      return { kind, accepts: byte() % 4 !== 3 };
    case "push":
      return { kind, byteLength: byte() };
    case "grant":
      return { kind, requests: byte() % 8 };
    default:
      return { kind };
  }
}

/** The bytes of a `frame` or `bytes` step. */
export function stepOfBytes(kind: "frame" | "bytes", bytes: Uint8Array): number[] {
  return [KIND[kind], bytes.length >>> 8, bytes.length & 0xff, ...bytes];
}
