// SPDX-License-Identifier: Apache-2.0
// Fields that this side's .proto doesn't have: kept to be sent on, or dropped when a message is read.

import { create, type Message } from "@bufbuild/protobuf";
import { expect } from "chai";
import type { ConnectOptions, ServeOptions } from "rsocket-rpc";
import { LineSchema, QuoteSchema, SummarySchema, SymbolSchema } from "../../../examples/hello/gen/ticker_pb.js";
import { createTickerClient, implementTicker } from "../../../examples/hello/gen/ticker_rsocket.js";
import { messageCodec } from "../../../runtime/src/rpc/codec.js";
import { bytesOf } from "../../support/frames-dsl.js";
import { leavesNoTrace, RpcWorld } from "../../support/rpc-world.js";

/** Field 15 of a newer .proto: the varint 1. */
const NEWER = { no: 15, wireType: 0, data: new Uint8Array([1]) };

function newer<M extends Message>(message: M): M {
  message.$unknown = [NEWER];
  return message;
}

describe("fields that aren't known", () => {
  let world: RpcWorld;
  beforeEach(() => {
    world = new RpcWorld();
  });
  afterEach(leavesNoTrace);

  // How many fields were kept of each message that came, to handlers and to callers, over calls of all kinds.
  async function keptBy(serve: Partial<ServeOptions>, connect: ConnectOptions): Promise<Record<string, number[]>> {
    const handlers: number[] = [];
    const callers: number[] = [];
    const note = (list: number[], { $unknown = [] }: Message): void => void list.push($unknown.length);
    const service = implementTicker({
      last: (request) => {
        note(handlers, request);
        return newer(create(QuoteSchema));
      },
      watch: (request) => {
        note(handlers, request);
        return [newer(create(QuoteSchema))];
      },
      upload: async (requests) => {
        for await (const request of requests) note(handlers, request);
        return newer(create(SummarySchema));
      },
      async *chat(requests) {
        for await (const request of requests) note(handlers, request);
        yield newer(create(LineSchema));
      },
      log: (request) => note(handlers, request),
    });
    const { connection } = await world.pair({ services: [service], ...serve }, connect);
    const ticker = createTickerClient(connection);
    const call = async (): Promise<void> => {
      note(callers, await ticker.last(newer(create(SymbolSchema))));
      for await (const answer of ticker.watch(newer(create(SymbolSchema)))) note(callers, answer);
      note(callers, await ticker.upload([newer(create(QuoteSchema))]));
      for await (const answer of ticker.chat([newer(create(LineSchema))])) note(callers, answer);
      await ticker.log(newer(create(LineSchema)));
    };
    await world.run(call());
    await world.scheduler.settle();
    return { handlers, callers };
  }

  it("are kept by default, on both sides", async () => {
    expect(await keptBy({}, {})).to.deep.equal({ handlers: [1, 1, 1, 1, 1], callers: [1, 1, 1, 1] });
  });

  it("are dropped by the side that has discardUnknownFields", async () => {
    const discardUnknownFields = true;
    const dropping = await keptBy({ discardUnknownFields }, {});
    expect(dropping).to.deep.equal({ handlers: [0, 0, 0, 0, 0], callers: [1, 1, 1, 1] });
    const client = await keptBy({}, { discardUnknownFields });
    expect(client).to.deep.equal({ handlers: [1, 1, 1, 1, 1], callers: [0, 0, 0, 0] });
  });

  it("are dropped with the preset edge, unless they are asked for", async () => {
    const edge = await keptBy({ preset: "edge" }, { preset: "edge" });
    expect(edge).to.deep.equal({ handlers: [0, 0, 0, 0, 0], callers: [0, 0, 0, 0] });
    const kept = await keptBy({ preset: "edge", discardUnknownFields: false }, {});
    expect(kept.handlers).to.deep.equal([1, 1, 1, 1, 1]);
  });

  it("cost nothing when they are dropped: 4 MiB of them are read, and nothing is left", () => {
    const codec = messageCodec(LineSchema);
    const bytes = new Uint8Array(4_194_304);
    for (let i = 0; i < bytes.length; i += 2) bytes.set([0x78, 0x01], i); // field 15, varint 1
    bytes.set(bytesOf("0a026f6b"), bytes.length - 4); // text "ok"
    const line = codec.decode(bytes, true);
    expect([line.text, line.$unknown]).to.deep.equal(["ok", undefined]);
  });
});
