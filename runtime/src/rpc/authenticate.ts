// SPDX-License-Identifier: Apache-2.0
// Who a caller is and what it may do, decided in one place for SETUP and for each call (RSocket extension "Authentication").

import { type Authentication, readAuthentication } from "../metadata/auth.js";
import { CompositeReader, mimeTypeOf } from "../metadata/composite.js";
import { AUTHENTICATION_MIME_TYPE } from "../metadata/mime-types.js";
import { metadataModeOf } from "../metadata/mode.js";
import { checkOptions, type Kinds } from "../rsocket/settings.js";
import type { CallMethod, Interceptor } from "./call.js";
import type { CallContext } from "./call-context.js";
import { Code } from "./code.js";
import type { Connection, PeerInfo } from "./connection.js";
import { type ContextKey, createContextKey } from "./context-values.js";
import { RpcError } from "./error.js";
import type { Setup } from "./serve.js";

/** A call that somebody wants to make. */
export interface AuthorizationRequest<T> {
  readonly identity: T;
  /** Where the identity was shown: with SETUP or by the connection itself, or with this call. */
  readonly shownBy: "connection" | "call";
  readonly method: CallMethod;
  readonly peer: PeerInfo;
}

/**
 * How callers show who they are, and what they may do. Each function may throw an RpcError to say more than no. What is no
 * identity, null, false and an empty text, means nobody as undefined does.
 */
export interface AuthenticateOptions<T> {
  /** Whose bearer token this is; undefined: nobody's. Unset: tokens are refused. */
  bearer?(token: string, peer: PeerInfo): T | undefined | Promise<T | undefined>;
  /** Who has this name and password; undefined: nobody. Unset: they are refused. */
  simple?(username: string, password: string, peer: PeerInfo): T | undefined | Promise<T | undefined>;
  /** Who a client is that shows neither: by its certificate, its cookies (`peer.upgrade`), its address. Undefined: nobody. */
  peer?(peer: PeerInfo): T | undefined | Promise<T | undefined>;
  /** Whether this one may make this call. Unset: whoever is known may make every call. */
  authorize?(request: AuthorizationRequest<T>): boolean | Promise<boolean>;
  /** True: who isn't known by the end of SETUP isn't let in. By default each call may say it for itself. */
  readonly requireSetup?: boolean;
}

/** The three parts for `serve`. */
export interface Authenticator<T> {
  /** For the option `accept`. */
  readonly accept: (setup: Setup, connection: Connection) => Promise<void>;
  /** For the option `interceptors`, in front of those that ask for `identity`. */
  readonly interceptor: Interceptor;
  /** Who makes a call: `context.values.get(identity)`. Never undefined in a handler behind the interceptor. */
  readonly identity: ContextKey<T | undefined>;
}

interface Known<T> {
  readonly identity: T;
  readonly shownBy: "connection" | "call";
}

const KNOWN: Kinds = {
  bearer: "function",
  simple: "function",
  peer: "function",
  authorize: "function",
  requireSetup: "boolean",
};

const AUTHORIZATION = "authorization";
const BEARER = /^bearer +(\S+)$/i;
const BASIC = /^basic +([A-Za-z0-9+/=]+)$/i;

/**
 * Authentication for a server, of clients by SETUP and of calls each for itself: a bearer token or name and password in
 * SETUP, in the header `authorization` of a call (`Bearer …`, `Basic …`), or in its authentication entry in composite mode.
 * What a call shows counts for that call, in the place of what its connection showed. Nobody gets in unknown, wrong
 * credentials never count as none, and what is refused hears `unauthenticated` or `permission_denied` and no more.
 *
 * Compare secrets in constant time: `tokenTable` and `secretsEqual` of `rsocket-rpc/node` do.
 * @example
 * const auth = authenticate({
 *   bearer: tokenTable(new Map([["s3cret", "ann"]])),
 *   authorize: ({ identity, method }) => identity === "ann" || method.name === "Last",
 * });
 * await serve(url, { services, accept: auth.accept, interceptors: [auth.interceptor] });
 */
export function authenticate<T>(options: AuthenticateOptions<T>): Authenticator<T> {
  checkOptions(options, KNOWN);
  const identity = createContextKey<T | undefined>("identity", undefined);
  const isComposite = createContextKey("composite metadata", false);
  return {
    identity,
    async accept(setup, connection) {
      setup.values.set(isComposite, metadataModeOf(setup.metadataMimeType) === "composite");
      const shown = shownInSetup(setup);
      const known =
        shown === undefined ? identityOf(await options.peer?.(connection.peer)) : await verify(shown, connection.peer);
      if (known === undefined && (shown !== undefined || options.requireSetup === true)) throw unknown(shown);
      setup.values.set(identity, known);
    },
    interceptor: async (call, next) => {
      const { context } = call;
      if (context === undefined) return next(call); // a call that this side makes
      const { peer } = context.connection;
      const { identity: caller, shownBy } = await whoCalls(context, peer);
      const { method } = call;
      // What isn't said isn't allowed: in JavaScript it may be anything.
      const { authorize } = options;
      if (authorize !== undefined && (await authorize({ identity: caller, shownBy, method, peer })) !== true) {
        throw new RpcError(Code.PermissionDenied, `${method.service}.${method.name} isn't allowed to this caller`);
      }
      call.values.set(identity, caller);
      return next(call);
    },
  };

  async function whoCalls(context: CallContext, peer: PeerInfo): Promise<Known<T>> {
    const shown = shownInCall(context, context.values.get(isComposite));
    const known = shown === undefined ? context.values.get(identity) : await verify(shown, peer);
    if (known === undefined) throw unknown(shown);
    return { identity: known, shownBy: shown === undefined ? "connection" : "call" };
  }

  async function verify(shown: Authentication, peer: PeerInfo): Promise<T | undefined> {
    switch (shown.type) {
      case "bearer":
        return identityOf(await options.bearer?.(shown.token, peer));
      case "simple":
        return identityOf(await options.simple?.(shown.username, shown.password, peer));
      case "custom":
        return undefined;
    }
  }
}

// Databases say null for nobody, comparisons false, and `name && …` an empty name: a slip must not open the door.
function identityOf<T>(found: T | undefined): T | undefined {
  return found === null || found === false || found === "" ? undefined : found;
}

// Which of them was wrong helps nobody but a guesser.
function unknown(shown: Authentication | undefined): RpcError {
  const message =
    shown === undefined ? "who calls isn't known: credentials are missing" : "the credentials aren't known";
  return new RpcError(Code.Unauthenticated, message);
}

// Two could be checked in one place and believed in another.
function shownInSetup({ bearerToken, credentials }: Setup): Authentication | undefined {
  if (bearerToken !== undefined && credentials !== undefined) throw malformed("a token and a password, expected one");
  if (bearerToken !== undefined) return { type: "bearer", token: bearerToken };
  return credentials === undefined ? undefined : { type: "simple", ...credentials };
}

function shownInCall({ headers, rawMetadata }: CallContext, isComposite: boolean): Authentication | undefined {
  const [header, another] = headers.getAll(AUTHORIZATION);
  const entry = isComposite ? authenticationIn(rawMetadata) : undefined;
  if (another !== undefined || (header !== undefined && entry !== undefined)) {
    throw malformed("several credentials with one call, expected one");
  }
  return header === undefined ? entry : parseHeader(header);
}

function authenticationIn(metadata: Uint8Array): Authentication | undefined {
  let found: Authentication | undefined;
  // The entries were counted when the request was read.
  const reader = new CompositeReader(metadata, 0, metadata.length, Number.POSITIVE_INFINITY);
  try {
    while (reader.next()) {
      if (mimeTypeOf(reader) !== AUTHENTICATION_MIME_TYPE) continue;
      if (found !== undefined) throw malformed("several credentials with one call, expected one");
      found = readAuthentication(metadata, reader.payloadStart, reader.payloadEnd);
    }
  } catch (error) {
    if (error instanceof RpcError) throw error;
    throw malformed("the authentication entry can't be read");
  }
  return found;
}

function parseHeader(header: string): Authentication {
  const token = BEARER.exec(header)?.[1];
  if (token !== undefined) return { type: "bearer", token };
  const pair = decodeBasic(BASIC.exec(header)?.[1] ?? "");
  const colon = pair?.indexOf(":") ?? -1;
  if (pair === undefined || colon < 0) throw malformed('the header authorization isn\'t "Bearer …" or "Basic …"');
  return { type: "simple", username: pair.slice(0, colon), password: pair.slice(colon + 1) };
}

function decodeBasic(base64: string): string | undefined {
  try {
    const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function malformed(message: string): RpcError {
  return new RpcError(Code.Unauthenticated, message);
}
