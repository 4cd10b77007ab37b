// SPDX-License-Identifier: Apache-2.0
// From a request's metadata to the handler: by the raw bytes of the route, without making strings.

import type { Envelope } from "../metadata/envelope.js";
import { type RequestMetadata, readRequestMetadata, readRpcRequestDetails } from "../metadata/request-metadata.js";
import { rpcRouteEnd } from "../metadata/rpc-metadata.js";
import { ErrorCode } from "../rsocket/errors.js";
import { Interaction, type Stream } from "../rsocket/sink.js";
import type { ComposedInterceptors } from "./call.js";
import { describeMethod } from "./call-record.js";
import { Code } from "./code.js";
import { RpcError } from "./error.js";
import { type AnyMethod, routeOf } from "./method.js";
import { ServerCall, type ServerCallHost } from "./server-call.js";
import type { BoundService, HandlerEntry } from "./service.js";
import { encodeErrorData } from "./status-codec.js";

/** How routes of peers that spell them otherwise are read; all off. */
export interface RouteCompatibility {
  /** `.Service` of a file without package (rsocket-rpc-go). */
  readonly leadingDot?: boolean;
  /** A method's name with its first letter in upper case (rsocket-rpc-net). */
  readonly capitalizedMethods?: boolean;
}

/** What a router is made of. */
export interface RouterOptions {
  readonly services: readonly BoundService[];
  readonly interceptors: ComposedInterceptors | undefined;
  readonly maxRunningHandlers: number;
  readonly compatibility?: RouteCompatibility | undefined;
}

/** What a request's metadata came to when its method was found by the route's bytes. */
interface FoundRequest {
  readonly entry: HandlerEntry;
  readonly envelope: Envelope | undefined;
  readonly userMetadata: Uint8Array;
  readonly tracing: Uint8Array;
}

const NO_BYTES = new Uint8Array(0);
/** A routing tag holds 255 bytes; a method with a longer route can't be called in `composite` mode. */
const MAX_COMPOSITE_ROUTE_LENGTH = 255;

/** Dispatches requests to handlers, and counts the handlers that run. One for all connections of a server. */
export class Router {
  readonly #interceptors: ComposedInterceptors | undefined;
  readonly #maxRunningHandlers: number;
  readonly #compatibility: RouteCompatibility;
  readonly #services = new Set<string>();
  readonly #byName = new Map<string, HandlerEntry>();
  readonly #rpcRoutes = new ByteTable<FoundRequest>();
  readonly #compositeRoutes = new ByteTable<HandlerEntry>();
  #runningHandlers = 0;
  readonly #waitForIdle: (() => void)[] = [];

  /** @throws TypeError when a service comes twice. */
  constructor({ services, interceptors, maxRunningHandlers, compatibility = {} }: RouterOptions) {
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
  releaseHandler(): void {
    if (--this.#runningHandlers > 0) return;
    for (const resolve of this.#waitForIdle.splice(0)) resolve();
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
      request =
        host.transport.mode === "rpc"
          ? this.#readRpc(metadata, maxMetadataEntries)
          : this.#readComposite(metadata, maxMetadataEntries);
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
    if (this.#runningHandlers >= this.#maxRunningHandlers) {
      const error = new RpcError(
        Code.ResourceExhausted,
        `more than ${this.#maxRunningHandlers} calls are being handled`,
      );
      if (stream.interaction === Interaction.FIRE_AND_FORGET) {
        host.transport.observer.onHandlerError?.(error, describeMethod(entry.method));
      }
      return refuse(host, stream, error, ErrorCode.REJECTED, readsEnvelopes);
    }
    this.#runningHandlers++;
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
  }

  #add({ typeName, entries }: BoundService): void {
    if (this.#services.has(typeName)) throw new TypeError(`service ${typeName} is served twice`);
    this.#services.add(typeName);
    for (const entry of entries) {
      const { service, name } = entry.method;
      this.#byName.set(`${service}/${name}`, entry);
      // What a bare call comes to is the same for all of them.
      const bare = { entry, envelope: undefined, userMetadata: NO_BYTES, tracing: NO_BYTES };
      this.#rpcRoutes.set(withoutTracing(routeOf(entry.method, "rpc")), bare);
      if (service.length + name.length < MAX_COMPOSITE_ROUTE_LENGTH) {
        this.#compositeRoutes.set(routeOf(entry.method, "composite"), entry);
      }
    }
  }

  // By the bytes of the route as they are; what follows them is read only when there is something.
  #readRpc(metadata: Uint8Array, maxEntries: number): FoundRequest | RequestMetadata {
    const routeEnd = rpcRouteEnd(metadata, 0, metadata.length);
    const found = routeEnd < 0 ? undefined : this.#rpcRoutes.get(metadata, routeEnd);
    if (found === undefined) return readRequestMetadata("rpc", metadata, maxEntries);
    if (isBare(metadata, routeEnd)) return found;
    const { entry } = found;
    const { envelope, userMetadata, tracing } = readRpcRequestDetails(metadata, routeEnd, maxEntries);
    return { entry, envelope, userMetadata, tracing };
  }

  #readComposite(metadata: Uint8Array, maxEntries: number): FoundRequest | RequestMetadata {
    const entry = this.#compositeRoutes.get(metadata, metadata.length);
    if (entry !== undefined) return { entry, envelope: undefined, userMetadata: metadata, tracing: NO_BYTES };
    return readRequestMetadata("composite", metadata, maxEntries);
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

// Nothing behind the route but, perhaps, the length of no tracing: the old JavaScript client leaves even that out.
function isBare(metadata: Uint8Array, routeEnd: number): boolean {
  if (routeEnd === metadata.length) return true;
  return routeEnd + 2 === metadata.length && metadata[routeEnd] === 0 && metadata[routeEnd + 1] === 0;
}

function withoutTracing(route: Uint8Array): Uint8Array {
  return route.subarray(0, rpcRouteEnd(route, 0, route.length));
}

function fits(method: AnyMethod, interaction: Interaction): boolean {
  if (method.interaction === interaction) return true;
  // rsocket-rpc-go knows no fire-and-forget option and calls such methods by REQUEST_RESPONSE.
  return method.interaction === "fire_and_forget" && interaction === Interaction.REQUEST_RESPONSE;
}

function malformed(message: string): RpcError {
  return new RpcError(Code.InvalidArgument, message);
}

function refuse(
  host: ServerCallHost,
  stream: Stream,
  error: RpcError,
  wireCode: number,
  readsEnvelopes: boolean,
): void {
  const { rsocket } = host.transport;
  stream.error(wireCode, encodeErrorData(error, readsEnvelopes || rsocket.peer.isOurs, rsocket.settings.limits));
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
