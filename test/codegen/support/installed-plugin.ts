// SPDX-License-Identifier: Apache-2.0
// A project of a user with the plugin as npm packs it, and with the programs of this workspace that a user would install.
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { ROOT } from "./workspace.js";

/** The project; remove it when it is no longer needed. */
export interface Project {
  readonly folder: string;
  /** Where the plugin's package is. */
  readonly installed: string;
  /** Programs of the project before those of the system, as under npx. */
  readonly environment: NodeJS.ProcessEnv;
  /** Runs a program in the project.
   *  @returns what it wrote to standard error
   *  @throws Error with all it wrote when it fails. */
  run(command: string, ...args: readonly string[]): string;
  remove(): void;
}

/** Programs that users install beside the plugin. */
const BESIDE = ["buf", "protoc", "protoc-gen-es"];

/** Packs the plugin and unpacks it into a fresh project outside of the repository. */
export function installPlugin(): Project {
  const folder = mkdtempSync(join(tmpdir(), "rsocket-rpc-package-"));
  const bin = join(folder, "node_modules/.bin");
  const installed = join(folder, "node_modules/protoc-gen-rsocket-rpc");
  const environment = { ...process.env, PATH: [bin, process.env["PATH"] ?? ""].join(delimiter) };
  const run = (cwd: string, command: string, args: readonly string[]): string => {
    const { status, stdout, stderr } = spawnSync(command, args, { cwd, env: environment, encoding: "utf8" });
    if (status !== 0) throw new Error(`${command} ${args.join(" ")}: ${stdout}${stderr}`);
    return stderr;
  };
  for (const path of [bin, installed]) mkdirSync(path, { recursive: true });
  run(join(ROOT, "plugin"), "npm", ["pack", "--silent", "--pack-destination", folder]);
  const { version } = JSON.parse(readFileSync(join(ROOT, "plugin/package.json"), "utf8")) as { version: string };
  const packed = join(folder, `protoc-gen-rsocket-rpc-${version}.tgz`);
  run(folder, "tar", ["-xzf", packed, "-C", installed, "--strip-components=1"]);
  symlinkSync("../protoc-gen-rsocket-rpc/bin/protoc-gen-rsocket-rpc", join(bin, "protoc-gen-rsocket-rpc"));
  for (const name of BESIDE) symlinkSync(join(ROOT, "node_modules/.bin", name), join(bin, name));
  return {
    folder,
    installed,
    environment,
    run: (command, ...args) => run(folder, command, args),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
