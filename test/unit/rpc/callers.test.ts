// SPDX-License-Identifier: Apache-2.0
// Whatever a caller passes, and whatever a peer answers: the call ends with one RpcError, and the connection lives.

import { create } from "@bufbuild/protobuf";
import { expect } from "chai";
import { type CallOptions, Code, type Connection, type Observer, RpcError } from "rsocket-rpc";
import type { ScriptedPeer } from "rsocket-rpc/testing";
import { SummarySchema } from "../../../examples/hello/gen/ticker_pb.js";
import {
  createTickerClient,
  implementTicker,
  type TickerClient,
  unimplementedTicker,
} from "../../../examples/hello/gen/ticker_rsocket.js";
import { textHex } from "../../support/frames-dsl.js";
import { collect, leavesNoTrace, RpcWorld, rejectionOf, rsocketOf } from "../../support/rpc-world.js";

interface Called {
  readonly ticker: TickerClient;
  readonly connection: Connection;
  readonly peer: ScriptedPeer;
}

describe("callers", () => {
  let world: RpcWorld;
  beforeEach(() => {
    world = new RpcWorld();
  });
  afterEach(leavesNoTrace);

  async function connect(isOurs = true): Promise<Called> {
    const side = await world.connectScripted({ observer: {} }, isOurs);
    return { ...side, ticker: createTickerClient(side.connection) };
  }

  /** What a call fails with. */
  function failureOf(call: Promise<unknown>): Promise<RpcError> {
    return told(rejectionOf(call));
  }

  /** What the promise of a failure comes to, when all that is due has run. */
  async function told(failure: Promise<unknown>): Promise<RpcError> {
    const error = await world.run(failure);
    expect(RpcError.is(error), String(error)).to.equal(true);
    return error as RpcError;
  }

  /** The next call goes out and is answered. */
  async function expectAlive({ ticker, peer, connection }: Called): Promise<void> {
    peer.take();
    const answer = ticker.last({});
    await world.scheduler.settle();
    const [request] = peer.take();
    peer.send(`${request?.slice(0, 8)}2860`);
    await world.run(answer);
    expect(world.streamCount(connection)).to.equal(0);
  }

  describe("messages that are none", () => {
    const wrong: Readonly<Record<string, readonly [unknown, RegExp]>> = {
      undefined: [undefined, /got undefined, expected/],
      null: [null, /got null, expected/],
      "a text": ["ACME", /got "ACME", expected/],
      "a promise": [Promise.resolve({}), /got a Promise, expected/],
      "an array": [[{}], /got an Array, expected/],
      "a message of another type": [create(SummarySchema), /got a demo\.v1\.Summary, expected/],
    };

    for (const [name, [message, expected]] of Object.entries(wrong)) {
      it(`${name}: the call fails invalid_argument, and nothing is sent`, async () => {
        const called = await connect();
        const { ticker, peer } = called;
        const calls: Readonly<Record<string, Promise<unknown>>> = {
          "demo.v1.Symbol": ticker.last(message as object),
          "demo.v1.Line": ticker.log(message as object),
          "demo.v1.Quote": ticker.upload([message as object]),
        };
        for (const [type, call] of Object.entries(calls)) {
          const error = await failureOf(call);
          expect(error.code).to.equal(Code.InvalidArgument);
          expect(error.rawMessage).to.match(expected).and.contain(type);
        }
        expect((await failureOf(collect(ticker.watch(message as object)))).code).to.equal(Code.InvalidArgument);
        expect((await failureOf(collect(ticker.chat([message as object])))).code).to.equal(Code.InvalidArgument);
        expect(peer.take()).to.deep.equal([]);
        await expectAlive(called);
      });
    }

    it("midway in a stream: the peer hears that the call is off", async () => {
      const called = await connect();
      const { ticker, peer } = called;
      const failure = rejectionOf(ticker.upload([{}, undefined as unknown as object]));
      await world.scheduler.settle();
      peer.send("00000001200000000005"); // REQUEST_N 5
      expect((await told(failure)).code).to.equal(Code.InvalidArgument);
      const sent = peer.take();
      expect(sent.at(-1)?.slice(0, 20)).to.equal("000000012c0000000201");
      await expectAlive(called);
    });
  });

  describe("sources that are none", () => {
    const boom = new Error("boom");
    const throwing = (): never => {
      throw boom;
    };
    const sources: Readonly<Record<string, readonly [unknown, Code, RegExp]>> = {
      undefined: [undefined, Code.InvalidArgument, /requests are undefined, expected an iterable/],
      "a number": [5, Code.InvalidArgument, /requests are 5, expected an iterable/],
      "a message": [{}, Code.InvalidArgument, /requests are an Object, expected an iterable/],
      "a promise": [Promise.resolve([]), Code.InvalidArgument, /requests are a Promise, expected an iterable/],
      "one whose iterator throws": [{ [Symbol.iterator]: throwing }, Code.InvalidArgument, /expected an iterable/],
      "one whose next throws": [{ [Symbol.iterator]: () => ({ next: throwing }) }, Code.Internal, /^boom$/],
      "one whose next rejects": [
        { [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(boom) }) },
        Code.Internal,
        /^boom$/,
      ],
      "one whose results are undefined": [
        { [Symbol.iterator]: () => ({ next: () => undefined }) },
        Code.Internal,
        /gave undefined/,
      ],
      "one that throws what has no text": [
        { [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(Object.create(null)) }) },
        Code.Internal,
        /can't be put into words/,
      ],
      "one that throws a status": [
        {
          [Symbol.iterator]: () => ({
            next: () => {
              throw new RpcError(Code.DataLoss, "disk");
            },
          }),
        },
        Code.DataLoss,
        /^disk$/,
      ],
    };

    for (const [name, [source, code, message]] of Object.entries(sources)) {
      it(`${name}: the call fails, and nothing is sent`, async () => {
        const called = await connect();
        const { ticker, peer } = called;
        for (const call of [ticker.upload(source as []), collect(ticker.chat(source as []))]) {
          const error = await failureOf(call);
          expect(error.code).to.equal(code);
          expect(error.rawMessage).to.match(message);
          expect(error.initiator).to.equal("local");
        }
        expect(peer.take()).to.deep.equal([]);
        await expectAlive(called);
      });
    }

    it("a status that a source throws midway is what the peer hears; all else it hears as cancelled", async () => {
      for (const [thrown, status] of [
        [new RpcError(Code.DataLoss, "disk"), "3208080f12046469736b"],
        [new Error("secret"), `321d0801${"1219"}${textHex("the request stream failed")}`],
      ] as const) {
        const called = await connect();
        const { ticker, peer } = called;
        const failure = rejectionOf(
          ticker.upload(
            (function* () {
              yield {};
              throw thrown;
            })(),
          ),
        );
        await world.scheduler.settle();
        peer.send("00000001200000000005");
        await told(failure);
        expect(peer.take().at(-1)).to.equal(`000000012c000000020100${status}`);
        await expectAlive(called);
      }
    });
  });

  describe("options that can't be meant", () => {
    const wrong: Readonly<Record<string, readonly [CallOptions, RegExp]>> = {
      "a negative timeout": [{ timeoutMs: -1 }, /timeoutMs is -1, expected 0 … 2147483647/],
      "a timeout that is no number": [{ timeoutMs: Number.NaN }, /timeoutMs is NaN/],
      "a timeout above 31 bits": [{ timeoutMs: 2 ** 31 }, /timeoutMs is 2147483648/],
      "no prefetch": [{ prefetch: 0 }, /prefetch is 0, expected a whole number 1 …/],
      "half an item": [{ prefetch: 1.5 }, /prefetch is 1\.5/],
      "a reserved header": [{ headers: { "grpc-timeout": "1" } }, /"grpc-timeout" is reserved/],
      "a header with a line break": [{ headers: { "x-a": "b\r\nc" } }, /"x-a" has U\+000D/],
      "bytes under a text key": [{ headers: { "x-a": Uint8Array.of(1) } }, /"x-a" holds bytes/],
      "raw metadata beside a deadline": [
        { rawMetadata: Uint8Array.of(1), timeoutMs: 5 },
        /rawMetadata can't be sent together/,
      ],
      "headers that take too much room": [
        { headers: Array.from({ length: 100 }, () => ["x-large", "x".repeat(1_000)] as const) },
        /take \d+ bytes, expected at most 65536/,
      ],
    };

    for (const [name, [options, message]] of Object.entries(wrong)) {
      it(`${name}: every shape fails invalid_argument, and nothing is sent`, async () => {
        const called = await connect();
        const { ticker, peer } = called;
        const calls = [
          ticker.last({}, options),
          ticker.log({}, options),
          ticker.upload([{}], options),
          collect(ticker.watch({}, options)),
          collect(ticker.chat([{}], options)),
        ];
        for (const call of calls) {
          const error = await failureOf(call);
          expect(error.code).to.equal(Code.InvalidArgument);
          expect(error.rawMessage).to.match(message);
        }
        expect(peer.take()).to.deep.equal([]);
        await expectAlive(called);
      });
    }
  });

  describe("giving up", () => {
    const reasons: Readonly<Record<string, readonly [unknown, Code, string]>> = {
      "without a reason": [undefined, Code.Cancelled, "This operation was aborted"],
      "with an Error": [new Error("enough"), Code.Cancelled, "enough"],
      "with a text": ["enough", Code.Cancelled, "enough"],
      "with null": [null, Code.Cancelled, "null"],
      "with what has no text": [Object.create(null), Code.Cancelled, "something that can't be put into words"],
      "with a status": [new RpcError(Code.Aborted, "enough"), Code.Aborted, "enough"],
      "for time": [new DOMException("too slow", "TimeoutError"), Code.DeadlineExceeded, "too slow"],
    };

    for (const [name, [reason, code, message]] of Object.entries(reasons)) {
      it(`${name}: the caller gets one RpcError, the peer one CANCEL`, async () => {
        const called = await connect();
        const { ticker, peer } = called;
        const controller = new AbortController();
        const options = { signal: world.signalOf(controller) };
        const failures = [
          ticker.last({}, options),
          collect(ticker.watch({}, options)),
          ticker.upload([{}, {}], options),
          collect(ticker.chat([{}, {}], options)),
        ].map(rejectionOf);
        await world.scheduler.settle();
        expect(peer.take()).to.have.length(4);
        controller.abort(reason);
        for (const failure of failures)
          expect(await told(failure)).to.include({ code, rawMessage: message, initiator: "local" });
        expect(peer.take().sort()).to.deep.equal(["000000012400", "000000032400", "000000052400", "000000072400"]);
        // Whatever still comes is ignored.
        for (const id of ["01", "03", "05", "07"]) peer.send(`000000${id}2860`);
        await world.scheduler.settle();
        await expectAlive(called);
      });
    }

    it("for a deadline that is what is left of another says it in whole milliseconds", async () => {
      const { ticker } = await connect();
      const failure = failureOf(ticker.last({}, { timeoutMs: 299.7078970000001 }));
      await world.scheduler.advance(310);
      expect((await failure).rawMessage).to.equal("deadline exceeded after 300 ms");
    });

    it("on a signal that is aborted fails at once, and nothing is sent", async () => {
      const called = await connect();
      const signal = AbortSignal.abort(new Error("before"));
      expect(await failureOf(called.ticker.last({}, { signal }))).to.include({
        code: Code.Cancelled,
        rawMessage: "before",
      });
      expect(called.peer.take()).to.deep.equal([]);
    });
  });

  describe("iterating", () => {
    it("begins the call: one that is never iterated is never made", async () => {
      const called = await connect();
      called.ticker.watch({}, { timeoutMs: 10 });
      called.ticker.chat([{}]);
      await world.scheduler.advance(100);
      expect(called.peer.take()).to.deep.equal([]);
    });

    it("twice is an error that says what to do", async () => {
      const called = await connect();
      const items = called.ticker.watch({});
      const first = items[Symbol.asyncIterator]();
      expect(() => items[Symbol.asyncIterator]())
        .to.throw(RpcError, "can be iterated once: call the method again")
        .with.property("code", Code.FailedPrecondition);
      await first.return?.();
      await world.scheduler.settle();
      await expectAlive(called);
    });

    it("takes several pulls at once, in order, and ends all of them", async () => {
      const called = await connect();
      const items = called.ticker.watch({})[Symbol.asyncIterator]();
      const pulls = Promise.all([items.next(), items.next(), items.next(), items.next()]);
      await world.scheduler.settle();
      called.peer.send("0000000128200a0161");
      called.peer.send("0000000128200a0162");
      called.peer.send("000000012840");
      const results = await world.run(pulls);
      expect(results.map(({ done, value }) => (done === true ? "done" : value?.symbol))).to.deep.equal([
        "a",
        "b",
        "done",
        "done",
      ]);
      expect((await items.next()).done).to.equal(true);
    });

    it("fails the first of several pulls, and ends the others", async () => {
      const called = await connect();
      const items = called.ticker.watch({})[Symbol.asyncIterator]();
      const pulls = Promise.allSettled([items.next(), items.next()]);
      await world.scheduler.settle();
      called.peer.send(`000000012c0000000201${textHex("no")}`);
      const [first, second] = await world.run(pulls);
      expect(first).to.have.property("status", "rejected");
      expect(second).to.deep.equal({ status: "fulfilled", value: { done: true, value: undefined } });
      expect(await items.next()).to.deep.equal({ done: true, value: undefined });
    });

    it("ended by return twice cancels once, and pulls that wait end", async () => {
      const called = await connect();
      const items = called.ticker.watch({})[Symbol.asyncIterator]();
      const pull = items.next();
      await world.scheduler.settle();
      called.peer.take();
      await items.return?.();
      await items.return?.();
      expect(await world.run(pull)).to.deep.equal({ done: true, value: undefined });
      await world.scheduler.settle();
      expect(called.peer.take()).to.deep.equal(["000000012400"]);
    });

    it("gives the items at hand before the error", async () => {
      const called = await connect();
      const items = called.ticker.watch({})[Symbol.asyncIterator]();
      await world.scheduler.settle();
      called.peer.send("0000000128200a0161");
      called.peer.send(`000000012c0000000201${textHex("no")}`);
      await world.scheduler.settle();
      expect((await items.next()).value?.symbol).to.equal("a");
      expect(await rejectionOf(items.next())).to.have.property("rawMessage", "no");
      expect((await items.next()).done).to.equal(true);
    });
  });

  describe("answers that are none", () => {
    it("an undecodable unary answer fails internal", async () => {
      const called = await connect();
      const failure = rejectionOf(called.ticker.last({}));
      await world.scheduler.settle();
      called.peer.send("0000000128600aff");
      const error = await told(failure);
      expect(error).to.include({ code: Code.Internal, initiator: "local" });
      expect(error.rawMessage).to.match(/^demo\.v1\.Ticker\.Last: the answer can't be decoded as demo\.v1\.Quote: /);
      await expectAlive(called);
    });

    it("an undecodable item fails internal and cancels, behind the items before it", async () => {
      const called = await connect();
      const seen: string[] = [];
      const failure = rejectionOf(
        (async () => {
          for await (const { symbol } of called.ticker.watch({})) seen.push(symbol);
        })(),
      );
      await world.scheduler.settle();
      called.peer.take();
      called.peer.send("0000000128200a0161");
      called.peer.send("0000000128200aff");
      called.peer.send("0000000128200a0162");
      expect((await told(failure)).code).to.equal(Code.Internal);
      expect(seen).to.deep.equal(["a"]);
      expect(called.peer.take()).to.deep.equal(["000000012400"]);
      await expectAlive(called);
    });

    it("COMPLETE alone to a unary call is an empty message", async () => {
      const called = await connect();
      const answer = called.ticker.last({});
      await world.scheduler.settle();
      called.peer.send("000000012840");
      expect((await world.run(answer)).symbol).to.equal("");
    });

    it("none, or two, to a client stream fail internal", async () => {
      for (const frames of [["000000012840"], ["000000012820", "000000012820"]]) {
        const called = await connect();
        const failure = rejectionOf(called.ticker.upload([{}]));
        await world.scheduler.settle();
        for (const frame of frames) called.peer.send(frame);
        const error = await told(failure);
        expect(error.code).to.equal(Code.Internal);
        expect(error.rawMessage).to.match(/^(no|more than one) answer to a client stream, expected exactly one$/);
        await expectAlive(called);
      }
    });

    it("one PAYLOAD[N C] to a client stream is the answer", async () => {
      const called = await connect();
      const answer = called.ticker.upload([{}]);
      await world.scheduler.settle();
      called.peer.send("0000000128600807");
      expect((await world.run(answer)).count).to.equal(7);
      await expectAlive(called);
    });

    it("metadata of another make goes to onRawMetadata, untouched", async () => {
      const called = await connect(false);
      const raw: Uint8Array[] = [];
      const answer = called.ticker.last({}, { onRawMetadata: (metadata) => raw.push(metadata) });
      await world.scheduler.settle();
      called.peer.send(`000000012960${"000003"}${"010203"}`);
      await world.run(answer);
      expect(raw).to.deep.equal([Uint8Array.of(1, 2, 3)]);
    });

    it("malformed metadata of ours fails internal and cancels", async () => {
      const called = await connect();
      const failure = rejectionOf(collect(called.ticker.watch({})));
      await world.scheduler.settle();
      called.peer.take();
      // The entry says 4 bytes, of which the Envelope's first field says 9.
      called.peer.send(`000000012920${"000020"}${ENTRY}${"000004"}${"22090a01"}`);
      const error = await told(failure);
      expect(error.code).to.equal(Code.Internal);
      expect(error.rawMessage).to.match(/^the answer's metadata is malformed: /);
      expect(called.peer.take()).to.deep.equal(["000000012400"]);
      await expectAlive(called);
    });

    it("an ERROR that can't be read is unknown", async () => {
      const called = await connect();
      const failure = rejectionOf(called.ticker.last({}));
      await world.scheduler.settle();
      called.peer.send("000000012c0000000201003209");
      const error = await told(failure);
      expect(error).to.include({ code: Code.Unknown, initiator: "remote", wireCode: 0x201 });
    });

    for (const [name, frame, hook] of [
      ["onHeaders", "22080a03782d61120162", "onHeaders"],
      ["onTrailers", "2a080a03782d61120162", "onTrailers"],
    ] as const) {
      it(`${name} that throws fails its own call only`, async () => {
        const called = await connect();
        const failure = rejectionOf(
          called.ticker.last(
            {},
            {
              [hook]: () => {
                throw new Error("in a listener");
              },
            },
          ),
        );
        await world.scheduler.settle();
        called.peer.send(`000000012960${"000026"}${ENTRY}${"00000a"}${frame}`);
        expect((await told(failure)).rawMessage).to.equal("in a listener");
        await expectAlive(called);
      });
    }

    it("an async onHeaders that rejects fails its own call, or is told to the observer when that is over", async () => {
      const told: string[] = [];
      const { connection } = await world.pair(
        {
          services: [
            implementTicker({
              ...unimplementedTicker,
              last: (_, { responseHeaders }) => {
                responseHeaders.set("x-a", "b");
                return {};
              },
              async *watch(_, { responseHeaders }) {
                responseHeaders.set("x-a", "b");
                yield {};
                await new Promise(() => {});
              },
            }),
          ],
        },
        { observer: { onCleanupError: (error) => void told.push(String(error)) } },
      );
      const ticker = createTickerClient(connection);
      const onHeaders = (async () => {
        throw new Error("in a listener");
      }) as () => void;
      const watching = rejectionOf(collect(ticker.watch({}, { onHeaders })));
      expect(await world.run(watching)).to.include({ rawMessage: "in a listener" });
      expect(told).to.deep.equal([]);
      await world.run(ticker.last({}, { onHeaders }));
      await world.scheduler.settle();
      expect(told).to.deep.equal(["Error: in a listener"]);
      world.expectsRunningHandlers = true; // the stream's never ends
    });

    it("an onRawMetadata that throws fails its own call only", async () => {
      const called = await connect(false);
      const failure = rejectionOf(
        called.ticker.last(
          {},
          {
            onRawMetadata: () => {
              throw new Error("in a listener");
            },
          },
        ),
      );
      await world.scheduler.settle();
      called.peer.send(`000000012960${"000003"}${"010203"}`);
      expect((await told(failure)).rawMessage).to.equal("in a listener");
      await expectAlive(called);
    });
  });

  it("a METADATA_PUSH that can't be read is ignored, and told to the observer", async () => {
    const told: string[] = [];
    const { connection, peer } = await world.connectScripted({
      observer: { onMalformedMetadata: (message) => told.push(message) },
    });
    peer.send(`000000003100${ENTRY}${"000002"}${"0a09"}`);
    peer.send("000000003100010203");
    await world.scheduler.settle();
    expect(told).to.have.length(1);
    expect(rsocketOf(connection).isOpen).to.equal(true);
  });

  it("user metadata that rsocket-rpc-java 0.3.0 may misread is told to the observer, from 5 + 256 × service length on", async () => {
    const told: unknown[] = [];
    const observer: Observer = { onLargeUserMetadata: (byteLength, { name }) => told.push([byteLength, name]) };
    const { connection } = await world.connectScripted({ observer }, false);
    const ticker = createTickerClient(connection);
    const limit = 5 + 256 * "demo.v1.Ticker".length;
    for (const byteLength of [limit - 1, limit]) {
      void ticker.log({}, { rawMetadata: new Uint8Array(byteLength) });
      await world.scheduler.settle();
    }
    expect(told).to.deep.equal([[limit, "Log"]]);
  });

  it("long headers to a peer of ours, which misreads nothing, are no warning", async () => {
    const told: unknown[] = [];
    const observer: Observer = { onLargeUserMetadata: (byteLength, { name }) => told.push([byteLength, name]) };
    const { connection } = await world.connectScripted({ observer });
    void createTickerClient(connection).log({}, { headers: { authorization: "x".repeat(5_000) } });
    await world.scheduler.settle();
    expect(told).to.deep.equal([]);
  });

  it("with announcePerRequest every request carries our entry, empty if need be", async () => {
    const { connection, peer } = await world.connectScripted({ compatibility: { announcePerRequest: true } });
    void createTickerClient(connection).log({});
    await world.scheduler.settle();
    expect(peer.take()).to.deep.equal([
      `000000011500${"000035"}${"0001000e64656d6f2e76312e5469636b657200034c6f670000"}${ENTRY}${"000000"}`,
    ]);
  });
});

/** Length byte and mime type of our entry. */
const ENTRY = "176d6573736167652f782e72736f636b65742d7270632e7631";
