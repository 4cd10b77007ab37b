// SPDX-License-Identifier: Apache-2.0
// The repository speaks only of itself: no paths of anybody's machine, no odd hosts, no dead links, a lock for everybody.

import { existsSync } from "node:fs";
import { posix } from "node:path";
import { expect } from "chai";
import { faultsOf, type Lock, locks } from "../../.ci/check-lock.mjs";
import { isGenerated, listFiles, ROOT, readText } from "./support/repository.js";

/** Folders where somebody's files live. */
const MACHINE_PATH = /(?<![\w.:/])\/(?:home|root|Users|work|mnt)\/[\w.-]+/g;

/** Hosts that code, tests and pages may name. */
const HOSTS = [
  "127.0.0.1",
  "::1",
  "localhost",
  "github.com",
  "npmjs.com",
  "nodejs.org",
  "rsocket.io",
  "buf.build",
  "protobuf.dev",
  "grpc.io",
  "opentelemetry.io",
  "w3.org",
  "rfc-editor.org",
  "apache.org",
  "registry.npmjs.org",
];

const SCRIPTS_WITHOUT_NEED = ["@bufbuild/buf", "esbuild", "protobufjs"];

/** package.json, as far as it is looked at. */
interface Manifest {
  readonly devDependencies: Readonly<Record<string, string>>;
  readonly allowScripts: Readonly<Record<string, boolean>>;
}

describe("the repository", () => {
  const files = listFiles().filter((path) => !isBinary(path));
  const texts = files.map((path) => ({ path, text: readText(path) }));

  it("names no path of a machine it was written on", () => {
    const found = texts.flatMap(({ path, text }) =>
      [...text.matchAll(MACHINE_PATH)].map(([match]) => `${path}: ${match}`),
    );
    expect(found).to.deep.equal([]);
  });

  it("has no page or comment that points outside", () => {
    const found = texts.flatMap(({ path, text }) => pathsOut(path, text).map((outside) => `${path}: ${outside}`));
    expect(found).to.deep.equal([]);
    expect(pathsOut("docs/a.md", "see `../b.md` and ../../c/d.md")).to.deep.equal(["../../c/d.md"]);
    expect(pathsOut("docs/a.ts", `// ../../a\nimport "../../b";`)).to.deep.equal(["../../a"]);
  });

  it("names no host but those of its standards, tools and examples", () => {
    const ours = texts.filter(({ path }) => !path.endsWith("package-lock.json")); // they tell who asks for funds
    const found = ours.flatMap(({ path, text }) =>
      hostsIn(text)
        .filter((host) => !isKnownHost(host))
        .map((host) => `${path}: ${host}`),
    );
    expect([...new Set(found)]).to.deep.equal([]);
  });

  it("ends lines with LF and files with a line", () => {
    const faulty = texts.filter(
      ({ path, text }) => !isGenerated(path) && (text.includes("\r\n") || !text.endsWith("\n")),
    );
    expect(faulty.map(({ path }) => path)).to.deep.equal([]);
  });

  it("has pages whose links lead somewhere", () => {
    const dead = texts
      .filter(({ path }) => path.endsWith(".md"))
      .flatMap(({ path, text }) =>
        linksIn(text)
          .filter((link) => !leadsSomewhere(path, link))
          .map((link) => `${path}: ${link}`),
      );
    expect(dead).to.deep.equal([]);
  });

  it("brings no npm settings: they would come with every clone", () => {
    expect(files.filter((path) => /(^|\/)\.npmrc$/.test(path))).to.deep.equal([]);
  });
});

describe("the lock", () => {
  const lock = JSON.parse(readText("package-lock.json")) as Lock;

  it("holds every package for every system, with integrity, from the public registry", () => {
    expect(faultsOf(lock)).to.deep.equal([]);
  });

  it("does so beside each tool and peer that has packages of its own", () => {
    const tracked = listFiles().filter((path) => path.endsWith("package-lock.json"));
    expect([...locks()].sort()).to.deep.equal(tracked);
    for (const path of locks()) expect(faultsOf(JSON.parse(readText(path)) as Lock), path).to.deep.equal([]);
  });

  it("pins what package.json pins: exactly", () => {
    const { devDependencies } = JSON.parse(readText("package.json")) as Manifest;
    const loose = Object.entries(devDependencies).filter(([, range]) => !/^(npm:[\w@/-]+@)?\d+\.\d+\.\d+$/.test(range));
    expect(loose).to.deep.equal([]);
  });

  it("pins the versions that CONTRIBUTING gives reasons for", () => {
    const { devDependencies } = JSON.parse(readText("package.json")) as Manifest;
    const rows = [...readText("CONTRIBUTING.md").matchAll(/^\| (`.+?) \| ([\d., ]+) \|/gm)];
    const stated = rows.flatMap(([, names = "", versions = ""]) => {
      const version = versions.split(", ");
      return [...names.matchAll(/`(.+?)`/g)].map(([, name = ""], index) => [name, version[index]] as const);
    });
    expect(stated).to.have.length.above(10);
    const actual = stated.map(([name]) => [name, devDependencies[name]?.replace(/^npm:.*@/, "")]);
    expect(stated).to.deep.equal(actual);
  });

  it("needs no install script but those that are known to be dispensable", () => {
    const scripted = Object.entries(lock.packages).filter(([, { hasInstallScript }]) => hasInstallScript === true);
    const names = scripted.map(([path]) => path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length));
    const { allowScripts } = JSON.parse(readText("package.json")) as Manifest;
    expect(names.sort()).to.deep.equal(SCRIPTS_WITHOUT_NEED);
    expect(allowScripts).to.deep.equal(Object.fromEntries(SCRIPTS_WITHOUT_NEED.map((name) => [name, false])));
  });
});

describe("the check of the lock", () => {
  const integrity = `sha512-${"A".repeat(86)}==`;
  const good = { version: "1.0.0", integrity };
  const faults = (packages: Lock["packages"]): readonly string[] => faultsOf({ lockfileVersion: 3, packages });

  it("finds a missing package of another system", () => {
    const parent = { ...good, optionalDependencies: { "a-win32": "1.0.0" } };
    expect(faults({ "node_modules/a": parent })).to.deep.equal(["node_modules/a: a-win32@1.0.0 is missing"]);
    expect(faults({ "node_modules/a": parent, "node_modules/a-win32": good })).to.deep.equal([]);
    expect(faults({ "node_modules/a": parent, "node_modules/a/node_modules/a-win32": good })).to.deep.equal([]);
  });

  it("looks for a package where Node does: beside and above, never below or next door", () => {
    const parent = { ...good, dependencies: { c: "^1.0.0" } };
    const nested = (where: string): readonly string[] =>
      faults({ "node_modules/b": good, "node_modules/b/node_modules/a": parent, [where]: good });
    expect(nested("node_modules/b/node_modules/c")).to.deep.equal([]);
    expect(nested("node_modules/c")).to.deep.equal([]);
    expect(nested("node_modules/d/node_modules/c")).to.deep.equal([
      "node_modules/b/node_modules/a: c@^1.0.0 is missing",
    ]);
  });

  it("finds no or weak integrity, another host, another version and a dead link", () => {
    expect(faults({ "node_modules/a": { version: "1.0.0" } })).to.have.length(1);
    expect(faults({ "node_modules/a": { version: "1.0.0", integrity: "sha1-AAAA" } })).to.have.length(1);
    expect(faults({ "node_modules/a": { ...good, resolved: "https://example.com/a.tgz" } })).to.have.length(1);
    expect(faults({ "": { devDependencies: { a: "1.0.1" } }, "node_modules/a": good })).to.deep.equal([
      "(top): wants a@1.0.1, the lock has 1.0.0",
    ]);
    expect(faults({ "node_modules/a": { link: true, resolved: "a" } })).to.have.length(1);
  });
});

function isBinary(path: string): boolean {
  return /\.(png|ico|gz|tgz|bin|binpb)$/.test(path);
}

/** Relative paths that climb above the repository's top: in code only in its comments, for its strings go elsewhere. */
function pathsOut(path: string, whole: string): readonly string[] {
  const isCode = /\.(ts|mjs|cjs|js)$/.test(path);
  const text = isCode ? (whole.match(/^\s*(\/\/|\/?\*).*$/gm) ?? []).join("\n") : whole;
  const depth = path.split("/").length - 1;
  const climbing = [...text.matchAll(/(?<![\w/.])(?:\.\.\/)+[\w@.-][\w@./-]*/g)].map(([match]) => match);
  return climbing.filter((match) => match.split("../").length - 1 > depth);
}

/** Hosts of URLs as written; a host made by a template (`${…}`) or a placeholder without a dot is none. */
function hostsIn(text: string): readonly string[] {
  return [...text.matchAll(/\b(?:https?|wss?|tcps?|tls):\/\/(?:[^\s/@"'`]+@)?(\[[\da-f:]+\]|[\w.-]+)/gi)].map(
    ([, host = ""]) => host.replace(/[[\]]/g, ""),
  );
}

function isKnownHost(host: string): boolean {
  const isPlaceholder = !host.includes(".") && !host.includes(":");
  const isExample = /(^|\.)(example(\.(com|org|net))?|test|invalid)$/.test(host);
  return isPlaceholder || isExample || HOSTS.some((known) => host === known || host.endsWith(`.${known}`));
}

/** Targets of Markdown links, outside code. */
function linksIn(text: string): readonly string[] {
  const prose = text.replace(/```[\s\S]*?```/g, "").replace(/`[^`]*`/g, "");
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = ""]) => link).filter((link) => !/^[a-z]+:/i.test(link));
}

function leadsSomewhere(page: string, link: string): boolean {
  const [target = "", anchor] = link.split("#");
  const path = target === "" ? page : posix.join(posix.dirname(page), target);
  if (path.startsWith("..") || !existsSync(`${ROOT}${path}`)) return false;
  return anchor === undefined || anchorsOf(readText(path)).includes(anchor);
}

/** Anchors of headings, as GitHub makes them. */
function anchorsOf(text: string): readonly string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, "")
      .replaceAll(" ", "-"),
  );
}
