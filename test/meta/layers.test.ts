// SPDX-License-Identifier: Apache-2.0
// The layer law of docs/architecture.md: who may import whom, no cycles, no clock below the engine.

import { expect } from "chai";
import { cleanRoomFaults } from "./support/clean-room.js";
import { type Import, importsOf, valueCycles } from "./support/imports.js";
import { parseSource, parseSources, place, ROOT, type Source } from "./support/repository.js";

interface Law {
  /** Folders (`bytes/`) and files (`engine/link.ts`) of other layers that it may import. */
  readonly layers: readonly string[];
  /** The same, but only by `import type`. */
  readonly types?: readonly string[];
  /** Packages; `node:*` is every module of Node. */
  readonly packages?: readonly string[];
}

/** From the bottom up. Each folder of runtime/src has its row; files directly in it are doors and may import anything. */
const LAWS: Readonly<Record<string, Law>> = {
  bytes: { layers: [] },
  frames: { layers: ["bytes/"] },
  metadata: { layers: ["bytes/"] },
  // The messages of protobuf: what generated codecs are made of.
  codec: { layers: ["bytes/"] },
  session: { layers: ["bytes/", "frames/"] },
  engine: { layers: ["bytes/", "frames/", "session/"] },
  // errors.ts: what the deframer throws.
  transports: {
    layers: ["bytes/", "frames/deframer.ts", "frames/errors.ts", "engine/link.ts"],
    packages: ["node:*", "ws"],
  },
  rsocket: { layers: ["bytes/", "frames/", "session/", "engine/"] },
  // Never session/ or frames/: what rpc needs of them has a name in rsocket/. Links only pass through it (types), but the
  // in-process server makes its own pair, and ports are the same everywhere.
  rpc: {
    layers: [
      "codec/",
      "metadata/",
      "rsocket/",
      "engine/scheduler.ts",
      "engine/turn-budget.ts",
      "transports/in-process.ts",
      "transports/message-port.ts",
    ],
    types: ["engine/link.ts"],
    packages: ["@bufbuild/protobuf"],
  },
  // From one connection to the next: `Channel` is rpc's, so that rpc never needs to know of this.
  resilience: { layers: ["metadata/", "engine/", "rsocket/", "rpc/"] },
  // A client that only calls: an engine and calls of its own, on what lies below both.
  lite: { layers: ["bytes/", "codec/", "frames/", "metadata/", "session/", "engine/", "rpc/"] },
  // The rooms behind the door `testing.ts`.
  testing: { layers: ["bytes/", "frames/", "metadata/", "session/", "engine/", "transports/", "rsocket/", "rpc/"] },
};

/** Types that everybody may name, so that each layer from the engine up can be observed. */
const OBSERVER_TYPES = /^(observe|rpc)\/observer\.ts$/;

/** They are told time, bytes and randomness as arguments. */
const CLEAN_ROOM = ["bytes", "frames", "metadata", "codec", "session"];

describe("the layers of the runtime", () => {
  const sources = parseSources("runtime/src");

  it("each have a law", () => {
    const folders = new Set(sources.map(({ path }) => folderOf(path)).filter((folder) => folder !== ""));
    expect([...folders].filter((folder) => LAWS[folder] === undefined)).to.deep.equal([]);
    expect(sources, `sources below ${ROOT}runtime/src`).to.have.length.above(50);
  });

  it("import only layers below them", () => {
    expect(sources.flatMap(layerFaults)).to.deep.equal([]);
  });

  it("import files that exist", () => {
    const paths = new Set(sources.map(({ path }) => path));
    const missing = (source: Source): string[] =>
      importsOf(source).flatMap(({ target, node }) =>
        target === undefined || paths.has(target) ? [] : [`${place(source, node)} ${target}`],
      );
    expect(sources.flatMap(missing)).to.deep.equal([]);
  });

  it("make no cycle of value imports", () => {
    expect(valueCycles(sources)).to.deep.equal([]);
  });

  it("know no clock, timer, promise, I/O and randomness below the engine", () => {
    const room = sources.filter(({ path }) => CLEAN_ROOM.includes(folderOf(path)));
    expect(room.flatMap(cleanRoomFaults)).to.deep.equal([]);
  });
});

describe("the plugin", () => {
  it("never imports the runtime", () => {
    const faults = parseSources("plugin/src").flatMap((source) =>
      importsOf(source)
        .filter(({ specifier }) => /runtime|^rsocket-rpc/.test(specifier))
        .map(({ node }) => place(source, node)),
    );
    expect(faults).to.deep.equal([]);
  });

  it("has no cycle of value imports", () => {
    expect(valueCycles(parseSources("plugin/src"))).to.deep.equal([]);
  });
});

describe("the check of layers", () => {
  it("finds an import that goes up, a package and a value where only types may be", () => {
    const at = (path: string, text: string): readonly string[] => layerFaults(parseSource(path, text));
    expect(at("bytes/a.ts", `import type { B } from "../frames/b.js";`)).to.deep.equal([
      "bytes/a.ts:1 imports frames/b.ts",
    ]);
    expect(at("session/a.ts", `\nexport * from "../engine/link.js";`)).to.deep.equal([
      "session/a.ts:2 imports engine/link.ts",
    ]);
    expect(at("rpc/a.ts", `const a = await import("../session/a.js");`)).to.deep.equal([
      "rpc/a.ts:1 imports session/a.ts",
    ]);
    expect(at("rpc/a.ts", `type A = import("../frames/a.js").A;`)).to.deep.equal(["rpc/a.ts:1 imports frames/a.ts"]);
    expect(at("rpc/a.ts", `import { A } from "../engine/link.js";`)).to.deep.equal([
      "rpc/a.ts:1 imports engine/link.ts",
    ]);
    expect(at("rpc/a.ts", `import { Socket } from "node:net";`)).to.deep.equal(["rpc/a.ts:1 imports node:net"]);
    expect(at("frames/a.ts", `import "../index.js";`)).to.deep.equal(["frames/a.ts:1 imports index.ts"]);
    expect(at("rpc/a.ts", `import type { A } from "../engine/link.js"; // import "../frames/a.js"`)).to.deep.equal([]);
    expect(at("transports/a.ts", `import "ws"; import "node:tls"; import "./b.js";`)).to.deep.equal([]);
    expect(at("node.ts", `import "ws"; export * from "./rpc/a.js";`)).to.deep.equal([]);
  });

  it("finds cycles of values and leaves those of types", () => {
    const file = (path: string, ...lines: string[]): Source => parseSource(path, lines.join("\n"));
    const a = file("a/a.ts", `import { b } from "../b/b.js";`);
    const b = file("b/b.ts", `import { type C } from "../c.js";`);
    expect(valueCycles([a, b, file("c.ts", `export { a } from "./a/a.js";`)])).to.deep.equal([
      "a/a.ts → b/b.ts → c.ts → a/a.ts",
    ]);
    expect(valueCycles([a, b, file("c.ts", `import type { A } from "./a/a.js";`)])).to.deep.equal([]);
  });

  it("finds what the clean room forbids, and only that", () => {
    const faults = (text: string): readonly string[] =>
      cleanRoomFaults(parseSource("a.ts", text)).map((fault) => fault.split(" ").slice(1).join(" "));
    expect(faults("const t = Date.now();")).to.deep.equal(["Date"]);
    expect(faults("async function f() { await g(); for await (const x of y) {} }")).to.deep.equal([
      "async",
      "await",
      "await",
    ]);
    expect(faults("function f(): Promise<void> { return Math.random() > 0 ? h : i; }")).to.deep.equal([
      "Promise",
      "Math.random",
    ]);
    expect(faults(`import { x } from "node:crypto"; const { process } = globalThis;`)).to.deep.equal([
      "globalThis",
      "import of node:crypto",
    ]);
    expect(faults("x.process(); interface A { Buffer: 1; performance(): void } const b = { Date: 1 };")).to.deep.equal(
      [],
    );
    expect(
      faults("// Promise, setTimeout\nconst text = `Buffer`; function f(crypto: A) { crypto.b(); }"),
    ).to.deep.equal([]);
  });
});

function layerFaults(source: Source): readonly string[] {
  const folder = folderOf(source.path);
  if (folder === "") return [];
  const law = LAWS[folder] ?? { layers: [] };
  return importsOf(source)
    .filter((found) => !isAllowed(folder, law, found))
    .map(({ target, specifier, node }) => `${place(source, node)} imports ${target ?? specifier}`);
}

function isAllowed(
  folder: string,
  { layers, types = [], packages = [] }: Law,
  { target, specifier, typeOnly }: Import,
): boolean {
  if (target === undefined)
    return packages.some((name) => (name === "node:*" ? specifier.startsWith("node:") : name === specifier));
  if (folderOf(target) === folder) return true;
  if (typeOnly && OBSERVER_TYPES.test(target)) return true;
  return [...layers, ...(typeOnly ? types : [])].some((allowed) =>
    allowed.endsWith("/") ? target.startsWith(allowed) : target === allowed,
  );
}

/** The layer of a file; "" for a door. */
function folderOf(path: string): string {
  return path.includes("/") ? path.slice(0, path.indexOf("/")) : "";
}
