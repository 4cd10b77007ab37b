// SPDX-License-Identifier: Apache-2.0
// The contract of a metadata mode: how requests say their route, and what else stands beside their message. A program
// carries the modes that it names, and no others: they are values that import what they need.

import type { Envelope } from "./envelope.js";
import type { MetadataMode, SetupMimeTypes } from "./mode.js";

/** What a request says beside its message and its route. Bytes are views of what was read. */
export interface RequestDetails {
  readonly envelope: Envelope | undefined;
  /**
   * The application's own bytes. `rpc` mode: the user metadata, or what stands behind our entry in it.
   * `composite` mode: the whole metadata.
   */
  readonly userMetadata: Uint8Array;
  /** `rpc` mode: the tracing map. `composite` mode: the whole metadata, if a trace is in it. Empty without one. */
  readonly tracing: Uint8Array;
}

/** What a request says beside its message. */
export interface RequestMetadata extends RequestDetails {
  /** The service's full protobuf name; empty for a route that names none. */
  readonly service: string;
  readonly method: string;
}

/** Names and values of a trace. */
export type TracingEntries = Iterable<readonly [key: string, value: string]>;

/** A metadata mode at work. */
export interface MetadataFormat {
  readonly mode: MetadataMode;
  /** What a client announces in SETUP. */
  readonly mimeTypes: SetupMimeTypes;
  /** A method whose names are together as long as this has no route. */
  readonly maxRouteLength: number;
  /** Routes by what they were encoded for: each is encoded once. */
  readonly routes: WeakMap<object, Uint8Array>;
  /**
   * The metadata of a bare call. @throws RangeError when the names are too long for the wire: 32,767 bytes each in `rpc`
   * mode, 255 together in `composite` mode.
   */
  encodeRoute(service: string, method: string): Uint8Array;
  /**
   * The metadata of a request. `route` is what `encodeRoute` gave; with nothing else to say it is returned itself, else
   * the result is to be sent and not kept.
   * @param rawMetadata the application's own bytes; in `composite` mode, and beside an Envelope, whole composite entries
   * @param tracing what `encodeTracing` gave
   * @throws MetadataError when `rawMetadata` must be entries and isn't, or all together is above 64 KiB and not the application's alone
   * @throws RangeError when a tracing map is above 32,767 bytes
   */
  encodeRequest(
    route: Uint8Array,
    envelope: Envelope | undefined,
    rawMetadata?: Uint8Array,
    tracing?: Uint8Array,
  ): Uint8Array;
  /** The offset behind what a router may look up as it is, the same for each call of a method; -1 when there is none. */
  routeEnd(metadata: Uint8Array): number;
  /**
   * What stands behind a route that a router has found; undefined when that is nothing.
   * @throws MetadataFormatError when it is cut off, or has two Envelopes or too many entries.
   */
  readDetails(metadata: Uint8Array, routeEnd: number, maxEntries?: number): RequestDetails | undefined;
  /**
   * Reads the metadata of a request; undefined and empty metadata name no rpc and are refused.
   * @throws MetadataFormatError when it is cut off, of another version, without a route, or has two Envelopes or too many entries.
   */
  readRequest(metadata: Uint8Array | undefined, maxEntries?: number): RequestMetadata;
  /**
   * A trace as `encodeRequest` takes it.
   * @throws RangeError for a text above 32,767 bytes in `rpc` mode; an id that is no hex, or a name that isn't ASCII, in
   * `composite` mode.
   */
  encodeTracing(entries: TracingEntries): Uint8Array;
  /** The mime type that the metadata of an answer names, in words, when messages can't be read from it. */
  foreignMimeTypeOf?(metadata: Uint8Array): string | undefined;
  /** The trace of a request by its names; empty when there is none. @throws MetadataFormatError when the bytes are cut off. */
  decodeTracing(bytes: Uint8Array): Map<string, string>;
}
