// SPDX-License-Identifier: Apache-2.0
// Conversations that were captured from running peers, by connection.

import { readdirSync, readFileSync } from "node:fs";

/** One captured frame. */
export interface CapturedFrame {
  readonly name: string;
  readonly direction: "client->server" | "server->client";
  /** Without length prefix, unless the file is about it. */
  readonly hex: string;
  readonly meaning: string;
}

/** The frames of one connection, in order. */
export interface Conversation {
  readonly file: string;
  readonly name: string;
  readonly frames: readonly CapturedFrame[];
}

const DATA = new URL("../vectors/data/", import.meta.url);

/** The conversations of one file; `name` without `.json`. */
export function conversationsOf(name: string): Conversation[] {
  const frames = JSON.parse(readFileSync(new URL(`${name}.json`, DATA), "utf8")) as CapturedFrame[];
  const groups = new Map<string, CapturedFrame[]>();
  for (const frame of frames) {
    const group = frame.name.slice(0, frame.name.lastIndexOf("/"));
    const known = groups.get(group);
    if (known === undefined) groups.set(group, [frame]);
    else known.push(frame);
  }
  return [...groups].map(([group, list]) => ({ file: name, name: group, frames: list }));
}

/** One conversation. */
export function findConversation(file: string, name: string): Conversation {
  const found = conversationsOf(file).find((conversation) => conversation.name === name);
  if (found === undefined) throw new Error(`no conversation ${name} in ${file}`);
  return found;
}

/** Names of files, without `.json`, that match. */
export function filesMatching(pattern: RegExp): string[] {
  return readdirSync(DATA)
    .map((file) => file.replace(/\.json$/, ""))
    .filter((file) => pattern.test(file))
    .sort();
}

/** The frames of one direction. */
export function framesOf({ frames }: Conversation, direction: CapturedFrame["direction"]): string[] {
  return frames.filter((frame) => frame.direction === direction).map(({ hex }) => hex);
}

/** A frame's type, by its bits. */
export function typeOf(hex: string): number {
  return Number.parseInt(hex.slice(8, 12), 16) >>> 10;
}

/** REQUEST_N: how much to ask for is each side's own choice. */
export function isRequestN(hex: string): boolean {
  return typeOf(hex) === 0x08;
}

/** The conversations of rsocket-rpc-js, by the files that hold them. */
export const RSOCKET_RPC_JS: readonly string[] = filesMatching(/^(0[1-9]|1[02])-/);
