// SPDX-License-Identifier: Apache-2.0
// The user's comments and positions, found by path in google.protobuf.SourceCodeInfo (descriptor.proto).
import type { DescFile, DescMethod, DescService } from "@bufbuild/protobuf";
import type { SourceCodeInfo_Location } from "@bufbuild/protobuf/wkt";

/** The comments of one declaration, as lines without comment marks. */
export interface Comments {
  /** Comments above the declaration that an empty line separates from it; one array of lines each. */
  readonly detached: readonly (readonly string[])[];
  /** The comment attached above, then the one behind the declaration, an empty line between them. */
  readonly attached: readonly string[];
}

/** Field numbers of descriptor.proto that make up the paths. */
const Field = {
  filePackage: 2,
  fileService: 6,
  fileSyntax: 12,
  serviceMethod: 2,
  methodOptions: 4,
} as const;

/** Finds what the user wrote about the declarations of one file. */
export class SourceInfo {
  private readonly locations = new Map<string, SourceCodeInfo_Location>();
  private readonly file: DescFile;

  constructor(file: DescFile) {
    this.file = file;
    for (const location of file.proto.sourceCodeInfo?.location ?? []) {
      // Messages are the bulk of a file and nothing here asks for them.
      if (isOfInterest(location.path)) this.locations.set(location.path.join("."), location);
    }
  }

  /** Comments above `syntax = …`: the licence, mostly. */
  syntaxComments(): Comments {
    return this.commentsAt([Field.fileSyntax]);
  }

  /** Comments above `package …`. */
  packageComments(): Comments {
    return this.commentsAt([Field.filePackage]);
  }

  serviceComments(service: DescService): Comments {
    return this.commentsAt(servicePath(service));
  }

  methodComments(method: DescMethod): Comments {
    return this.commentsAt(methodPath(method));
  }

  /** `file.proto:line:column` of a method's extension option, or of what is nearest to it; counted from 1. */
  optionPosition(method: DescMethod, extensionNumber: number, fieldNumber: number): string {
    const path = [...methodPath(method), Field.methodOptions, extensionNumber, fieldNumber];
    for (let length = path.length; length > 0; length--) {
      const location = this.locations.get(path.slice(0, length).join("."));
      if (location !== undefined) return this.position(location);
    }
    return this.file.proto.name;
  }

  /** `file.proto:line:column` of a service; the file alone when the compiler left positions out. */
  servicePosition(service: DescService): string {
    const location = this.locations.get(servicePath(service).join("."));
    return location === undefined ? this.file.proto.name : this.position(location);
  }

  private position({ span }: SourceCodeInfo_Location): string {
    const [line = 0, column = 0] = span;
    return `${this.file.proto.name}:${line + 1}:${column + 1}`;
  }

  private commentsAt(path: readonly number[]): Comments {
    const location = this.locations.get(path.join("."));
    if (location === undefined) return { detached: [], attached: [] };
    const blocks = [location.leadingComments, location.trailingComments]
      .map(linesOf)
      .filter((lines) => lines.length > 0);
    return {
      detached: location.leadingDetachedComments.map(linesOf).filter((lines) => lines.length > 0),
      attached: blocks.flatMap((lines, index) => (index === 0 ? lines : ["", ...lines])),
    };
  }
}

function isOfInterest(path: readonly number[]): boolean {
  return (
    path[0] === Field.fileService ||
    (path.length === 1 && (path[0] === Field.fileSyntax || path[0] === Field.filePackage))
  );
}

function servicePath(service: DescService): number[] {
  return [Field.fileService, service.file.services.indexOf(service)];
}

function methodPath(method: DescMethod): number[] {
  return [...servicePath(method.parent), Field.serviceMethod, method.parent.methods.indexOf(method)];
}

/** What tools obey wherever it stands in a comment: TypeScript's `@ts-…` and `@internal` (which removes declarations),
 *  bundlers' `@__PURE__` and the like, source maps, the end of a script in HTML; and in JavaScript tags that are types. */
const DIRECTIVE = new RegExp(
  [
    String.raw`[@#](?=ts-|internal\b|__[A-Z]|\s*source(?:Mapping)?URL\b)`,
    String.raw`@(?=(?:type|typedef|callback|template|satisfies|import|enum|this|extends|augments|implements|overload)\b|\w+\s*\{)`,
    "<(?=/script)",
  ].join("|"),
  "gi",
);

/** The same words, obeyed by nobody: a backslash is what documentation comments escape with. */
function harmless(comment: string): string {
  return comment.replace(DIRECTIVE, "$&\\");
}

/** Splits at every character that ends a line in JavaScript, so that no comment can leave its `//`. */
function linesOf(comment: string): string[] {
  const lines = harmless(comment)
    .split(/\r\n|[\n\r\u2028\u2029]/)
    .map((line) => line.replace(/^ /, "").trimEnd());
  const first = lines.findIndex((line) => line !== "");
  const last = lines.findLastIndex((line) => line !== "");
  return first < 0 ? [] : lines.slice(first, last + 1);
}
