// SPDX-License-Identifier: Apache-2.0
// What the README's client costs in a browser: bundled by esbuild, minified, compressed as servers do.

import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { textOf } from "./packed.js";
import { ROOT } from "./programs.js";

/** Bytes of one part of a bundle, minified. */
export interface Part {
  readonly name: string;
  readonly bytes: number;
}

/** The size of a bundle and of its parts, the largest first. */
export interface Size {
  readonly bytes: number;
  readonly gzipBytes: number;
  readonly parts: readonly Part[];
  /** Modules of the runtime of which something is in it, such as `rpc/router.js`. */
  readonly modules: readonly string[];
}

/** The README's client as a page has it: through the other door, over a WebSocket. */
export function browserClient(): string {
  return textOf("examples/hello/client.ts")
    .replace("rsocket-rpc/node", "rsocket-rpc/web")
    .replace("tcp://127.0.0.1:7000", "ws://127.0.0.1:7001/rpc");
}

/** The same client without services for calls from the server. */
export function callingClient(): string {
  return browserClient()
    .replace(/^ *services: .*\n/m, "")
    .replace(", implementAlerts", "");
}

/** The same by `rsocket-rpc/lite`. */
export function liteClient(): string {
  return callingClient()
    .replaceAll("createChannel", "connect")
    .replace("= connect(", "= await connect(")
    .replace("rsocket-rpc/web", "rsocket-rpc/lite");
}

/** The same by protobuf-es's reflection, `codec=reflect`. */
export function reflectingClient(): string {
  return liteClient().replaceAll("./gen/", "../../test/packages/gen/");
}

/** Measures a module as if it stood beside the example's files. */
export async function sizeOf(contents: string): Promise<Size> {
  const { outputFiles, metafile } = await build({
    stdin: { contents, resolveDir: join(ROOT, "examples/hello"), loader: "ts" },
    absWorkingDir: ROOT,
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    platform: "browser",
    write: false,
    metafile: true,
    logLevel: "silent",
  });
  const bytes = new Map<string, number>();
  const modules: string[] = [];
  for (const { inputs } of Object.values(metafile.outputs))
    for (const [path, { bytesInOutput }] of Object.entries(inputs)) {
      bytes.set(partOf(path), (bytes.get(partOf(path)) ?? 0) + bytesInOutput);
      const module = /runtime\/dist\/(.*)$/.exec(path)?.[1];
      if (module !== undefined && bytesInOutput > 0) modules.push(module);
    }
  const [output] = outputFiles;
  return {
    bytes: output?.contents.length ?? 0,
    gzipBytes: gzipSync(output?.contents ?? "", { level: 9 }).length,
    parts: [...bytes].map(([name, size]) => ({ name, bytes: size })).sort((a, b) => b.bytes - a.bytes),
    modules,
  };
}

function partOf(path: string): string {
  if (path.includes("@bufbuild/protobuf")) return "@bufbuild/protobuf";
  const layer = /runtime\/dist\/(\w+)\//.exec(path)?.[1];
  if (layer !== undefined) return `rsocket-rpc, ${layer}/`;
  return path.includes("runtime/dist/") ? "rsocket-rpc, doors" : "the client and its generated code";
}
