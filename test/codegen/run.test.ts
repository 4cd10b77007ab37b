// SPDX-License-Identifier: Apache-2.0
// Every method of every golden file is called through its client and served by its handler, over real frames.

import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect } from "chai";
import { inProcessChannel } from "rsocket-rpc/testing";
import { callEverything, callUnimplemented, readServices, type Service } from "./support/calls.js";
import { GENERATED, generateGoldens, goldenServices } from "./support/goldens.js";

describe("generated code at run time", function () {
  this.timeout(60_000);
  before(() => void generateGoldens());

  const inEveryLanguage = goldenServices().flatMap((path) => {
    const script = path.replace(/ts$/, "js");
    return [path, `js/${script}`, `commonjs/${script}`];
  });
  for (const path of inEveryLanguage) {
    it(`of ${path} calls and serves every rpc under its own name`, async () => {
      for (const service of await loadServices(path)) await callEverything(service);
    });

    it(`of ${path} answers unimplemented where only a part is served`, async () => {
      for (const service of await loadServices(path)) await callUnimplemented(service);
    });
  }

  it("lets a client be awaited, whatever its rpcs are called", async () => {
    const [service] = await loadServices("hostile/members_rsocket.ts");
    const channel = await inProcessChannel([]);
    const client = service?.createClient(channel);
    // oxlint-disable-next-line typescript/await-thenable -- that it is no promise is what is tested
    expect(await client).to.equal(client);
    expect(JSON.stringify(client)).to.equal("{}");
    expect(String(client)).to.equal("[object MembersClient]");
    await channel.close();
  });

  it("serves rpcs that differ in the case of their first letter each under its own name", async () => {
    const generated = await load("twins/twins_rsocket.ts");
    const handler = { get: () => ({ price: 1 }), get$: () => ({ count: 2 }), gET: () => [{ price: 3 }] };
    const channel = await inProcessChannel([(generated["implementTwins"] as Service["implement"])(handler)]);
    const client = (generated["createTwinsClient"] as Service["createClient"])(channel);
    expect(await client["get"]?.({})).to.include({ price: 1 });
    expect(await client["get$"]?.([])).to.include({ count: 2 });
    const quotes: unknown[] = [];
    for await (const quote of (client["gET"]?.({}) ?? []) as AsyncIterable<unknown>) quotes.push(quote);
    expect(quotes).to.have.length(1);
    expect(quotes[0]).to.include({ price: 3 });
    await channel.close();
  });

  it("shows the client's method and the caller's line in the stack of a failed unary call", async () => {
    const [service] = await loadServices("ticker_rsocket.ts");
    if (service === undefined) throw new Error("no service");
    const channel = await inProcessChannel([service.implement(service.unimplemented)]);
    const ticker = service.createClient(channel);
    async function askForThePrice(): Promise<void> {
      await ticker["last"]?.({ name: "ACME" });
    }
    const error = await askForThePrice().then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect((error as Error).stack).to.match(
      /at async TickerClient\.last .*\n +at async askForThePrice .*run\.test\.ts/,
    );
    await channel.close();
  });
});

async function loadServices(path: string): Promise<Service[]> {
  return readServices(await load(path), await load(path.replace("_rsocket.", "_pb.")));
}

async function load(path: string): Promise<Record<string, unknown>> {
  if (path.startsWith("commonjs/"))
    return createRequire(import.meta.url)(join(GENERATED, path)) as Record<string, unknown>;
  return (await import(pathToFileURL(join(GENERATED, path)).href)) as Record<string, unknown>;
}
