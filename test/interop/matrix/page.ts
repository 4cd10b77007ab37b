// SPDX-License-Identifier: Apache-2.0
// The results as the part of docs/interop.md between its two marks.

import type { PeerResult, PlaceResult, Results } from "./results.js";

const BEGIN = "<!-- matrix: written by npm run interop -->";
const END = "<!-- /matrix -->";

/** `page` with the results between its marks. @throws Error when it has none. */
export function intoPage(page: string, results: Results): string {
  const begin = page.indexOf(BEGIN);
  const end = page.indexOf(END);
  if (begin < 0 || end < begin) throw new Error(`docs/interop.md has no ${BEGIN} … ${END}`);
  return `${page.slice(0, begin + BEGIN.length)}\n${matrixText(results)}\n${page.slice(end)}`;
}

function matrixText(results: Results): string {
  const peers = Object.entries(results);
  const rows = peers.flatMap(([name, result]) => peerRows(name, result));
  return [
    "",
    "| peer | is the | over | metadata | passed | skipped | known faults | failed |",
    "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ...rows,
    "",
    "Places with an mtu have the cases that have something to cut, with both ends told so.",
    "",
    ...peers.flatMap(([name, result]) => peerText(name, result)),
  ].join("\n");
}

function peerRows(name: string, { version, places }: PeerResult): string[] {
  return places.map(({ role, transport, mode, mtu, pass, skip, fault, fail }) => {
    const over = `${transport}${mtu === undefined ? "" : `, mtu ${mtu}`}`;
    const passed = pass === "" ? 0 : pass.split(" ").length;
    const counts = [passed, ...[skip, fault, fail].map((some) => Object.keys(some ?? {}).length)];
    return `| ${name} ${version} | ${role} | ${over} | ${mode} | ${counts.join(" | ")} |`;
  });
}

function peerText(name: string, result: PeerResult): string[] {
  const tools = Object.entries(result.tools).map(([tool, version]) => `${tool} ${version}`);
  const exceptions = [
    ...reasonLines(result.places, "skip", "not run"),
    ...reasonLines(result.places, "fault", "fails by the peer's fault"),
    ...reasonLines(result.places, "fail", "FAILS"),
    ...reasonLines(result.places, "again", "passed at the second attempt, after"),
  ];
  return [
    `### ${name} ${result.version}`,
    "",
    `Run on ${result.date} with ${[`Node ${result.node}`, ...tools].join(", ")}${result.inCi ? "; CI runs it, too" : ""}.`,
    "",
    ...(exceptions.length === 0 ? ["Nothing is left out."] : exceptions),
    "",
  ];
}

// A line a reason: cases that have it, and where.
function reasonLines(
  places: readonly PlaceResult[],
  kind: "skip" | "fault" | "fail" | "again",
  what: string,
): string[] {
  const byReason = new Map<string, { names: Set<string>; places: Set<string> }>();
  for (const place of places) {
    const where = `${place.role} ${place.transport}${place.mtu === undefined ? "" : ` mtu ${place.mtu}`} ${place.mode}`;
    for (const [name, why] of Object.entries(place[kind] ?? {})) {
      const entry = byReason.get(why) ?? { names: new Set(), places: new Set() };
      entry.names.add(name);
      entry.places.add(where);
      byReason.set(why, entry);
    }
  }
  return [...byReason].map(([why, { names, places: at }]) => {
    const cases = [...names].map((name) => `\`${name}\``).join(", ");
    return `- ${cases} (${whereText(at, places)}): ${what}: ${why.replaceAll("|", "\\|").replaceAll("<", "&lt;")}`;
  });
}

// Everywhere in a role is said shortly.
function whereText(at: ReadonlySet<string>, places: readonly PlaceResult[]): string {
  const whole = places.filter(({ mtu }) => mtu === undefined);
  const names = whole.map(({ role, transport, mode }) => `${role} ${transport} ${mode}`);
  const said: string[] = [];
  const left = new Set(at);
  for (const role of ["server", "client"]) {
    const own = names.filter((name) => name.startsWith(role));
    if (own.length === 0 || !own.every((name) => at.has(name))) continue;
    said.push(role);
    for (const name of own) left.delete(name);
    for (const name of [...left]) if (name.startsWith(`${role} `) && name.includes(" mtu ")) left.delete(name);
  }
  return [...said, ...left].join("; ");
}
