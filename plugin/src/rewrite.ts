// SPDX-License-Identifier: Apache-2.0
// The option rewrite_imports: paths of imports replaced by the user's own, with the patterns protoc-gen-es takes.
import type { ImportRewrite } from "./options.js";

const RELATIVE = /^\.{1,2}\//;

/** The path that stands for `path`: that of the first pattern that fits, or `path` itself.
 *
 *  A relative path is kept behind the target (`./a/b_pb.js` becomes `@my/pkg/a/b_pb.js`), a package is replaced by it. */
export function rewriteImport(path: string, rewrites: readonly ImportRewrite[]): string {
  const rewrite = rewrites.find(({ pattern }) => patternToRegExp(pattern).test(path));
  if (rewrite === undefined) return path;
  return RELATIVE.test(path) ? rewrite.target.replace(/\/$/, "") + path.replace(RELATIVE, "/") : rewrite.target;
}

/** `*` stands for anything within a folder's or a file's name, `**` and a slash for any folders or none. */
function patternToRegExp(pattern: string): RegExp {
  const parts = pattern
    .split(/(\*\*\/|\*)/)
    .map((part) => (part === "**/" ? "([^/]+/)*" : part === "*" ? "[^/]*" : escapeForRegExp(part)));
  return new RegExp(`^${parts.join("")}$`);
}

function escapeForRegExp(text: string): string {
  return text.replace(/[.+?^${}()|[\]\\]/g, "\\$&");
}
