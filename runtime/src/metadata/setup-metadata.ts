// SPDX-License-Identifier: Apache-2.0
// What the metadata of SETUP means in each mode: our Envelope with hello and headers, credentials, the application's part.
//
//   rpc         our entry | [authentication entries]   or   the application's bytes, whatever they are
//   composite   entries in any order

import { type Authentication, encodeAuthEntry, readAuthentication, type SimpleCredentials } from "./auth.js";
import { type CompositeEntry, checkEntries, joinEntries, MAX_ENTRIES } from "./composite.js";
import { checkMetadataBytes, encodeEnvelopeEntry, readEnvelopeEntries, startsWithEnvelopeEntry } from "./entry.js";
import type { Envelope } from "./envelope.js";
import { MetadataError, MetadataFormatError } from "./errors.js";
import { AUTHENTICATION_MIME_TYPE } from "./mime-types.js";
import type { MetadataMode } from "./mode.js";

const NO_BYTES = new Uint8Array(0);
const NO_ENTRIES: readonly CompositeEntry[] = [];
const EMPTY_ENVELOPE: Envelope = {};

/** What a client says in SETUP. */
export interface SetupMetadataParts {
  /** Hello and headers. */
  readonly envelope?: Envelope | undefined;
  /** A token, sent as a bearer authentication entry. */
  readonly bearerToken?: string | undefined;
  /** Name and password, sent as a simple authentication entry. */
  readonly simple?: SimpleCredentials | undefined;
  /** The application's own bytes: in `rpc` mode all there is, in `composite` mode whole entries. */
  readonly raw?: Uint8Array | undefined;
}

/** What a server reads from SETUP. Bytes are views of what was read. */
export interface SetupMetadata {
  readonly envelope: Envelope | undefined;
  readonly bearerToken: string | undefined;
  readonly simple: SimpleCredentials | undefined;
  /** The application's own bytes. `rpc` mode: all, unless they begin with our entry. `composite` mode: the whole metadata. */
  readonly raw: Uint8Array;
  /** The entries that none of the fields above speaks for, in order. */
  readonly entries: readonly CompositeEntry[];
}

/**
 * The metadata of SETUP; undefined when there is nothing to say. In `rpc` mode credentials stand behind our entry, which
 * is there, if need be empty, to be recognised by.
 * @throws MetadataError when raw bytes stand beside something in `rpc` mode, aren't entries in `composite` mode, or all together is above 64 KiB.
 */
export function encodeSetupMetadata(mode: MetadataMode, parts: SetupMetadataParts): Uint8Array | undefined {
  const { envelope, bearerToken, simple, raw } = parts;
  const hasOurs = envelope !== undefined || bearerToken !== undefined || simple !== undefined;
  if (!hasOurs && mode === "rpc") return raw;
  if (raw !== undefined && mode === "rpc") {
    throw new MetadataError("raw SETUP metadata can't be sent together with hello, headers or credentials in rpc mode");
  }
  const entries: Uint8Array[] = [];
  if (envelope !== undefined || mode === "rpc") entries.push(encodeEnvelopeEntry(envelope ?? EMPTY_ENVELOPE));
  if (bearerToken !== undefined) entries.push(encodeAuthEntry({ type: "bearer", token: bearerToken }));
  if (simple !== undefined) entries.push(encodeAuthEntry({ type: "simple", ...simple }));
  if (raw !== undefined) {
    checkEntries(raw);
    entries.push(raw);
  }
  if (entries.length === 0) return undefined;
  const metadata = joinEntries(entries);
  checkMetadataBytes(metadata.length);
  return metadata;
}

/**
 * Reads the metadata of SETUP; undefined is the same as empty.
 * @throws MetadataFormatError when an entry is malformed, or two of them say who the client is in the same way.
 */
export function readSetupMetadata(
  mode: MetadataMode,
  bytes: Uint8Array = NO_BYTES,
  maxEntries: number = MAX_ENTRIES,
): SetupMetadata {
  if (mode === "rpc" && !startsWithEnvelopeEntry(bytes)) {
    return { envelope: undefined, bearerToken: undefined, simple: undefined, raw: bytes, entries: NO_ENTRIES };
  }
  const { envelope, rest } = readEnvelopeEntries(bytes, 0, bytes.length, maxEntries);
  const entries: CompositeEntry[] = [];
  let bearerToken: string | undefined;
  let simple: SimpleCredentials | undefined;
  for (const entry of rest) {
    const authentication = authenticationOf(entry);
    if (authentication?.type === "bearer") bearerToken = only("bearer", authentication.token, bearerToken);
    else if (authentication?.type === "simple") simple = only("simple", credentialsOf(authentication), simple);
    else entries.push(entry);
  }
  return { envelope, bearerToken, simple, raw: mode === "rpc" ? NO_BYTES : bytes, entries };
}

function authenticationOf({ mimeType, payload }: CompositeEntry): Authentication | undefined {
  return mimeType === AUTHENTICATION_MIME_TYPE ? readAuthentication(payload) : undefined;
}

function credentialsOf({ username, password }: SimpleCredentials): SimpleCredentials {
  return { username, password };
}

// Two could be checked in one place and believed in another.
function only<T>(type: string, value: T, earlier: T | undefined): T {
  if (earlier === undefined) return value;
  throw new MetadataFormatError(`a second ${type} authentication entry`, "one in SETUP");
}
