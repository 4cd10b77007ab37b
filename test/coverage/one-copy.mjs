// SPDX-License-Identifier: Apache-2.0
// With `--import`: every way to the runtime, its sources or its package, leads to the one copy in dist/ beside this file.
// Otherwise tests load it twice, compiled differently, and neither copy's counts say what is tested.
import { readFileSync } from "node:fs";
import module from "node:module";

const SOURCES = new URL("../../runtime/src/", import.meta.url).href;
const BUILT = new URL("../../runtime/dist/", import.meta.url).href;
const COPY = new URL("dist/", import.meta.url).href;
const MANIFEST = new URL("../../runtime/package.json", import.meta.url);
const { name: PACKAGE, exports: DOORS } = JSON.parse(readFileSync(MANIFEST, "utf8"));

/** The address in the copy of what `specifier` means in the file at `parentUrl`; undefined when that's none of the runtime. */
export function addressInCopy(specifier, parentUrl) {
  if (specifier === PACKAGE || specifier.startsWith(`${PACKAGE}/`)) {
    const door = DOORS[`.${specifier.slice(PACKAGE.length)}`]?.default;
    return door && inCopy(new URL(door, MANIFEST).href);
  }
  const isAddress = /^(\.{0,2}\/|file:)/.test(specifier);
  return isAddress && parentUrl !== undefined ? inCopy(new URL(specifier, parentUrl).href) : undefined;
}

function inCopy(url) {
  const path = url.replace(/[?#].*$/, "");
  const folder = [SOURCES, BUILT].find((one) => path.startsWith(one));
  if (folder === undefined || !/(?<!\.d)\.[jt]s$/.test(path)) return undefined;
  return `${COPY}${path.slice(folder.length, -3)}.js`;
}

export function resolve(specifier, context, nextResolve) {
  const url = addressInCopy(specifier, context.parentURL);
  return url === undefined ? nextResolve(specifier, context) : { url, format: "module", shortCircuit: true };
}

// This file is also the module that a hooks thread of Node 20 loads, which has none of its own.
if (new URL(import.meta.url).search === "") {
  if (module.registerHooks === undefined) module.register(`${import.meta.url}?hooks`);
  else module.registerHooks({ resolve });
}
