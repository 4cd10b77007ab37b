// SPDX-License-Identifier: Apache-2.0
// Calls whatever was generated: every rpc through its client, served by its handler, over real frames.
import type { DescFile, DescMessage, DescMethod, DescService, Message } from "@bufbuild/protobuf";
import { FeatureSet_FieldPresence } from "@bufbuild/protobuf/wkt";
import { expect } from "chai";
import { Code, RpcError } from "rsocket-rpc";
import type { BoundService, Channel } from "rsocket-rpc/codegen";
import { inProcessChannel } from "rsocket-rpc/testing";
import { declareNames } from "../../../plugin/src/names.js";

/** What the tests know of any generated service: its members in the order of its rpcs. */
export type Members = Record<string, (argument: unknown, context?: unknown) => unknown>;

/** One generated service. */
export interface Service {
  readonly desc: DescService;
  readonly members: readonly string[];
  readonly unimplemented: Members;
  readonly createClient: (channel: Channel) => Members;
  readonly implement: (handler: Members) => BoundService;
  /** Rpcs that answer nothing. */
  readonly fireAndForget: ReadonlySet<string>;
}

/** Serves and calls every rpc of a service; expects messages of the right types on both sides. */
export async function callEverything(service: Service): Promise<void> {
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
    const arrival = new Promise<void>((resolve) => {
      onServed = resolve;
    });
    const answers = await call(client, member, method);
    await arrival; // nobody else tells that a call without an answer has been served
    if (service.fireAndForget.has(method.name)) {
      expect(answers, member).to.deep.equal([undefined]);
    } else {
      const count = isStreamed(method, "server") ? 2 : 1;
      expect(
        answers.map((answer) => (answer as Message).$typeName),
        member,
      ).to.deep.equal(Array(count).fill(method.output.typeName));
    }
  }
  await channel.close();
  expect(served).to.deep.equal(service.members);
}

/** Calls every rpc of a service of which nothing is served. */
export async function callUnimplemented(service: Service): Promise<void> {
  const channel = await inProcessChannel([service.implement({ ...service.unimplemented })]);
  const client = service.createClient(channel);
  for (const [index, method] of service.desc.methods.entries()) {
    if (service.fireAndForget.has(method.name)) continue; // nobody would hear of it
    const error = await call(client, service.members[index] ?? "", method).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(RpcError.is(error, Code.Unimplemented), `${method.toString()}: ${String(error)}`).to.equal(true);
  }
  await channel.close();
}

/** One request or two, as the method wants; all answers. */
async function call(client: Members, member: string, method: DescMethod): Promise<unknown[]> {
  const answer = client[member]?.(
    isStreamed(method, "client") ? [sample(method.input), sample(method.input)] : sample(method.input),
  );
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

/** The services of a generated file, from it and from the file of its messages. */
export function readServices(generated: Record<string, unknown>, messages: Record<string, unknown>): Service[] {
  const file = Object.values(messages).find(
    (value): value is DescFile => (value as { kind?: unknown }).kind === "file",
  );
  if (file === undefined) return [];
  const { services } = declareNames(file);
  const constants = Object.values(generated) as {
    readonly service?: string;
    readonly name?: string;
    readonly interaction?: string;
  }[];
  return file.services.map((desc) => {
    const names = services.get(desc);
    const unimplemented = generated[names?.unimplemented ?? ""] as Members;
    const ofService = constants.filter(({ service }) => service === desc.typeName);
    return {
      desc,
      unimplemented,
      members: Object.keys(unimplemented),
      createClient: generated[names?.createClient ?? ""] as Service["createClient"],
      implement: generated[names?.implement ?? ""] as Service["implement"],
      fireAndForget: new Set(
        ofService.filter(({ interaction }) => interaction === "fire_and_forget").map(({ name = "" }) => name),
      ),
    };
  });
}
