// SPDX-License-Identifier: Apache-2.0
// TestService as a generator of rsocket-rpc-js would give it: a client and a server class over Single and Flowable. Its
// plugin can't be built from npm, and so they are written by hand.

import { createRequire } from "node:module";
import * as messages from "./messages.js";

const require = createRequire(import.meta.url);
const { Flowable, Single } = require("rsocket-flowable");
const { SwitchTransformOperator } = require("rsocket-rpc-core");
const { encodeMetadata, getMetadata, getMethod } = require("rsocket-rpc-frames");

export const SERVICE = "rsocket.interop.v1.TestService";
const NOTHING = Buffer.alloc(0);

/** By the interaction that carries it: input, output. */
const METHODS = {
  requestResponse: {
    EmptyCall: [messages.Empty, messages.Empty],
    UnaryCall: [messages.SimpleRequest, messages.SimpleResponse],
    Fired: [messages.FiredRequest, messages.FiredResponse],
    CallBack: [messages.SimpleRequest, messages.SimpleResponse],
  },
  fireAndForget: { FireAndForget: [messages.SimpleRequest] },
  requestStream: { ServerStream: [messages.StreamRequest, messages.SimpleResponse] },
  requestChannel: {
    ClientStream: [messages.SimpleRequest, messages.AggregateResponse],
    BidiStream: [messages.SimpleRequest, messages.SimpleResponse],
  },
};

const lowerFirst = (name) => name[0].toLowerCase() + name.slice(1);

/** Methods take a message, or a Flowable of them, and user metadata. */
export class TestServiceClient {
  constructor(rsocket, service = SERVICE) {
    const payload = (method, input, message, metadata) => ({
      data: input.encode(message),
      metadata: encodeMetadata(service, method, NOTHING, metadata ?? NOTHING),
    });
    for (const [interaction, methods] of Object.entries(METHODS)) {
      for (const [method, [input, output]] of Object.entries(methods)) {
        this[lowerFirst(method)] = (message, metadata) => {
          if (interaction === "fireAndForget") return rsocket.fireAndForget(payload(method, input, message, metadata));
          const request =
            interaction === "requestChannel"
              ? message.map((one) => payload(method, input, one, metadata))
              : payload(method, input, message, metadata);
          return rsocket[interaction](request).map(({ data }) => output.decode(data));
        };
      }
    }
  }

  /** A method that isn't in the schema. */
  static unknown(rsocket, service, method) {
    return rsocket.requestResponse({ data: NOTHING, metadata: encodeMetadata(service, method, NOTHING, NOTHING) });
  }
}

/** Answers by `handler`, whose methods return what those of the client do. */
export class TestServiceServer {
  constructor(handler) {
    this.handler = handler;
  }

  fireAndForget(payload) {
    const [name, [input]] = this.#find("fireAndForget", payload);
    this.handler[name](input.decode(payload.data), getMetadata(payload.metadata));
  }

  requestResponse(payload) {
    const found = this.#find("requestResponse", payload);
    if (found === undefined) return Single.error(new Error("unknown method"));
    const [name, [input, output]] = found;
    const answer = this.handler[name](input.decode(payload.data), getMetadata(payload.metadata));
    return answer.map((message) => ({ data: output.encode(message) }));
  }

  requestStream(payload) {
    const found = this.#find("requestStream", payload);
    if (found === undefined) return Flowable.error(new Error("unknown method"));
    const [name, [input, output]] = found;
    const answers = this.handler[name](input.decode(payload.data), getMetadata(payload.metadata));
    return answers.map((message) => ({ data: output.encode(message) }));
  }

  // As the runtime does for the service: the first payload tells the method.
  requestChannel(payloads) {
    const byFirst = (payload, all) => {
      const found = this.#find("requestChannel", payload);
      if (found === undefined) return Flowable.error(new Error("unknown method"));
      const [name, [input, output]] = found;
      const requests = all.map(({ data, metadata }) => ({
        message: input.decode(data),
        metadata: metadata == null ? NOTHING : getMetadata(metadata),
      }));
      return this.handler[name](requests).map((message) => ({ data: output.encode(message) }));
    };
    return new Flowable((subscriber) => payloads.subscribe(subscriber)).lift(
      (subscriber) => new SwitchTransformOperator(subscriber, byFirst),
    );
  }

  #find(interaction, { metadata }) {
    const method = getMethod(metadata);
    const codecs = METHODS[interaction][method];
    return codecs === undefined ? undefined : [lowerFirst(method), codecs];
  }
}
