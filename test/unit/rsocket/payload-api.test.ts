// SPDX-License-Identifier: Apache-2.0
// The payload level as a program uses it: a responder, a requester, sinks with credits, SETUP on both sides.

import { runInNewContext } from "node:vm";
import { expect } from "chai";
import {
  type ConnectionError,
  type ConnectRSocketOptions,
  connectRSocket,
  createInProcessPair,
  type Extension,
  type FrameLink,
  type Listener,
  type Payload,
  type Responder,
  type RSocketConnection,
  type RSocketServer,
  type ServeRSocketOptions,
  SetupRejection,
  type StreamError,
  type StreamHandle,
  type StreamSink,
  serveRSocket,
} from "rsocket-rpc/rsocket";
import { type ScriptedPeer, scriptedPeer, VirtualScheduler } from "rsocket-rpc/testing";
import { hexOf, textHex } from "../../support/frames-dsl.js";
import { KEEPALIVE, KEEPALIVE_R, rejectionOf } from "../../support/rpc-world.js";

const text = (value: string): Payload => ({ data: new TextEncoder().encode(value) });
const read = (data: Uint8Array): string => new TextDecoder().decode(data);

/** Writes down what a sink hears. */
class Recorder implements StreamSink {
  readonly log: string[] = [];

  onNext(data: Uint8Array, metadata: Uint8Array | undefined, complete: boolean): void {
    this.log.push(
      `next ${read(data)}${metadata === undefined ? "" : ` [${hexOf(metadata)}]`}${complete ? " complete" : ""}`,
    );
  }
  onComplete(metadata: Uint8Array | undefined): void {
    this.log.push(`complete${metadata === undefined ? "" : ` [${hexOf(metadata)}]`}`);
  }
  onError(error: StreamError | ConnectionError): void {
    this.log.push(`error 0x${error.code.toString(16)} ${error.message}`);
  }
  onCancel(): void {
    this.log.push("cancel");
  }
  onRequestN(n: number): void {
    this.log.push(`request ${n}`);
  }
  onWritable(): void {
    this.log.push("writable");
  }
}

describe("the payload level", () => {
  let scheduler: VirtualScheduler;
  let servers: RSocketServer[];
  let connections: RSocketConnection[];
  let peers: ScriptedPeer[];
  beforeEach(() => {
    scheduler = new VirtualScheduler();
    servers = [];
    connections = [];
    peers = [];
  });
  afterEach(async function () {
    if (this.currentTest?.state === "failed") return;
    for (const peer of peers) if (!peer.isClosed) peer.abort();
    const closing = [...connections, ...servers].map((end) => end.close());
    await scheduler.advance(2_000);
    await scheduler.run(Promise.all(closing));
    for (const connection of connections) expect(connection.streamCount, "streams").to.equal(0);
    for (const server of servers) expect(server.connections.size, "connections").to.equal(0);
    expect(scheduler.timerCount, "timers").to.equal(0);
  });

  interface Serving {
    readonly server: RSocketServer;
    readonly take: (link: FrameLink) => void;
  }

  async function serve(options: Partial<ServeRSocketOptions>): Promise<Serving> {
    let take: ((link: FrameLink) => void) | undefined;
    const listener: Listener = { url: "test:", close: () => Promise.resolve() };
    const server = await scheduler.run(
      serveRSocket({
        listeners: [
          (onLink) => {
            take = onLink;
            return Promise.resolve(listener);
          },
        ],
        accept: () => ({}),
        scheduler,
        ...options,
      }),
    );
    servers.push(server);
    return { server, take: (link) => take?.(link) };
  }

  async function connect({ take }: Serving, options: Partial<ConnectRSocketOptions> = {}): Promise<RSocketConnection> {
    const dial = (): Promise<FrameLink> => {
      const [near, far] = createInProcessPair(scheduler);
      take(far);
      return Promise.resolve(near);
    };
    const connection = await scheduler.run(connectRSocket({ dialer: { dial }, scheduler, ...options }));
    connections.push(connection);
    return connection;
  }

  /** A client whose server answers with `responder`. */
  async function pair(responder: Responder, options: Partial<ConnectRSocketOptions> = {}): Promise<RSocketConnection> {
    return await connect(await serve({ accept: () => responder }), options);
  }

  function script(): { link: FrameLink; peer: ScriptedPeer } {
    const [link, peer] = scriptedPeer(scheduler);
    peers.push(peer);
    return { link, peer };
  }

  async function settled(sink: Recorder): Promise<string[]> {
    await scheduler.settle();
    return sink.log.splice(0);
  }

  // ── responder ─────────────────────────────────────────────────────────────────────────────────────────────────────

  describe("a responder", () => {
    it("answers a request with one payload, metadata too", async () => {
      const connection = await pair({
        requestResponse: ({ data, metadata }, stream) => {
          stream.next(new TextEncoder().encode(`${read(data)}!`), metadata);
          return undefined;
        },
      });
      const sink = new Recorder();
      connection.requestResponse({ ...text("hi"), metadata: Uint8Array.of(1, 2) }, sink);
      expect(await settled(sink)).to.deep.equal(["next hi! [0102] complete"]);
    });

    it("may answer later, with COMPLETE alone, or with an error", async () => {
      const streams: StreamHandle[] = [];
      const connection = await pair({
        requestResponse: (_request, stream) => {
          streams.push(stream);
          return undefined;
        },
      });
      const sinks = [new Recorder(), new Recorder(), new Recorder()];
      for (const sink of sinks) connection.requestResponse(text(""), sink);
      await scheduler.settle();
      streams[2]?.error(0x201, new TextEncoder().encode("no"));
      streams[1]?.complete(Uint8Array.of(9));
      streams[0]?.next(new TextEncoder().encode("late"));
      await scheduler.settle();
      expect(sinks.map(({ log }) => log)).to.deep.equal([
        ["next late complete"],
        ["complete [09]"],
        ["error 0x201 APPLICATION_ERROR (0x201): no"],
      ]);
    });

    it("streams while there is credit, and hears of more and of CANCEL", async () => {
      const serverSide = new Recorder();
      let stream: StreamHandle | undefined;
      const connection = await pair({
        requestStream: (_request, opened) => {
          stream = opened;
          for (let i = 0; opened.mayProduce; i++) opened.next(new TextEncoder().encode(String(i)));
          return serverSide;
        },
      });
      const sink = new Recorder();
      const handle = connection.requestStream(text(""), 2, sink);
      expect(await settled(sink)).to.deep.equal(["next 0", "next 1"]);
      expect(stream?.mayProduce).to.equal(false);
      expect(() => stream?.next(new Uint8Array(1))).to.throw(RangeError, "without credit");
      handle.request(3);
      await scheduler.settle();
      expect(serverSide.log).to.deep.equal(["request 3"]);
      expect(stream?.credit).to.equal(3);
      stream?.next(new TextEncoder().encode("2"));
      expect(await settled(sink)).to.deep.equal(["next 2"]);
      handle.cancel();
      await scheduler.settle();
      expect(serverSide.log).to.deep.equal(["request 3", "cancel"]);
      expect(stream?.next(new Uint8Array(1))).to.equal(false);
      expect(sink.log).to.deep.equal([]);
    });

    it("talks on a channel, both ways under credit", async () => {
      const serverSide = new Recorder();
      let stream: StreamHandle | undefined;
      const connection = await pair({
        requestChannel: ({ data }, opened, complete) => {
          stream = opened;
          serverSide.log.push(`first ${read(data)}${complete ? " complete" : ""}`);
          opened.request(1);
          return serverSide;
        },
      });
      const sink = new Recorder();
      const handle = connection.requestChannel(text("a"), 1, sink);
      await scheduler.settle();
      expect(serverSide.log.splice(0)).to.deep.equal(["first a"]);
      expect(sink.log.splice(0)).to.deep.equal(["request 1"]);
      expect(handle.next(new TextEncoder().encode("b"))).to.equal(false);
      handle.complete();
      stream?.next(new TextEncoder().encode("x"));
      await scheduler.settle();
      expect(serverSide.log).to.deep.equal(["next b", "complete"]);
      expect(sink.log).to.deep.equal(["next x"]);
      stream?.complete();
      expect(await settled(sink)).to.deep.equal(["next x", "complete"]);
    });

    it("takes fire-and-forget requests; their sender hears when they are with the transport", async () => {
      const seen: string[] = [];
      const connection = await pair({ fireAndForget: ({ data }) => void seen.push(read(data)) });
      const sink = new Recorder();
      connection.fireAndForget(text("x"), sink);
      connection.fireAndForget(text("y"));
      expect(await settled(sink)).to.deep.equal(["complete"]);
      expect(seen).to.deep.equal(["x", "y"]);
    });

    it("without a handler for a model refuses it with REJECTED, and ignores fire-and-forget", async () => {
      const connection = await pair({});
      const sinks = [new Recorder(), new Recorder(), new Recorder(), new Recorder()] as const;
      connection.requestResponse(text(""), sinks[0]);
      connection.requestStream(text(""), 1, sinks[1]);
      connection.requestChannel(text(""), 1, sinks[2]);
      connection.fireAndForget(text(""), sinks[3]);
      await scheduler.settle();
      expect(sinks.map(({ log }) => log)).to.deep.equal([
        ["error 0x202 REJECTED (0x202): no handler for request_response"],
        ["error 0x202 REJECTED (0x202): no handler for request_stream"],
        ["error 0x202 REJECTED (0x202): no handler for request_channel"],
        ["complete"],
      ]);
    });

    it("that throws fails its own stream, and tells onHandlerError; the connection lives", async () => {
      const told: unknown[] = [];
      const boom = new Error("secret");
      const fail = (): never => {
        throw boom;
      };
      const connection = await pair({
        requestResponse: fail,
        requestStream: () => ({ onRequestN: fail }),
        requestChannel: () => ({ onNext: fail }),
        fireAndForget: fail,
        metadataPush: fail,
        onHandlerError: (error) => told.push(error),
      });
      const [response, stream, channel] = [new Recorder(), new Recorder(), new Recorder()];
      connection.requestResponse(text(""), response);
      connection.requestStream(text(""), 1, stream).request(1);
      const handle = connection.requestChannel(text(""), 1, channel);
      connection.fireAndForget(text(""));
      connection.metadataPush(Uint8Array.of(1));
      await scheduler.settle();
      expect(response.log).to.deep.equal(["error 0x201 APPLICATION_ERROR (0x201): internal error"]);
      expect(stream.log).to.deep.equal(["error 0x201 APPLICATION_ERROR (0x201): internal error"]);
      expect(told).to.deep.equal([boom, boom, boom, boom]);
      handle.cancel();
      await scheduler.settle();
      const last = new Recorder();
      connection.requestResponse(text(""), last);
      expect(await settled(last)).to.deep.equal(["error 0x201 APPLICATION_ERROR (0x201): internal error"]);
      expect(connection.isOpen).to.equal(true);
    });

    it("that is async and rejects does the same, and ends no process", async () => {
      const told: unknown[] = [];
      const boom = new Error("secret");
      const fail = (async () => {
        throw boom;
      }) as () => never;
      const connection = await pair({
        requestResponse: fail,
        requestStream: () => ({ onRequestN: fail }),
        requestChannel: (_request, answers) => {
          answers.request(1);
          return { onNext: fail };
        },
        fireAndForget: fail,
        metadataPush: fail,
        onHandlerError: (error) => told.push(error),
      });
      const [response, stream, channel] = [new Recorder(), new Recorder(), new Recorder()];
      connection.requestResponse(text(""), response);
      connection.requestStream(text(""), 1, stream).request(1);
      const items = connection.requestChannel(text(""), 1, channel);
      await scheduler.settle();
      items.next(new Uint8Array(1));
      connection.fireAndForget(text(""));
      connection.metadataPush(Uint8Array.of(1));
      await scheduler.settle();
      for (const { log } of [response, stream, channel])
        expect(log.at(-1)).to.equal("error 0x201 APPLICATION_ERROR (0x201): internal error");
      expect(told).to.deep.equal([boom, boom, boom, boom, boom]);
      expect(connection.isOpen).to.equal(true);
    });

    it("that nobody hears of is printed, a line a second however often a peer makes it throw", async () => {
      const connection = await pair({
        requestResponse: () => {
          throw new Error("boom");
        },
      });
      const printed = console.error;
      const told: unknown[] = [];
      console.error = (text: unknown) => void told.push(text);
      try {
        for (let i = 0; i < 1_000; i++) connection.requestResponse(text(""), {});
        await scheduler.settle();
      } finally {
        console.error = printed;
      }
      // It takes no longer than some seconds, on whatever machine.
      expect(told).to.have.length.within(1, 20);
      expect(told[0]).to.match(/^rsocket-rpc: a responder's handler threw/);
    });

    it("gets METADATA_PUSH, on both sides", async () => {
      const seen: string[] = [];
      let toClient: RSocketConnection | undefined;
      const serving = await serve({
        accept: (_setup, connection) => {
          toClient = connection;
          return { metadataPush: (metadata) => void seen.push(`server ${hexOf(metadata)}`) };
        },
      });
      const connection = await connect(serving, {
        responder: { metadataPush: (metadata) => void seen.push(`client ${hexOf(metadata)}`) },
      });
      connection.metadataPush(Uint8Array.of(1));
      toClient?.metadataPush(Uint8Array.of(2));
      await scheduler.settle();
      expect(seen.sort()).to.deep.equal(["client 02", "server 01"]);
    });

    it("gets EXT, on both sides, and says whether it understands", async () => {
      const seen: Extension[] = [];
      const told: unknown[] = [];
      let toClient: RSocketConnection | undefined;
      const serving = await serve({
        accept: (_setup, connection) => {
          toClient = connection;
          return {
            extension(extension) {
              seen.push(extension);
              if (extension.extendedType === 3) throw new Error("boom");
              return extension.extendedType < 3;
            },
            onHandlerError: (error) => told.push(error),
          };
        },
      });
      const connection = await connect(serving, {
        responder: { extension: (extension) => seen.push(extension) > 0 },
      });
      connection.extension({ extendedType: 2, data: Uint8Array.of(1), metadata: Uint8Array.of(2), mayIgnore: false });
      toClient?.extension({ extendedType: 1, data: Uint8Array.of(3) });
      connection.extension({ extendedType: 3, data: Uint8Array.of(), mayIgnore: false }); // understood, though it failed
      connection.extension({ extendedType: 4, data: Uint8Array.of() });
      await scheduler.settle();
      const kept = seen.map(({ extendedType, mayIgnore, streamId }) => [extendedType, mayIgnore, streamId]);
      expect(kept.sort()).to.deep.equal([
        [1, true, 0],
        [2, false, 0],
        [3, false, 0],
        [4, true, 0],
      ]);
      expect(told.map(String)).to.deep.equal(["Error: boom"]);
      expect(connection.isOpen).to.equal(true);
      connection.extension({ extendedType: 4, data: Uint8Array.of(), mayIgnore: false });
      const { code, initiator } = await scheduler.run(connection.closed);
      expect([code, initiator]).to.deep.equal([0x101, "remote"]);
    });
  });

  it("requests go both ways", async () => {
    let toClient: RSocketConnection | undefined;
    const serving = await serve({
      accept: (_setup, connection) => {
        toClient = connection;
        return {};
      },
    });
    await connect(serving, {
      responder: {
        requestResponse: ({ data }, stream) => {
          stream.next(data);
          return undefined;
        },
      },
    });
    const sink = new Recorder();
    toClient?.requestResponse(text("echo"), sink);
    expect(await settled(sink)).to.deep.equal(["next echo complete"]);
  });

  describe("a requester", () => {
    it("whose sink throws gives up that stream only", async () => {
      const connection = await pair({
        requestStream: (_request, stream) => {
          stream.next(new Uint8Array(1));
          return undefined;
        },
      });
      const printed = console.error;
      const told: unknown[] = [];
      console.error = (...words: unknown[]) => told.push(words);
      try {
        connection.requestStream(text(""), 5, {
          onNext: () => {
            throw new Error("in a sink");
          },
        });
        await scheduler.settle();
      } finally {
        console.error = printed;
      }
      expect(told).to.have.length(1);
      expect(connection.streamCount).to.equal(0);
      expect(connection.isOpen).to.equal(true);
    });

    it("needs a first credit of at least one", async () => {
      const connection = await pair({});
      for (const n of [0, -1, Number.NaN]) {
        expect(() => connection.requestStream(text(""), n, {})).to.throw(RangeError, "expected 1 … 2^31-1");
        expect(() => connection.requestChannel(text(""), n, {})).to.throw(RangeError);
      }
      const sink = new Recorder();
      const handle = connection.requestStream(text(""), 1, sink);
      for (const n of [0, -1, 1.5]) expect(() => handle.request(n)).to.throw(RangeError, `request(${n})`);
      handle.cancel();
      await scheduler.settle();
    });

    it("sends bytes of any realm, and refuses everything else before a byte is written", async () => {
      const answer = (stream: StreamHandle, data: unknown): void => void stream.next(data as Uint8Array);
      const told: string[] = [];
      const connection = await pair({
        requestResponse: ({ data }, stream) => {
          answer(stream, data[0] === 0 ? new Uint8Array(2).buffer : data);
          return undefined;
        },
        onHandlerError: (error) => told.push(String(error)),
      });
      const wrong: readonly unknown[] = ["text", undefined, [1, 2], new ArrayBuffer(2), new Uint16Array(2), {}];
      const is =
        /^RangeError: (metadata|EXT|METADATA_PUSH|(meta)?data( of [A-Z]+)?) is (an? \w+|undefined), expected bytes$/;
      const refusal = (call: () => unknown): string => {
        try {
          return `it did: ${call()}`;
        } catch (error) {
          return String(error);
        }
      };
      const channel = connection.requestChannel(text(""), 1, {});
      for (const value of wrong as readonly Uint8Array[]) {
        expect(refusal(() => connection.requestResponse({ data: value }, {}))).to.match(is);
        expect(refusal(() => connection.fireAndForget({ data: value }))).to.match(is);
        expect(refusal(() => connection.metadataPush(value))).to.match(is);
        expect(refusal(() => connection.extension({ extendedType: 1, data: value }))).to.match(is);
        expect(refusal(() => channel.error(0x201, value))).to.match(is);
        if (value === undefined) continue;
        expect(refusal(() => connection.requestStream({ ...text(""), metadata: value }, 1, {}))).to.match(is);
        expect(refusal(() => channel.complete(value))).to.match(is);
      }
      channel.cancel();
      expect(connection.streamCount).to.equal(0);
      const [failed, served] = [new Recorder(), new Recorder()];
      connection.requestResponse({ data: new Uint8Array(1) }, failed);
      connection.requestResponse({ data: runInNewContext("Uint8Array.of(104, 105)") as Uint8Array }, served);
      await scheduler.settle();
      expect(failed.log).to.deep.equal(["error 0x201 APPLICATION_ERROR (0x201): internal error"]);
      expect(told).to.deep.equal(["RangeError: data is an object, expected bytes"]);
      expect(served.log).to.deep.equal(["next hi complete"]);
    });

    it("of a connection that is over throws its reason, with scope and side", async () => {
      const connection = await pair({});
      await scheduler.run(connection.close());
      expect(() => connection.requestResponse(text(""), {}))
        .to.throw("closed")
        .with.property("initiator", "local");
      expect(connection.closeReason).to.deep.include({
        initiator: "local",
        code: 0x102,
        reason: "closed",
        error: undefined,
      });
    });

    it("tells whether a request ever left, when its connection is lost", async () => {
      const { link, peer } = script();
      const connecting = connectRSocket({ dialer: { dial: () => Promise.resolve(link) }, scheduler });
      await scheduler.settle();
      peer.send(KEEPALIVE);
      const connection = await scheduler.run(connecting);
      const [sent, unsent] = [new Recorder(), new Recorder()];
      const first = connection.requestResponse(text("sent"), sent);
      await scheduler.settle();
      const second = connection.requestResponse(text("unsent"), unsent);
      connection.abort("lost");
      await scheduler.settle();
      expect([first.neverSent, second.neverSent]).to.deep.equal([false, true]);
      expect(sent.log).to.deep.equal(["error 0x101 lost"]);
      expect(unsent.log).to.deep.equal(["error 0x101 lost"]);
    });
  });

  // ── establishment ─────────────────────────────────────────────────────────────────────────────────────────────────

  describe("connectRSocket", () => {
    it("sends SETUP as it was told, alone and first, then a KEEPALIVE that its acceptance answers", async () => {
      const { link, peer } = script();
      const connecting = connectRSocket({
        dialer: { dial: () => Promise.resolve(link) },
        scheduler,
        setup: { metadataMimeType: "m", dataMimeType: "d", metadata: Uint8Array.of(1), data: Uint8Array.of(2, 3) },
        settings: { keepaliveIntervalMs: 5_000, maxLifetimeMs: 11_000 },
      });
      await scheduler.settle();
      expect(peer.take()).to.deep.equal([
        "00000000" + "0500" + "00010000" + "00001388" + "00002af8" + "016d" + "0164" + "000001" + "01" + "0203",
        KEEPALIVE_R,
      ]);
      peer.send(KEEPALIVE);
      connections.push(await scheduler.run(connecting));
    });

    for (const [name, frame] of [
      ["a KEEPALIVE", KEEPALIVE],
      ["a KEEPALIVE of the server's own", KEEPALIVE_R],
      ["a METADATA_PUSH", "000000003100aa"],
      ["a request of the server", "0000000210006869"],
    ] as const) {
      it(`takes ${name} for the proof that SETUP was accepted`, async () => {
        const { link, peer } = script();
        const connecting = connectRSocket({ dialer: { dial: () => Promise.resolve(link) }, scheduler });
        await scheduler.settle();
        peer.send(frame);
        connections.push(await scheduler.run(connecting));
      });
    }

    for (const code of [0x001, 0x002, 0x003, 0x101]) {
      it(`rejects with the server's code 0x${code.toString(16)} and text`, async () => {
        const { link, peer } = script();
        const connecting = rejectionOf(connectRSocket({ dialer: { dial: () => Promise.resolve(link) }, scheduler }));
        await scheduler.settle();
        peer.send(`000000002c00${code.toString(16).padStart(8, "0")}${textHex("go away")}`);
        const error = (await scheduler.run(connecting)) as ConnectionError;
        expect(error).to.include({ name: "ConnectionError", code, initiator: "remote" });
        expect(error.message).to.contain("go away");
        await scheduler.settle();
        expect(peer.isClosed).to.equal(true);
      });
    }

    it("rejects when the link is lost before", async () => {
      const { link, peer } = script();
      const connecting = rejectionOf(connectRSocket({ dialer: { dial: () => Promise.resolve(link) }, scheduler }));
      await scheduler.settle();
      peer.abort();
      expect(await scheduler.run(connecting)).to.include({ name: "ConnectionError", code: 0x101, initiator: "remote" });
    });

    it("rejects when time is up, for dialing and acceptance together, and leaves nothing open", async () => {
      const { link, peer } = script();
      const connecting = rejectionOf(
        connectRSocket({ dialer: { dial: () => Promise.resolve(link) }, scheduler, timeoutMs: 300 }),
      );
      await scheduler.advance(300);
      expect(((await scheduler.run(connecting)) as Error).message).to.equal(
        "not connected after 300 ms: the peer is silent",
      );
      await scheduler.settle();
      expect(peer.isClosed).to.equal(true);
    });

    it("closes a link that comes too late", async () => {
      const { link, peer } = script();
      let dialed = (_link: FrameLink): void => {};
      let signal: AbortSignal | undefined;
      const dialer = {
        dial: (given: AbortSignal) => {
          signal = given;
          return new Promise<FrameLink>((resolve) => {
            dialed = resolve;
          });
        },
      };
      const connecting = rejectionOf(connectRSocket({ dialer, scheduler, timeoutMs: 300 }));
      await scheduler.advance(300);
      await scheduler.run(connecting);
      expect(signal?.aborted).to.equal(true);
      dialed(link);
      await scheduler.settle();
      expect(peer.isClosed).to.equal(true);
      expect(peer.received).to.deep.equal([]);
    });

    it("dials nothing when it is given up before, or while SETUP is made", async () => {
      let dials = 0;
      const dialer = {
        dial: () => {
          dials++;
          return Promise.reject(new Error("dialed"));
        },
      };
      const reason = new Error("not today");
      const controller = new AbortController();
      const aborting = (): object => {
        controller.abort(reason);
        return {};
      };
      for (const [signal, setup] of [
        [AbortSignal.abort(reason), () => ({})],
        [AbortSignal.abort(reason), () => new Promise<object>(() => {})],
        [controller.signal, aborting],
      ] as const) {
        const connecting = rejectionOf(connectRSocket({ dialer, scheduler, signal, setup }));
        await scheduler.settle();
        expect(scheduler.timerCount).to.equal(0);
        expect(await connecting).to.have.property("cause", reason);
      }
      expect(dials).to.equal(0);
    });

    it("rejects with the cause when dialing fails, and on abort, whatever the reason is", async () => {
      const cause = new Error("no route");
      const failed = await scheduler.run(
        rejectionOf(connectRSocket({ dialer: { dial: () => Promise.reject(cause) }, scheduler })),
      );
      expect(failed).to.include({ name: "ConnectionError", message: "no route", cause });
      for (const reason of [new Error("not today"), "not today", Object.create(null) as object]) {
        const { link } = script();
        const controller = new AbortController();
        const connecting = rejectionOf(
          connectRSocket({ dialer: { dial: () => Promise.resolve(link) }, scheduler, signal: controller.signal }),
        );
        await scheduler.settle();
        controller.abort(reason);
        expect(await scheduler.run(connecting)).to.include({ name: "ConnectionError", cause: reason });
      }
    });

    it("refuses options that can't be meant before it dials", async () => {
      let dials = 0;
      const dialer = { dial: () => Promise.reject(new Error(`dial ${++dials}`)) };
      for (const [options, message] of [
        [{ settings: { keepaliveIntervalMs: 0 } }, "keepaliveIntervalMs is 0"],
        [{ settings: { fragmentBytes: 63 } }, "fragmentBytes is 63"],
        [{ settings: { limits: { maxMessageBytes: -1 } } }, "limit maxMessageBytes is -1"],
        [{ settings: { limits: { maxMesageBytes: 1 } } }, "limit maxMesageBytes is unknown"],
      ] as const) {
        const error = await scheduler.run(rejectionOf(connectRSocket({ dialer, scheduler, ...(options as object) })));
        expect(error).to.be.instanceOf(RangeError).with.property("message").that.contains(message);
      }
      expect(dials).to.equal(0);
    });

    it("refuses mime types that don't fit, and leaves no link open", async () => {
      const { link, peer } = script();
      const setup = { dataMimeType: "x".repeat(128) };
      const error = await scheduler.run(
        rejectionOf(connectRSocket({ dialer: { dial: () => Promise.resolve(link) }, scheduler, setup })),
      );
      expect(error).to.be.instanceOf(RangeError);
      await scheduler.settle();
      expect(peer.isClosed).to.equal(true);
    });
  });

  describe("serveRSocket", () => {
    it("refuses with the code and the words of a SetupRejection, and of anything else with fixed ones", async () => {
      const printed = console.error;
      console.error = () => {};
      try {
        for (const [thrown, code, words] of [
          [new SetupRejection("not you"), 0x003, "not you"],
          [new SetupRejection("lease?", 0x002), 0x002, "lease?"],
          [new SetupRejection("raw", 0x001, Uint8Array.of(0x21)), 0x001, "!"],
          [new Error("secret"), 0x003, "internal error"],
        ] as const) {
          const serving = await serve({ accept: () => Promise.reject(thrown) });
          const { link, peer } = script();
          serving.take(link);
          peer.send("0000000004000001000000004e2000015f90016d0164");
          await scheduler.settle();
          expect(peer.take()).to.deep.equal([`000000002c00${code.toString(16).padStart(8, "0")}${textHex(words)}`]);
          expect(peer.isClosed).to.equal(true);
        }
      } finally {
        console.error = printed;
      }
    });

    it("refuses the connection above maxConnections at once, before its SETUP", async () => {
      const serving = await serve({ settings: { limits: { maxConnections: 1 } } });
      await connect(serving);
      const { link, peer } = script();
      serving.take(link);
      await scheduler.settle();
      expect(peer.take()).to.deep.equal([`000000002c0000000003${textHex("server is full: more than 1 connections")}`]);
      expect(peer.isClosed).to.equal(true);
      expect(serving.server.connections.size).to.equal(1);
    });

    it("ends a connection without SETUP after setupTimeoutMs, however many bytes came", async () => {
      const serving = await serve({ settings: { limits: { setupTimeoutMs: 400 } } });
      const { link, peer } = script();
      serving.take(link);
      await scheduler.advance(399);
      expect(peer.isClosed).to.equal(false);
      await scheduler.advance(1);
      expect(peer.take()).to.deep.equal([`000000002c0000000001${textHex("no SETUP within 400 ms")}`]);
      expect(peer.isClosed).to.equal(true);
      expect(serving.server.connections.size).to.equal(0);
    });

    it("closes: listeners first, then connections in order, within their grace", async () => {
      const serving = await serve({ accept: () => ({ requestResponse: () => undefined }) });
      const connection = await connect(serving);
      const sink = new Recorder();
      connection.requestResponse(text(""), sink);
      await scheduler.settle();
      let closed = false;
      const closing = serving.server.close({ graceMs: 500 }).then(() => {
        closed = true;
      });
      await scheduler.advance(499);
      expect(closed).to.equal(false);
      await scheduler.advance(1);
      await scheduler.run(closing);
      expect(sink.log[0]).to.match(/^error 0x203 .*server is draining/);
      expect((await scheduler.run(connection.closed)).reason).to.match(/server is draining/);
    });

    it("closes connections that are still being accepted, and those that have said nothing", async () => {
      const serving = await serve({ accept: () => new Promise(() => {}) });
      const silent = script();
      const waiting = script();
      serving.take(silent.link);
      serving.take(waiting.link);
      waiting.peer.send("0000000004000001000000004e2000015f90016d0164");
      await scheduler.settle();
      const closing = serving.server.close({ graceMs: 1_000 });
      await scheduler.settle();
      await scheduler.run(closing);
      expect([silent.peer.isClosed, waiting.peer.isClosed]).to.deep.equal([true, true]);
    });

    it("refuses who comes while it closes", async () => {
      const serving = await serve({ accept: () => ({ requestResponse: () => undefined }) });
      const connection = await connect(serving);
      connection.requestResponse(text(""), {});
      await scheduler.settle();
      const closing = serving.server.close({ graceMs: 500 });
      const { link, peer } = script();
      serving.take(link);
      peer.send("0000000004000001000000004e2000015f90016d0164");
      await scheduler.settle();
      expect(peer.take()).to.deep.equal([`000000002c0000000003${textHex("server is draining")}`]);
      await scheduler.advance(500);
      await scheduler.run(closing);
    });

    it("that can't open all its listeners opens none", async () => {
      const closed: string[] = [];
      const listeners = [
        () => Promise.resolve({ url: "a:", close: async () => void closed.push("a") }),
        () => Promise.reject(new Error("port in use")),
      ];
      const error = await scheduler.run(rejectionOf(serveRSocket({ listeners, accept: () => ({}), scheduler })));
      expect((error as Error).message).to.equal("port in use");
      expect(closed).to.deep.equal(["a"]);
    });

    it("names where it listens", async () => {
      const listeners = ["a:", "b:"].map((url) => () => Promise.resolve({ url, close: () => Promise.resolve() }));
      const server = await scheduler.run(serveRSocket({ listeners, accept: () => ({}), scheduler }));
      expect(server.urls).to.deep.equal(["a:", "b:"]);
      await scheduler.run(server.close());
    });
  });

  describe("the end of a connection", () => {
    it("lets streams end within their grace, and takes no new ones", async () => {
      let stream: StreamHandle | undefined;
      const connection = await pair({
        requestResponse: (_request, opened) => {
          stream = opened;
          return undefined;
        },
      });
      const sink = new Recorder();
      connection.requestResponse(text(""), sink);
      await scheduler.settle();
      const closing = connection.close({ graceMs: 1_000 });
      await scheduler.settle();
      expect(connection.isOpen).to.equal(false);
      expect(() => connection.requestResponse(text(""), {})).to.throw("closed");
      stream?.next(new TextEncoder().encode("last"));
      await scheduler.run(closing);
      expect(sink.log).to.deep.equal(["next last complete"]);
    });

    it("to a peer that reads nothing comes a second after the grace", async () => {
      const { link, peer } = script();
      const connecting = connectRSocket({ dialer: { dial: () => Promise.resolve(link) }, scheduler });
      await scheduler.settle();
      peer.send(KEEPALIVE);
      const connection = await scheduler.run(connecting);
      connection.requestResponse(text(""), {});
      link.send = () => false;
      let closed = false;
      void connection.close({ graceMs: 100 }).then(() => {
        closed = true;
      });
      await scheduler.advance(1_099);
      await scheduler.advance(1);
      expect(closed).to.equal(true);
    });

    it("is told once, with code and side, however often one asks", async () => {
      const connection = await pair({});
      const reasons = await scheduler.run(
        Promise.all([connection.closed, connection.close(), connection.closed, connection.close()]),
      );
      expect(reasons[0]).to.equal(reasons[2]);
      expect(reasons[0]).to.deep.equal({ initiator: "local", code: 0x102, reason: "closed", error: undefined });
    });

    it('as rsocket-java says it, CONNECTION_ERROR "Disposed", is one in order', async () => {
      const { link, peer } = script();
      const connecting = connectRSocket({ dialer: { dial: () => Promise.resolve(link) }, scheduler });
      await scheduler.settle();
      peer.send(KEEPALIVE);
      const connection = await scheduler.run(connecting);
      peer.send(`000000002c0000000101${textHex("Disposed")}`);
      const reason = await scheduler.run(connection.closed);
      expect(reason).to.deep.include({ initiator: "remote", code: 0x101, error: undefined });
    });
  });
});
