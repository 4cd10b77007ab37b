// SPDX-License-Identifier: Apache-2.0
// Packages that hold .proto files, fetched by the clients of their own registries into a cache of this workspace.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./workspace.js";

/** A package at one version, by the name its registry knows it under. */
export interface Package {
  readonly registry: "npm" | "go" | "maven";
  /** `group:artifact` in Maven. */
  readonly name: string;
  readonly version: string;
}

/** Below node_modules, so that nothing of it is ever committed and `npm ci` forgets it. */
const CACHE = join(ROOT, "node_modules/.cache/public-schemas");

/** `npm etcd3@1.1.2` */
export function packageTitle({ registry, name, version }: Package): string {
  return `${registry} ${name}@${version}`;
}

/** Fetches a package unless an earlier run has.
 *  @returns the folder that holds its files
 *  @throws Error with the client's words when it is absent or fails. */
export function fetchPackage(wanted: Package): string {
  if (wanted.registry === "go") return fetchGoModule(wanted); // which has a cache of its own
  const folder = join(CACHE, packageTitle(wanted).replace(/[^\w.@-]+/g, "-"));
  if (existsSync(folder)) return folder;
  const unfinished = `${folder}.unfinished`;
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(unfinished, { recursive: true });
  if (wanted.registry === "npm") fetchFromNpm(wanted, unfinished);
  else fetchFromMaven(wanted, unfinished);
  renameSync(unfinished, folder);
  return folder;
}

function fetchFromNpm({ name, version }: Package, folder: string): void {
  const file = run("npm", ["pack", "--silent", `${name}@${version}`], folder).trim();
  run("tar", ["-xzf", file, "--strip-components=1"], folder);
  rmSync(join(folder, file));
}

function fetchFromMaven({ name, version }: Package, folder: string): void {
  const options = { artifact: `${name}:${version}`, outputDirectory: folder, "mdep.unpack.includes": "**/*.proto" };
  const definitions = Object.entries(options).map(([key, value]) => `-D${key}=${value}`);
  run("mvn", ["--quiet", "--batch-mode", "dependency:unpack", ...definitions], folder);
}

function fetchGoModule({ name, version }: Package): string {
  mkdirSync(CACHE, { recursive: true });
  const answer = JSON.parse(run("go", ["mod", "download", "-json", `${name}@${version}`], CACHE)) as { Dir: string };
  return answer.Dir;
}

function run(command: string, args: readonly string[], cwd: string): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: "utf8" });
  if (status !== 0)
    throw new Error(`${command} ${args.join(" ")}: ${error?.message ?? ""}${stdout}${stderr}`, { cause: error });
  return stdout;
}
