// SPDX-License-Identifier: Apache-2.0
// What the driver calls when a request comes: finds the method, decodes, and gives a handler its call.

import { Inbox, pump } from "./flow.js";
import { METHODS, SERVICE } from "./schema.js";

const WINDOW = 64;

/** `handlers` by method; `client`: a stub for calls to the other end. */
export function responderOf(handlers, format, client) {
  // @throws Error that the caller is answered with
  const begin = (kind, { data, metadata }) => {
    const { service, method, user } = format.read(metadata);
    if (service !== SERVICE) throw new Error(`can not find service ${service}`);
    const found = METHODS.get(method);
    const handler = handlers[method];
    if (found?.kind !== kind || handler === undefined) throw new Error("unknown method");
    const controller = new AbortController();
    const cancel = () => controller.abort();
    return { ...found, handler, data, call: { signal: controller.signal, user, client }, cancel };
  };
  return {
    fireAndForget(payload) {
      const { handler, input, data, call } = begin("fireAndForget", payload);
      handler(input.decode(data), call);
      return { cancel() {} };
    },
    requestResponse(payload, sink) {
      const { handler, input, output, data, call, cancel } = begin("requestResponse", payload);
      const answer = async () => output.encode(await handler(input.decode(data), call));
      answer()
        .then(
          (answered) => call.signal.aborted || sink.onNext({ data: answered }, true),
          (error) => call.signal.aborted || sink.onError(error),
        )
        // Above 16 MiB over TCP the driver throws and counts the answer as given.
        .catch((error) => console.error(`an answer could not be sent: ${error.message}`));
      return { cancel, onExtension() {} };
    },
    requestStream(payload, credit, sink) {
      const { handler, input, output, data, call, cancel } = begin("requestStream", payload);
      const sending = pump(encoded(handler(input.decode(data), call), output), credit, sink);
      return { request: sending.request, cancel: both(cancel, sending.cancel), onExtension() {} };
    },
    requestChannel(payload, credit, isCompleted, sink) {
      const { handler, input, output, call, cancel } = begin("requestChannel", payload);
      const inbox = new Inbox(WINDOW);
      inbox.grantBy((n) => sink.request(n));
      inbox.onNext(payload, isCompleted);
      if (!isCompleted) sink.request(WINDOW);
      const answers = handler(decoded(inbox, input), call);
      const sending = pump(encoded(answers, output), credit, sink);
      return {
        request: sending.request,
        cancel: both(cancel, sending.cancel),
        onNext: (next, isLast) => inbox.onNext(next, isLast),
        onComplete: () => inbox.onComplete(),
        onError: (error) => inbox.onError(error),
        onExtension() {},
      };
    },
  };
}

function both(first, second) {
  return () => {
    first();
    second();
  };
}

async function* encoded(messages, codec) {
  for await (const message of messages) yield { data: codec.encode(message) };
}

async function* decoded(payloads, codec) {
  for await (const { data } of payloads) yield codec.decode(data);
}
