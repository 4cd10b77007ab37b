// SPDX-License-Identifier: Apache-2.0
// Calls over one of the driver's connections: a promise for one answer, an async iterable for many.

import { Inbox, pump } from "./flow.js";
import { METHODS, SERVICE } from "./schema.js";

const WINDOW = 256;

export class ClientStub {
  #socket;
  #format;

  constructor(socket, format) {
    this.#socket = socket;
    this.#format = format;
  }

  /** One answer. `options`: `signal` gives the call up, `user` is metadata of the application. */
  unary(name, request, options = {}) {
    const { input, output } = METHODS.get(name);
    return this.call(SERVICE, name, input.encode(request), options).then((data) => output.decode(data));
  }

  /** The same for any service and method: resolves with the data of the answer. */
  call(service, method, data, { signal, user } = {}) {
    return new Promise((resolve, reject) => {
      const payload = { data, metadata: this.#format.write(service, method, user) };
      const call = this.#socket.requestResponse(payload, {
        onNext: (answer) => resolve(answer.data),
        onComplete: () => resolve(null),
        onError: reject,
        onExtension() {},
      });
      onAbort(signal, () => {
        call.cancel();
        reject(signal.reason);
      });
    });
  }

  /** Settles when the frame is on its way. */
  forget(name, request) {
    return new Promise((resolve, reject) => {
      const payload = { data: METHODS.get(name).input.encode(request), metadata: this.#format.write(SERVICE, name) };
      this.#socket.fireAndForget(payload, { onComplete: resolve, onError: reject });
    });
  }

  /** Many answers. `options.inbox` counts them. */
  stream(name, request, options = {}) {
    const { input, output } = METHODS.get(name);
    const inbox = new Inbox(options.window ?? WINDOW);
    options.watch?.(inbox);
    const payload = { data: input.encode(request), metadata: this.#format.write(SERVICE, name) };
    const call = this.#socket.requestStream(payload, inbox.granted, inbox);
    inbox.grantBy((n) => call.request(n));
    return decoded(inbox, output);
  }

  /** Many messages, at least one, and many answers. */
  async *channel(name, requests, { signal } = {}) {
    const { input, output } = METHODS.get(name);
    const iterator = encoded(requests, input);
    const first = await iterator.next();
    const inbox = new Inbox(WINDOW);
    let sending;
    const call = this.#socket.requestChannel(
      { ...first.value, metadata: this.#format.write(SERVICE, name) },
      inbox.granted,
      false,
      {
        onNext: (payload, isComplete) => inbox.onNext(payload, isComplete),
        onComplete: () => inbox.onComplete(),
        onError: (error) => inbox.onError(error),
        onExtension() {},
        request: (n) => sending.request(n),
        cancel: () => sending.cancel(),
      },
    );
    inbox.grantBy((n) => call.request(n));
    sending = pump(iterator, 0, call);
    onAbort(signal, () => {
      inbox.onError(signal.reason);
      call.cancel();
    });
    yield* decoded(inbox, output);
  }
}

async function* encoded(messages, codec) {
  for await (const message of messages) yield { data: codec.encode(message) };
}

async function* decoded(payloads, codec) {
  for await (const { data } of payloads) yield codec.decode(data);
}

function onAbort(signal, act) {
  if (signal?.aborted) act();
  else signal?.addEventListener("abort", act, { once: true });
}
