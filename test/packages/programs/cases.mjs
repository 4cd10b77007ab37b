// SPDX-License-Identifier: Apache-2.0
// What a client must be able to do on every runtime. Only what all of them have is used here, and nothing is imported:
// the modules come as arguments, from `import` or from `require`.

/** As the server's: a large message is many fragments in both directions. */
const FRAGMENT_BYTES = 1_000;
const LARGE_LENGTH = 300_000;
const ITEMS = 500;
/** Far more than any window (256), far less than what a producer that nobody stops makes meanwhile. */
const MANY = 1_000;
/** Long enough for such a producer to make tens of thousands. */
const PAUSE_MS = 300;
/** For what must happen soon; when it doesn't, it never does. */
const PATIENCE_MS = 5_000;
const DEADLINE_MS = 200;

/**
 * Runs every case on one connection to `url` and prints a line of JSON for each.
 * `runtime` is a door, `generated` the module of ticker.proto.
 */
export async function runCases({ runtime, generated, url }) {
  const { Code, RpcError, connect } = runtime;
  const alerts = [];
  const services = [generated.implementAlerts({ notify: ({ text }) => void alerts.push(text) })];
  const connection = await connect(url, { fragmentBytes: FRAGMENT_BYTES, services });
  const ticker = generated.createTickerClient(connection);
  const counted = async (what) => (await ticker.last({ name: `count:${what}` })).price;
  let keys = 0;
  const newKey = () => `${Date.now()}-${keys++}`;

  const cases = {
    async unary() {
      expectEqual((await ticker.last({ name: "ACME" })).symbol, "ACME");
    },
    async "server streaming"() {
      let next = 0;
      for await (const { price } of ticker.watch({ name: `some:${ITEMS}` })) expectEqual(price, next++);
      expectEqual(next, ITEMS);
    },
    async "client streaming"() {
      const quotes = Array.from({ length: ITEMS }, (_, price) => ({ price }));
      expectEqual((await ticker.upload(quotes)).count, ITEMS);
    },
    async "bidirectional streaming"() {
      const answers = [];
      const gates = ["a", "b", "c"].map(newGate);
      async function* lines() {
        for (const { name, passed } of gates) {
          yield { text: name };
          await passed;
        }
      }
      for await (const { text } of ticker.chat(lines())) gates[answers.push(text) - 1].open();
      expectEqual(answers.join(), "a!,b!,c!");
    },
    async "fire and forget"() {
      const text = newKey();
      await ticker.log({ text });
      await until(async () => (await counted(`logged:${text}`)) === 1);
    },
    async "the server calls the client"() {
      const text = `alert ${newKey()}`;
      for await (const _ of ticker.chat([{ text }]));
      await until(() => alerts.includes(text));
    },
    async "error code"() {
      const error = await failureOf(ticker.last({ name: "none" }));
      expectEqual(RpcError.is(error, Code.NotFound), true);
      expectEqual(error.message.includes("no symbol none"), true);
    },
    async deadline() {
      const key = newKey();
      const error = await failureOf(ticker.last({ name: `slow:${key}` }, { timeoutMs: DEADLINE_MS }));
      expectEqual(error.code, Code.DeadlineExceeded);
      await until(async () => (await counted(`ended:${key}`)) === 1);
    },
    async "cancel by break"() {
      const key = newKey();
      for await (const { price } of ticker.watch({ name: `endless:${key}` })) if (price === 3) break;
      await until(async () => (await counted(`ended:${key}`)) === 1);
    },
    async "cancel by AbortSignal"() {
      const key = newKey();
      const controller = new AbortController();
      const call = failureOf(ticker.last({ name: `slow:${key}` }, { signal: controller.signal }));
      setTimeout(() => controller.abort(), 50);
      await call;
      await until(async () => (await counted(`ended:${key}`)) === 1);
    },
    async "back-pressure on the server"() {
      const key = newKey();
      for await (const { price } of ticker.watch({ name: `endless:${key}` })) {
        if (price < 3) continue;
        await pause();
        expectBelow(await counted(`made:${key}`), MANY);
        break;
      }
    },
    async "back-pressure on the client"() {
      const key = newKey();
      let made = 0;
      function* quotes() {
        for (yield { symbol: `stall:${key}` }; made < 2 * MANY; made++) yield { price: made };
      }
      const call = ticker.upload(quotes());
      await pause();
      expectBelow(made, MANY);
      await ticker.last({ name: `release:${key}` });
      expectEqual((await call).count, 2 * MANY + 1);
    },
    async fragmentation() {
      const name = "x".repeat(LARGE_LENGTH);
      expectEqual((await ticker.last({ name })).symbol === name, true);
      for await (const { text } of ticker.chat([{ text: name }, { text: name }])) expectEqual(text, `${name}!`);
    },
  };

  for (const [name, run] of Object.entries(cases)) {
    const why = await run().then(
      () => undefined,
      (error) => String(error?.message ?? error).slice(0, 200),
    );
    console.log(JSON.stringify({ case: name, ...(why === undefined ? {} : { why }) }));
  }
  // That the program ends by itself, with nothing left open, is the last case: whoever started it sees it.
  await connection.close();
}

function expectEqual(value, expected) {
  if (value !== expected)
    throw new Error(`got ${String(value).slice(0, 80)}, expected ${String(expected).slice(0, 80)}`);
}

function expectBelow(value, limit) {
  if (!(value < limit)) throw new Error(`got ${value}, expected less than ${limit}`);
}

function newGate(name) {
  let open;
  const passed = new Promise((resolve) => {
    open = resolve;
  });
  return { name, passed, open };
}

function pause() {
  return new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
}

async function failureOf(promise) {
  return promise.then(
    () => {
      throw new Error("succeeded, expected a failure");
    },
    (error) => error,
  );
}

async function until(check) {
  for (const start = Date.now(); Date.now() - start < PATIENCE_MS; ) {
    if (await check()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`not within ${PATIENCE_MS} ms`);
}
