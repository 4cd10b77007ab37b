// SPDX-License-Identifier: Apache-2.0
// Every method of every golden file is called through its client and served by its handler, over real frames.
import type { DescFile, DescMessage, DescMethod, DescService, Message } from "@bufbuild/protobuf";
import { FeatureSet_FieldPresence } from "@bufbuild/protobuf/wkt";
import { expect } from "chai";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { Code, RpcError } from "rsocket-rpc";
import type { BoundService, Channel } from "rsocket-rpc/codegen";
import { inProcessChannel } from "rsocket-rpc/testing";
import { GENERATED, generateGoldens, readGoldens } from "./support/goldens.js";

/** What the tests know of any generated service: its members in the order of its rpcs. */
type Members = Record<string, (argument: unknown, context?: unknown) => unknown>;

interface Service {
  readonly desc: DescService;
  readonly members: readonly string[];
  readonly unimplemented: Members;
  readonly createClient: (channel: Channel) => Members;
  readonly implement: (handler: Members) => BoundService;
  /** Rpcs that answer nothing. */
  readonly fireAndForget: ReadonlySet<string>;
}

describe("generated code at run time", function () {
  this.timeout(60_000);
  before(() => void generateGoldens());

  const inEveryLanguage = Object.keys(readGoldens()).flatMap((path) => {
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
    for await (const quote of client["gET"]?.({}) as AsyncIterable<object>) expect(quote).to.include({ price: 3 });
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
    const error = await askForThePrice().then(() => undefined, (reason: unknown) => reason);
    expect((error as Error).stack).to.match(/at async TickerClient\.last .*\n +at async askForThePrice .*run\.test\.ts/);
    await channel.close();
  });
});

async function callEverything(service: Service): Promise<void> {
  const served: string[] = [];
  const handler: Members = {};
  let onServed = (): void => {};
  service.desc.methods.forEach((method, index) => {
    const member = service.members[index] ?? "";
    handler[member] = (argument) => {
      served.push(member);
      onServed();
      return serve(method, argument);
    };
  });
  const channel = await inProcessChannel([service.implement(handler)]);
  const client = service.createClient(channel);
  for (const [index, method] of service.desc.methods.entries()) {
    const member = service.members[index] ?? "";
    const arrival = new Promise<void>((resolve) => { onServed = resolve; });
    const answers = await call(client, member, method);
    await arrival; // nobody else tells that a call without an answer has been served
    if (service.fireAndForget.has(method.name)) {
      expect(answers, member).to.deep.equal([undefined]);
    } else {
      const count = isStreamed(method, "server") ? 2 : 1;
      expect(answers.map((answer) => (answer as Message).$typeName), member).to.deep.equal(Array(count).fill(method.output.typeName));
    }
  }
  await channel.close();
  expect(served).to.deep.equal(service.members);
}

async function callUnimplemented(service: Service): Promise<void> {
  const channel = await inProcessChannel([service.implement({ ...service.unimplemented })]);
  const client = service.createClient(channel);
  for (const [index, method] of service.desc.methods.entries()) {
    if (service.fireAndForget.has(method.name)) continue; // nobody would hear of it
    const error = await call(client, service.members[index] ?? "", method).then(() => undefined, (reason: unknown) => reason);
    expect(RpcError.is(error, Code.Unimplemented), `${method.toString()}: ${String(error)}`).to.equal(true);
  }
  await channel.close();
}

/** One request or two, as the method wants; all answers. */
async function call(client: Members, member: string, method: DescMethod): Promise<unknown[]> {
  const answer = client[member]?.(isStreamed(method, "client") ? [sample(method.input), sample(method.input)] : sample(method.input));
  if (!isStreamed(method, "server")) return [await answer];
  const answers: unknown[] = [];
  for await (const item of answer as AsyncIterable<unknown>) answers.push(item);
  return answers;
}

/** A message that is as empty as its schema allows: fields that are required hold a text. */
function sample({ fields }: DescMessage): object {
  const required = fields.filter(({ presence }) => presence === FeatureSet_FieldPresence.LEGACY_REQUIRED);
  return Object.fromEntries(required.map(({ localName }) => [localName, "a"]));
}

/** Takes what there is, answers messages that are as empty as may be. */
function serve(method: DescMethod, argument: unknown): unknown {
  const drained = isStreamed(method, "client") ? drain(argument as AsyncIterable<Message>, method) : undefined;
  if (drained === undefined) expect((argument as Message).$typeName).to.equal(method.input.typeName);
  if (isStreamed(method, "server")) return answerTwice(method, drained);
  return drained === undefined ? sample(method.output) : drained.then(() => sample(method.output));
}

async function drain(requests: AsyncIterable<Message>, method: DescMethod): Promise<void> {
  let count = 0;
  for await (const { $typeName } of requests) {
    expect($typeName).to.equal(method.input.typeName);
    count++;
  }
  expect(count).to.equal(2);
}

async function* answerTwice({ output }: DescMethod, drained: Promise<void> | undefined): AsyncGenerator<object> {
  await drained;
  yield sample(output);
  yield sample(output);
}

function isStreamed({ methodKind }: DescMethod, side: "client" | "server"): boolean {
  return methodKind === "bidi_streaming" || methodKind === `${side}_streaming`;
}

async function loadServices(path: string): Promise<Service[]> {
  const generated = await load(path);
  const messages = await load(path.replace("_rsocket.", "_pb."));
  const file = Object.values(messages).find((value): value is DescFile => (value as { kind?: unknown }).kind === "file");
  const constants = Object.values(generated) as { readonly service?: string; readonly name?: string; readonly interaction?: string }[];
  return (file?.services ?? []).map((desc) => {
    const unimplemented = generated[`unimplemented${desc.name}`] as Members;
    const ofService = constants.filter(({ service }) => service === desc.typeName);
    return {
      desc,
      unimplemented,
      members: Object.keys(unimplemented),
      createClient: generated[`create${desc.name}Client`] as Service["createClient"],
      implement: generated[`implement${desc.name}`] as Service["implement"],
      fireAndForget: new Set(ofService.filter(({ interaction }) => interaction === "fire_and_forget").map(({ name = "" }) => name)),
    };
  });
}

async function load(path: string): Promise<Record<string, unknown>> {
  if (path.startsWith("commonjs/")) return createRequire(import.meta.url)(join(GENERATED, path)) as Record<string, unknown>;
  return (await import(pathToFileURL(join(GENERATED, path)).href)) as Record<string, unknown>;
}
