// SPDX-License-Identifier: Apache-2.0
// The `meaning` of a captured frame, as far as a machine can read it: the other opinion to which the codec is held.

/** What a sentence says about its frame; a field that it doesn't mention is undefined. */
export interface Meaning {
  readonly type: string;
  readonly streamId: number;
  /** `M`, `F`, `C`, `N`, `R`, `L`, also where the type doesn't define them. */
  readonly flags: readonly string[];
  readonly version: string | undefined;
  readonly keepaliveIntervalMs: number | undefined;
  readonly maxLifetimeMs: number | undefined;
  readonly tokenBytes: number | undefined;
  readonly metadataMimeType: string | undefined;
  readonly dataMimeType: string | undefined;
  readonly ttlMs: number | undefined;
  readonly requestCount: number | undefined;
  readonly position: number | undefined;
  readonly clientPosition: number | undefined;
  readonly serverPosition: number | undefined;
  readonly initialRequestN: number | undefined;
  readonly requestN: number | undefined;
  readonly code: number | undefined;
  readonly text: string | undefined;
  readonly metadataBytes: number | undefined;
  readonly dataBytes: number | undefined;
  /** The beginning of the data, in hex. */
  readonly dataHex: string | undefined;
}

/** Reads a sentence; undefined when it isn't about one frame. */
export function readMeaning(sentence: string): Meaning | undefined {
  const head = /^([A-Z_]+) stream (\d+) flags \[([A-Z ]*)\]/.exec(sentence);
  if (head === null) return undefined;
  const [whole, type = "", streamId = "", flags = ""] = head;
  // Behind a dash stand remarks for people.
  const rest = sentence.slice(whole.length).replace(/ — (?:(?!").)*$/, "");
  // Texts of peers hold all kinds of words: numbers are looked for in what is left without them.
  const bare = rest.replace(/text ".*"/, "").replace(/"(?:[^"\\]|\\.)*"/g, "");
  const number = (pattern: RegExp): number | undefined => {
    const found = pattern.exec(bare)?.[1];
    return found === undefined ? undefined : Number(found);
  };
  return {
    type,
    streamId: Number(streamId),
    flags: flags === "" ? [] : flags.split(" "),
    version: /; version (\d+\.\d+)/.exec(bare)?.[1],
    keepaliveIntervalMs: number(/ keepalive (\d+) ms/),
    maxLifetimeMs: number(/ lifetime (\d+) ms/),
    tokenBytes: number(/ token (\d+) bytes/),
    metadataMimeType: /; metadata mime "([^"]*)"/.exec(rest)?.[1],
    dataMimeType: /; data mime "([^"]*)"/.exec(rest)?.[1],
    ttlMs: number(/; time to live (\d+) ms/),
    requestCount: number(/ ms, (\d+) requests/),
    position: number(/; (?:last )?position (\d+)/),
    clientPosition: number(/ client position (\d+)/),
    serverPosition: number(/ server position (\d+)/),
    initialRequestN: number(/; initial requestN (\d+)/),
    requestN: number(/; (?:requestN|n) (\d+)/),
    code: number(/; code (0x[0-9a-f]+)/),
    text: readText(rest),
    metadataBytes: number(/; metadata length (\d+)/),
    dataBytes: number(/; data (\d+) bytes/),
    dataHex: /; data \d+ bytes ([0-9a-f]+)/.exec(bare)?.[1],
  };
}

// Escaped as in JSON by most recorders; one wrote quotation marks as they are.
function readText(rest: string): string | undefined {
  const quoted = / text (".*")/.exec(rest)?.[1];
  if (quoted === undefined) return undefined;
  try {
    return JSON.parse(quoted) as string;
  } catch {
    return quoted.slice(1, -1);
  }
}
