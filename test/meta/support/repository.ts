// SPDX-License-Identifier: Apache-2.0
// The files of this repository, as the meta tests read them: what git tracks, and sources parsed by TypeScript.

import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { fileURLToPath } from "node:url";
// The compiler that builds (7.0) has no API for parsing; 5.9 reads the same language.
import ts from "typescript-5.9";

/** The top of the repository, with a slash at its end. */
export const ROOT: string = fileURLToPath(new URL("../../../", import.meta.url));

/** A parsed source and its path below the folder it was listed from: `session/stream.ts`. */
export interface Source {
  readonly path: string;
  readonly file: ts.SourceFile;
}

/** Paths of all files that git tracks or would track, below `folder` and relative to the repository's top. */
export function listFiles(folder = "."): readonly string[] {
  const paths = gitFiles(folder) ?? plainFiles(folder);
  return paths.filter((path) => existsSync(join(ROOT, path))).sort();
}

/** Undefined where git doesn't answer: in an unpacked archive, or in a folder that somebody else owns. */
function gitFiles(folder: string): readonly string[] | undefined {
  const args = ["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", folder];
  const { status, stdout } = spawnSync("git", args, { cwd: ROOT, encoding: "utf8", maxBuffer: 64 * 1024 * 1024 });
  return status === 0 ? [...new Set(stdout.split("\0"))].filter((path) => path !== "") : undefined;
}

function plainFiles(folder: string): readonly string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = posix.join(folder, entry.name);
    if (!entry.isDirectory()) return [path];
    return /^(node_modules|dist|gen|coverage|profiles|\.git)$/.test(entry.name) ? [] : plainFiles(path);
  });
}

/** The text of a file, by its path from the repository's top. */
export function readText(path: string): string {
  return readFileSync(join(ROOT, path), "utf8");
}

/** A text as if it were a file: for showing that a check finds what it is there to find. */
export function parseSource(path: string, text: string): Source {
  return { path, file: ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true) };
}

/** All TypeScript sources below `folder`, parsed. */
export function parseSources(folder: string): readonly Source[] {
  return listFiles(folder)
    .filter((path) => path.endsWith(".ts"))
    .map((path) => parseSource(path.slice(folder.length + 1), readText(path)));
}

/** Whether tests write this file's text: generated code and captured data obey their generators, not our rules. */
export function isGenerated(path: string): boolean {
  return /(^|\/)(gen|golden|dist)\/|^test\/vectors\/data\/|(_pb|_rsocket)\.(ts|js|d\.ts)$/.test(path);
}

/** Calls `visit` with `node` and everything inside it. */
export function walk(node: ts.Node, visit: (node: ts.Node) => void): void {
  visit(node);
  node.forEachChild((child) => walk(child, visit));
}

/** `session/stream.ts:12`, for messages. */
export function place({ path, file }: Source, node: ts.Node): string {
  return `${path}:${file.getLineAndCharacterOfPosition(node.getStart()).line + 1}`;
}
