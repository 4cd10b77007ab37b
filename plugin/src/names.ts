// SPDX-License-Identifier: Apache-2.0
// Identifiers of the generated file: what a service and its methods are called, and how clashes are settled.
import type { DescFile, DescMethod, DescService } from "@bufbuild/protobuf";

/** What is declared for a service. */
export interface ServiceNames {
  readonly nameConstant: string;
  readonly clientInterface: string;
  readonly createClient: string;
  readonly handlerInterface: string;
  readonly unimplemented: string;
  readonly implement: string;
}

/** Every declaration of a file. */
export interface DeclaredNames {
  readonly services: ReadonlyMap<DescService, ServiceNames>;
  /** The constant of each method. */
  readonly constants: ReadonlyMap<DescMethod, string>;
  /** The member of client and handler for each method. */
  readonly members: ReadonlyMap<DescMethod, string>;
  /** Names that an import must not have. */
  readonly taken: ReadonlySet<string>;
}

/** Words that cannot be declared; the last five not in a file that is compiled to CommonJS. */
const KEYWORDS =
  "arguments as async await break case catch class const continue debugger default delete do else enum eval export extends " +
  "false finally for function if implements import in instanceof interface let new null package private protected public " +
  "return static super switch this throw true try type typeof undefined var void while with yield " +
  "any bigint boolean never number object string symbol unknown exports require module __dirname " +
  "__filename";

/** Names a reader takes for the language's own; a message called so is imported under another name. */
const GLOBALS =
  "AbortController AbortSignal AggregateError Array ArrayBuffer AsyncGenerator AsyncIterable AsyncIterableIterator " +
  "AsyncIterator Atomics Awaited BigInt BigInt64Array BigUint64Array Boolean DataView Date Error EvalError Exclude Extract " +
  "FinalizationRegistry Float32Array Float64Array Function Generator Infinity Int16Array Int32Array Int8Array Intl Iterable " +
  "IterableIterator Iterator JSON Map Math NaN NonNullable Number Object Omit Parameters Partial Pick Promise PromiseLike " +
  "Proxy RangeError Readonly ReadonlyArray ReadonlyMap ReadonlySet Record ReferenceError Reflect RegExp Required ReturnType " +
  "Set SharedArrayBuffer String Symbol SyntaxError TypeError URIError Uint16Array Uint32Array Uint8Array Uint8ClampedArray " +
  "WeakMap WeakRef WeakSet globalThis";

/** Parameters of the generated functions: a constant of that name would be hidden inside them. */
const PARAMETERS = "channel context handler options request requests";

/** What every file exports beside its services. */
const EXPORTED = "Generation1";

/** Members that JavaScript calls by itself: on string conversion, on JSON.stringify, on `await`; and the prototype.
 *  protobuf-es gives the first four a `$` as well. */
const RESERVED_MEMBERS = new Set(["constructor", "toString", "toJSON", "valueOf", "then", "__proto__"]);

/** Names everything that the file of `file` declares. A name that is taken gets `$`, then `$1`, `$2`, …; in the order
 *  of declaration, all services first, so that a method never renames a service. */
export function declareNames(file: DescFile): DeclaredNames {
  const taken = new Set(`${KEYWORDS} ${GLOBALS} ${PARAMETERS} ${EXPORTED}`.split(" "));
  const services = new Map(file.services.map((service) => [service, nameService(service.name, taken)]));
  const constants = new Map<DescMethod, string>();
  const members = new Map<DescMethod, string>();
  for (const service of file.services) {
    const takenMembers = new Set(RESERVED_MEMBERS);
    for (const method of service.methods) {
      constants.set(method, take(taken, service.name + method.name));
      members.set(method, take(takenMembers, method.name.charAt(0).toLowerCase() + method.name.slice(1)));
    }
  }
  return { services, constants, members, taken };
}

function nameService(name: string, taken: Set<string>): ServiceNames {
  return {
    nameConstant: take(taken, `${name}Name`),
    clientInterface: take(taken, `${name}Client`),
    createClient: take(taken, `create${name}Client`),
    handlerInterface: take(taken, `${name}Handler`),
    unimplemented: take(taken, `unimplemented${name}`),
    implement: take(taken, `implement${name}`),
  };
}

/** Takes the first free of `name`, `name$`, `name$1`, `name$2`, … ($ cannot stand in a name of protobuf). */
function take(taken: Set<string>, name: string): string {
  for (let attempt = 0; ; attempt++) {
    const candidate = attempt === 0 ? name : attempt === 1 ? `${name}$` : `${name}$${attempt - 1}`;
    if (taken.has(candidate)) continue;
    taken.add(candidate);
    return candidate;
  }
}
