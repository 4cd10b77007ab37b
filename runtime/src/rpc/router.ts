// SPDX-License-Identifier: Apache-2.0
// From a request's metadata to the handler: by the raw bytes of the route, without making strings.

import type { Envelope } from "../metadata/envelope.js";
import type { MetadataFormat, RequestMetadata } from "../metadata/format.js";
import { ErrorCode } from "../rsocket/errors.js";
import { Interaction, type Stream } from "../rsocket/sink.js";
import type { ComposedInterceptors } from "./call.js";
import { describeMethod } from "./call-record.js";
import { Code } from "./code.js";
import type { Compatibility } from "./compatibility.js";
import { RpcError } from "./error.js";
import { type AnyMethod, routeOf } from "./method.js";
import { refuse } from "./refuse.js";
import { ServerCall, type ServerCallHost } from "./server-call.js";
import type { BoundService, HandlerEntry, RequestRouter, RequestRouterOptions } from "./service.js";

/** What a request's metadata came to when its method was found by the route's bytes. */
interface FoundRequest {
  readonly entry: HandlerEntry;
  readonly envelope: Envelope | undefined;
  readonly userMetadata: Uint8Array;
  readonly tracing: Uint8Array;
}

const NO_BYTES = /*@__PURE__*/ new Uint8Array(0);
/** A connection may have so many times as many handlers as are free: nine tenths of what the others leave. */
const FREE_FACTOR = 9;
/** Longer metadata isn't compared with that of the request before. */
const MAX_REPEATED_BYTES = 256;

/** Dispatches requests to handlers, and counts the handlers that run. One for all connections of a server. */
export class Router implements RequestRouter {
  readonly #interceptors: ComposedInterceptors | undefined;
  readonly #maxRunningHandlers: number;
  readonly #compatibility: Compatibility;
  readonly #services = new Set<string>();
  readonly #byName = new Map<string, HandlerEntry>();
  // By mode, made for the first request in it.
  readonly #routes = new Map<MetadataFormat, ByteTable<FoundRequest>>();
  // The metadata of requests that say the same in turn, their deadline included, and what it came to.
  #repeated:
    | { readonly format: MetadataFormat; readonly metadata: Uint8Array; readonly found: FoundRequest }
    | undefined;
  #latestTimeoutMs = -1;
  #runningHandlers = 0;
  // Fire-and-forget calls whose handlers run: they outlive their streams, and their connections.
  readonly #unanswered = new Set<ServerCall>();
  readonly #waitForIdle: (() => void)[] = [];

  /** @throws TypeError when a service comes twice. */
  constructor({ services, interceptors, maxRunningHandlers, compatibility = {} }: RequestRouterOptions) {
    this.#interceptors = interceptors;
    this.#maxRunningHandlers = maxRunningHandlers;
    this.#compatibility = compatibility;
    for (const service of services) this.#add(service);
  }

  /** Handlers that haven't ended yet. */
  get runningHandlers(): number {
    return this.#runningHandlers;
  }

  /** The handler took its time and is done: its slot is free. */
  releaseHandler(host: ServerCallHost, call: ServerCall): void {
    this.#unanswered.delete(call);
    host.runningHandlers--;
    if (--this.#runningHandlers > 0) return;
    for (const resolve of this.#waitForIdle.splice(0)) resolve();
  }

  /** Tells handlers of fire-and-forget calls to stop. */
  giveUpUnanswered(message: string): void {
    for (const call of this.#unanswered) call.giveUp(new RpcError(Code.Unavailable, message));
    this.#unanswered.clear();
  }

  // In words, when no other handler may run, or none of this connection.
  #overloadBy(host: ServerCallHost): string | undefined {
    if (this.#runningHandlers >= this.#maxRunningHandlers) {
      return `more than ${this.#maxRunningHandlers} calls are being handled`;
    }
    let most = host.transport.rsocket.settings.limits.maxHandlersPerConnection;
    // Where others have some, too, it leaves room to those that have none yet: else a few connections could take them all.
    if (this.#runningHandlers > host.runningHandlers)
      most = Math.min(most, FREE_FACTOR * (this.#maxRunningHandlers - this.#runningHandlers));
    return host.runningHandlers < most ? undefined : `more than ${most} calls of one connection are being handled`;
  }

  /** Resolves when no handler runs. */
  async idle(): Promise<void> {
    if (this.#runningHandlers === 0) return;
    await new Promise<void>((resolve) => this.#waitForIdle.push(resolve));
  }

  /** Serves one request of a connection. */
  dispatch(
    host: ServerCallHost,
    stream: Stream,
    metadata: Uint8Array | undefined,
    data: Uint8Array,
    complete: boolean,
  ): void {
    if (metadata === undefined) return refuse(host, stream, malformed("metadata is missing"), ErrorCode.INVALID, false);
    let request: FoundRequest | RequestMetadata;
    try {
      const { maxMetadataEntries } = host.transport.rsocket.settings.limits;
      request = this.#read(host.transport.format, metadata, maxMetadataEntries);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      return refuse(host, stream, malformed(message), ErrorCode.INVALID, false);
    }
    if ("entry" in request) return this.#serve(host, request, stream, data, complete);
    const { service, method, envelope } = request;
    const entry = this.#findByName(service, method);
    if (entry !== undefined) return this.#serve(host, { ...request, entry }, stream, data, complete);
    // The texts are those that peers of other makes look for.
    const message = this.#services.has(service)
      ? `unknown method ${service}.${method}`
      : `can not find service ${service}`;
    const error = new RpcError(Code.Unimplemented, message);
    refuse(host, stream, error, ErrorCode.APPLICATION_ERROR, envelope !== undefined);
  }

  #serve(
    host: ServerCallHost,
    { entry, envelope, userMetadata, tracing }: FoundRequest,
    stream: Stream,
    data: Uint8Array,
    complete: boolean,
  ): void {
    const readsEnvelopes = envelope !== undefined;
    if (!fits(entry.method, stream.interaction)) {
      const { service, name, interaction } = entry.method;
      const message = `unknown method ${service}.${name} for ${stream.interaction}, expected ${interaction}`;
      return refuse(
        host,
        stream,
        new RpcError(Code.Unimplemented, message),
        ErrorCode.APPLICATION_ERROR,
        readsEnvelopes,
      );
    }
    const overload = this.#overloadBy(host);
    if (overload !== undefined) {
      const error = new RpcError(Code.ResourceExhausted, overload);
      if (stream.interaction === Interaction.FIRE_AND_FORGET) {
        host.transport.observer.onHandlerError?.(error, describeMethod(entry.method));
      }
      return refuse(host, stream, error, ErrorCode.REJECTED, readsEnvelopes);
    }
    this.#runningHandlers++;
    host.runningHandlers++;
    const { receivedAtMs } = stream;
    const call = new ServerCall(host, entry, stream, stream.interaction, {
      data,
      complete,
      envelope,
      rawMetadata: userMetadata,
      tracing,
      receivedAtMs,
    });
    stream.sink = call;
    call.begin(this.#interceptors);
    if (stream.interaction === Interaction.FIRE_AND_FORGET && call.isRunning) this.#unanswered.add(call);
  }

  #add({ typeName, entries }: BoundService): void {
    if (this.#services.has(typeName)) throw new TypeError(`service ${typeName} is served twice`);
    this.#services.add(typeName);
    for (const entry of entries) {
      const { service, name } = entry.method;
      this.#byName.set(`${service}/${name}`, entry);
    }
  }

  // By the bytes of the route as they are; what follows them is read only when there is something.
  #read(format: MetadataFormat, metadata: Uint8Array, maxEntries: number): FoundRequest | RequestMetadata {
    const repeated = this.#repeated;
    if (repeated !== undefined && repeated.format === format && equal(repeated.metadata, metadata, metadata.length))
      return repeated.found;
    const routeEnd = format.routeEnd(metadata);
    const found = routeEnd < 0 ? undefined : this.#routesIn(format).get(metadata, routeEnd);
    if (found === undefined) return format.readRequest(metadata, maxEntries);
    const details = format.readDetails(metadata, routeEnd, maxEntries);
    if (details === undefined) return found;
    const { envelope, userMetadata, tracing } = details;
    const request = { entry: found.entry, envelope, userMetadata, tracing };
    if (userMetadata.length === 0 && tracing.length === 0) this.#noteRepeated(format, metadata, request);
    return request;
  }

  // Kept when a deadline is seen for the second time in a row: keeping what doesn't come again would cost more than it saves.
  #noteRepeated(format: MetadataFormat, metadata: Uint8Array, found: FoundRequest): void {
    const { timeoutMs = -1, headers } = found.envelope ?? {};
    if (headers !== undefined || metadata.length > MAX_REPEATED_BYTES) return;
    if (timeoutMs >= 0 && timeoutMs === this.#latestTimeoutMs) {
      // The envelope of nothing but a number keeps no bytes of what was read.
      this.#repeated = { format, metadata: metadata.slice(), found };
    }
    this.#latestTimeoutMs = timeoutMs;
  }

  #routesIn(format: MetadataFormat): ByteTable<FoundRequest> {
    let routes = this.#routes.get(format);
    if (routes === undefined) {
      routes = this.#encodeRoutes(format);
      this.#routes.set(format, routes);
    }
    return routes;
  }

  #encodeRoutes(format: MetadataFormat): ByteTable<FoundRequest> {
    const routes = new ByteTable<FoundRequest>();
    for (const entry of this.#byName.values()) {
      const { service, name } = entry.method;
      if (service.length + name.length >= format.maxRouteLength) continue;
      const route = routeOf(entry.method, format);
      // What a bare call comes to is the same for all of them.
      const bare = { entry, envelope: undefined, userMetadata: NO_BYTES, tracing: NO_BYTES };
      routes.set(route.subarray(0, format.routeEnd(route)), bare);
    }
    return routes;
  }

  #findByName(given: string, method: string): HandlerEntry | undefined {
    const { leadingDot, capitalizedMethods } = this.#compatibility;
    const service = leadingDot === true && given.startsWith(".") ? given.slice(1) : given;
    const entry = this.#byName.get(`${service}/${method}`);
    if (entry !== undefined) return entry;
    const lowered = method.slice(0, 1).toLowerCase() + method.slice(1);
    return capitalizedMethods === true ? this.#byName.get(`${service}/${lowered}`) : undefined;
  }
}

function fits(method: AnyMethod, interaction: Interaction): boolean {
  if (method.interaction === interaction) return true;
  // rsocket-rpc-go knows no fire-and-forget option and calls such methods by REQUEST_RESPONSE.
  return method.interaction === "fire_and_forget" && interaction === Interaction.REQUEST_RESPONSE;
}

function malformed(message: string): RpcError {
  return new RpcError(Code.InvalidArgument, message);
}

interface Slot<T> {
  readonly key: Uint8Array;
  readonly value: T;
}

/** A map whose keys are bytes, looked up without making a string of them. */
class ByteTable<T> {
  readonly #slots = new Map<number, Slot<T>[]>();
  // Peers call the same method again and again.
  #last: Slot<T> | undefined;

  set(key: Uint8Array, value: T): void {
    const hash = hashOf(key, key.length);
    const slots = this.#slots.get(hash);
    if (slots === undefined) this.#slots.set(hash, [{ key, value }]);
    else slots.push({ key, value });
  }

  get(bytes: Uint8Array, byteLength: number): T | undefined {
    if (this.#last !== undefined && equal(this.#last.key, bytes, byteLength)) return this.#last.value;
    const slots = this.#slots.get(hashOf(bytes, byteLength));
    this.#last = slots?.find(({ key }) => equal(key, bytes, byteLength)) ?? this.#last;
    return this.#last !== undefined && equal(this.#last.key, bytes, byteLength) ? this.#last.value : undefined;
  }
}

function equal(key: Uint8Array, bytes: Uint8Array, byteLength: number): boolean {
  if (key.length !== byteLength) return false;
  for (let i = 0; i < byteLength; i++) if (key[i] !== bytes[i]) return false;
  return true;
}

// FNV-1a over 32 bits. Only keys of our own are stored, so nobody can make collisions grow.
function hashOf(bytes: Uint8Array, byteLength: number): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < byteLength; i++) hash = Math.imul(hash ^ (bytes[i] ?? 0), 0x01000193);
  return hash >>> 0;
}
