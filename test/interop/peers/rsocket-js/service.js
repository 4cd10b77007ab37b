// SPDX-License-Identifier: Apache-2.0
// TestService: sizes, pauses and failures as the caller asks.

/** Handlers of one server, which remember for all its connections what was fired. */
export function testService() {
  const fired = new Map();
  const remember = (key, payload) => fired.set(key, [...(fired.get(key) ?? []), payload]);
  // A caller asks with Fired whether its cancellation was noticed.
  const watch = (key, { signal }) => {
    if (key !== "") signal.addEventListener("abort", () => remember(`cancelled:${key}`, Buffer.alloc(0)));
  };
  const answer = async (request, call, sequence) => {
    watch(request.key, call);
    await sleep(request.delayMs, call);
    failIfAsked(request.failWith);
    const { payload, responseSize, tag } = request;
    return {
      payload: responseSize > 0 ? Buffer.alloc(responseSize) : payload,
      sequence,
      requestMetadata: call.user,
      ...(tag === undefined ? {} : { tag }),
    };
  };
  return {
    EmptyCall: () => ({}),
    UnaryCall: (request, call) => answer(request, call, 0),
    FireAndForget: ({ key, payload }) => remember(key, payload),
    Fired: ({ key }) => {
      const payloads = fired.get(key) ?? [];
      return { count: payloads.length, lastPayload: payloads.at(-1) ?? Buffer.alloc(0) };
    },
    async *ServerStream({ sizes, intervalMs, failAfter, failWith }, call) {
      for (const [sequence, size] of sizes.entries()) {
        if (sequence === failAfter) failIfAsked(failWith);
        if (sequence > 0) await sleep(intervalMs, call);
        yield { payload: Buffer.alloc(size), sequence };
      }
      failIfAsked(failWith);
    },
    async *ClientStream(requests, call) {
      let count = 0;
      let bytes = 0;
      for await (const { payload, key } of requests) {
        watch(key, call);
        count++;
        bytes += payload.length;
      }
      yield { count, bytes };
    },
    async *BidiStream(requests, call) {
      let sequence = 0;
      for await (const request of requests) yield await answer(request, call, sequence++);
    },
    CallBack: (request, { client }) => client.unary("UnaryCall", request),
  };
}

function failIfAsked(failWith) {
  if (failWith) throw new Error(failWith.message);
}

function sleep(ms, { signal }) {
  if (ms === 0 || signal.aborted) return undefined;
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
