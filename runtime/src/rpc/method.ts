// SPDX-License-Identifier: Apache-2.0
// What the generated code says of a method, and the route bytes that follow from it.

import type { MetadataFormat } from "../metadata/format.js";
import type { Codec } from "./codec.js";

/** How many messages go each way. */
export type MethodKind = "unary" | "server_streaming" | "client_streaming" | "bidi_streaming";
/** The RSocket interaction model that carries a method. */
export type MethodInteraction = "request_response" | "request_stream" | "request_channel" | "fire_and_forget";
/** What the .proto promises of repeated calls. */
export type MethodIdempotency = "unknown" | "no_side_effects" | "idempotent";

/** A method of a service: `I`, `O` are its messages, `IInit`, `OInit` what may be passed for them. */
export interface Method<I, IInit, O, OInit> {
  /** The service's full protobuf name. */
  readonly service: string;
  /** The method's name as written in the .proto. */
  readonly name: string;
  readonly kind: MethodKind;
  readonly interaction: MethodInteraction;
  readonly idempotency: MethodIdempotency;
  readonly input: Codec<I, IInit>;
  readonly output: Codec<O, OInit>;
}

/** Any method. */
// biome-ignore lint/suspicious/noExplicitAny: a Method is invariant in its messages, so no other type takes them all
export type AnyMethod = Method<any, any, any, any>;

/** Defines a method; what generated code calls. */
export function method<I, IInit, O, OInit>(definition: Method<I, IInit, O, OInit>): Method<I, IInit, O, OInit> {
  return definition;
}

/**
 * The route of `method`, encoded once: the whole metadata of a bare call in `rpc` mode, the routing entry in `composite`.
 * @throws RangeError when its names are too long for the wire (32,767 bytes each, 255 in all).
 */
export function routeOf(method: AnyMethod, format: MetadataFormat): Uint8Array {
  let route = format.routes.get(method);
  if (route === undefined) {
    route = format.encodeRoute(method.service, method.name);
    format.routes.set(method, route);
  }
  return route;
}
