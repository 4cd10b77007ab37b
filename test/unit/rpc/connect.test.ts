// SPDX-License-Identifier: Apache-2.0
// Connecting for calls: what goes into SETUP, what a refusal means, and what can go wrong before.

import { expect } from "chai";
import { Code, ConnectError, type ConnectOptions, compositeMetadata, connectWith, RpcError } from "rsocket-rpc";
import { createTickerClient } from "../../../examples/hello/gen/ticker_rsocket.js";
import { textHex, uint } from "../../support/frames-dsl.js";
import {
  HELLO,
  KEEPALIVE,
  leavesNoTrace,
  RpcWorld,
  rejectionOf,
  SETUP_OURS,
  SETUP_UNKNOWN,
} from "../../support/rpc-world.js";

const BINARY = `12${textHex("application/binary")}`;
const COMPOSITE = `27${textHex("message/x.rsocket.composite-metadata.v0")}1a`.replace(
  /1a$/,
  `16${textHex("application/x-protobuf")}`,
);
const ENTRY = "176d6573736167652f782e72736f636b65742d7270632e7631";
/** SETUP with M, 20 s / 90 s. */
const setup = (mimeTypes: string, metadata: string): string =>
  `0000000005000001000000004e2000015f90${mimeTypes}${uint(metadata.length / 2, 3)}${metadata}`;
const HELLO_ENTRY = `${ENTRY}${"000004"}${"0a020801"}`;

describe("connecting", () => {
  let world: RpcWorld;
  beforeEach(() => {
    world = new RpcWorld();
  });
  afterEach(leavesNoTrace);

  describe("puts into SETUP", () => {
    const cases: Readonly<Record<string, readonly [ConnectOptions, string]>> = {
      "its hello": [{}, SETUP_OURS],
      "nothing without hello": [{ hello: false }, SETUP_UNKNOWN],
      "a token behind its hello": [
        { bearerToken: "abc" },
        setup(BINARY + BINARY, `${HELLO_ENTRY}fc${"000004"}${"81"}${"616263"}`),
      ],
      "a token that is asked for": [
        { bearerToken: () => Promise.resolve("abc") },
        setup(BINARY + BINARY, `${HELLO_ENTRY}fc${"000004"}${"81"}${"616263"}`),
      ],
      "name and password": [
        { credentials: { username: "ann", password: "pw" } },
        setup(BINARY + BINARY, `${HELLO_ENTRY}fc${"000008"}${"80"}${"0003"}${"616e6e"}${"7077"}`),
      ],
      "an empty entry in front of a token, without hello": [
        { hello: false, bearerToken: "abc" },
        setup(BINARY + BINARY, `${ENTRY}${"000000"}fc${"000004"}${"81"}${"616263"}`),
      ],
      "headers in its entry": [
        { headers: { "x-a": "b" } },
        setup(BINARY + BINARY, `${ENTRY}${"00000e"}${"0a020801"}${"2208"}${"0a03782d61"}${"120162"}`),
      ],
      "the mime types of composite mode": [{ metadataMode: compositeMetadata }, setup(COMPOSITE, HELLO_ENTRY)],
      "its times": [
        { hello: false, keepaliveIntervalMs: 1_000, maxLifetimeMs: 3_000 },
        `00000000040000010000${"000003e8"}${"00000bb8"}${BINARY}${BINARY}`,
      ],
    };

    for (const [name, [options, expected]] of Object.entries(cases)) {
      it(name, async () => {
        const { connecting, peer } = world.dialScripted(options);
        await world.scheduler.settle();
        expect(peer.take()[0]).to.equal(expected);
        peer.send(KEEPALIVE);
        await world.run(connecting);
      });
    }
  });

  describe("name and password", () => {
    const credentials = { username: "ann", password: "pw" };

    it("AU-05: aren't sent where others can read them, and neither is anything else", async () => {
      const info = { transport: "tcp", remoteAddress: "10.1.2.3:7000", isSecure: false };
      const { connecting, peer } = world.dialScripted({ credentials }, info);
      const error = await world.run(rejectionOf(connecting));
      expect(error).to.include({ name: "ConnectError", code: Code.InvalidArgument });
      expect(String(error)).to.contain("would go to 10.1.2.3:7000 in clear over tcp; expected an encrypted transport");
      expect(peer.take()).to.deep.equal([]);
    });

    it("aren't sent to hosts that only sound like this machine, or that nobody names", async () => {
      for (const remoteAddress of ["localhost.evil.example:80", "127.evil.example:80", "127.0.0.1.evil.example", ""]) {
        const { connecting } = world.dialScripted({ credentials }, { remoteAddress, isSecure: false });
        const error = await world.run(rejectionOf(connecting));
        expect(error, remoteAddress).to.include({ code: Code.InvalidArgument });
      }
    });

    it("are sent encrypted, to this machine, or when the caller insists", async () => {
      for (const [info, more] of [
        [{ remoteAddress: "10.1.2.3:7000", isSecure: true }, {}],
        [{ remoteAddress: "127.0.0.1:7000", isSecure: false }, {}],
        [{ remoteAddress: "[::1]:7000", isSecure: false }, {}],
        [{ remoteAddress: "[::ffff:127.0.0.1]:7000", isSecure: false }, {}],
        [{ remoteAddress: "localhost:7000", isSecure: false }, {}],
        [{ remoteAddress: "10.1.2.3:7000", isSecure: false }, { dangerouslySendCredentialsInClear: true }],
      ] as const) {
        const { connecting, peer } = world.dialScripted({ credentials, ...more }, info);
        await world.scheduler.settle();
        expect(peer.take()[0], JSON.stringify(info)).to.contain(`80${"0003"}${"616e6e"}${"7077"}`);
        peer.send(KEEPALIVE);
        await world.run(connecting);
      }
    });
  });

  it("takes a hello that comes late, when the server was taken for one without", async () => {
    const { connection, peer } = await world.connectScripted({}, false);
    const ticker = createTickerClient(connection);
    expect(await world.run(rejectionOf(ticker.upload([])))).to.include({ code: Code.FailedPrecondition });
    peer.send(HELLO);
    await world.scheduler.settle();
    const summary = ticker.upload([]);
    await world.scheduler.settle();
    expect(peer.take()).to.have.length(2);
    peer.send("000000012860");
    await world.run(summary);
  });

  it("takes a server of a higher version for one that understands version 1", async () => {
    const { connecting, peer } = world.dialScripted();
    await world.scheduler.settle();
    // hello{version 7, features 1, agent "x"}, and a field that nobody knows
    peer.send(`000000003100${ENTRY}${"00000c"}${"0a07"}${"0807"}${"1001"}${"1a0178"}${"f80101"}`);
    peer.send(KEEPALIVE);
    const connection = await world.run(connecting);
    peer.take();
    const summary = createTickerClient(connection).upload([]);
    await world.scheduler.settle();
    expect(peer.take()).to.have.length(2);
    peer.send("000000012860");
    await world.run(summary);
  });

  it("knows modes by their values, so that programs carry those that they name, and says so", async () => {
    // What Node's door takes by name; JavaScript may say it elsewhere, too.
    const options = { metadataMode: "composite" } as unknown as ConnectOptions;
    const error = await rejectionOf(connectWith({ dial: () => Promise.reject(new Error("dialed")) }, options));
    expect(error).to.be.instanceOf(RangeError);
    expect(String(error)).to.contain('metadataMode is "composite", expected "rpc" or compositeMetadata');
  });

  it("without services refuses the server's calls as unknown, and answers no fire-and-forget", async () => {
    for (const metadataMode of ["rpc", compositeMetadata] as const) {
      const { connection, peer } = await world.connectScripted({ metadataMode }, false);
      peer.send(`00000002${"1100"}00000161`); // REQUEST_RESPONSE with one byte of metadata
      peer.send(`00000004${"1400"}`); // REQUEST_FNF
      await world.scheduler.settle();
      const text = textHex("can not find service: this client serves none");
      expect(peer.take()).to.deep.equal([`00000002${"2c00"}${"00000201"}${text}`]);
      expect(world.streamCount(connection)).to.equal(0);
    }
  });

  describe("is refused", () => {
    for (const [wireCode, code] of [
      [0x001, Code.FailedPrecondition],
      [0x002, Code.FailedPrecondition],
      [0x003, Code.PermissionDenied],
      [0x004, Code.Unavailable],
      [0x101, Code.Unavailable],
      [0x102, Code.Unavailable],
    ] as const) {
      it(`with 0x${wireCode.toString(16)} and text, as code ${code}`, async () => {
        const { connecting, peer } = world.dialScripted();
        await world.scheduler.settle();
        peer.send(`000000002c00${uint(wireCode, 4)}${textHex("go away")}`);
        const error = (await world.run(rejectionOf(connecting))) as ConnectError;
        expect(error).to.be.instanceOf(ConnectError);
        expect(RpcError.is(error, code), String(error.code)).to.equal(true);
        expect(error).to.include({ name: "ConnectError", wireCode, initiator: "remote", retryable: true });
        expect(error.message).to.contain("go away");
      });
    }

    it("with a status and details of ours", async () => {
      const { connecting, peer } = world.dialScripted();
      await world.scheduler.settle();
      peer.send(`000000002c0000000003${"00"}${"3213"}${"0808"}${"12026e6f"}${"1a0b"}${"0a04742f782e"}${"1203010203"}`);
      const error = (await world.run(rejectionOf(connecting))) as ConnectError;
      expect(error).to.include({ code: Code.ResourceExhausted, rawMessage: "no", wireCode: 0x003 });
      expect(error.details).to.deep.equal([{ typeUrl: "t/x.", value: Uint8Array.of(1, 2, 3) }]);
    });

    it("with an Envelope that can't be read, by its code alone", async () => {
      const { connecting, peer } = world.dialScripted();
      await world.scheduler.settle();
      peer.send("000000002c0000000003003209");
      expect(await world.run(rejectionOf(connecting))).to.include({ code: Code.PermissionDenied, wireCode: 0x003 });
    });
  });

  describe("fails before", () => {
    it("when the token can't be had, with that reason as its cause", async () => {
      const cause = new Error("no token service");
      const { connecting, peer } = world.dialScripted({ bearerToken: () => Promise.reject(cause) });
      const error = (await world.run(rejectionOf(connecting))) as ConnectError;
      expect(error).to.be.instanceOf(ConnectError);
      expect(error.message).to.contain("no token service");
      await world.scheduler.settle();
      expect(peer.take()).to.deep.equal([]);
    });

    it("when the token doesn't come in time, or the caller gives up", async () => {
      const never = (): Promise<string> => new Promise(() => {});
      const late = rejectionOf(world.dialScripted({ bearerToken: never, timeoutMs: 100 }).connecting);
      const controller = new AbortController();
      const options = { bearerToken: never, signal: world.signalOf(controller) };
      const aborted = rejectionOf(world.dialScripted(options).connecting);
      await world.scheduler.settle();
      controller.abort(new Error("enough"));
      expect(await world.run(aborted)).to.include({ code: Code.Cancelled, rawMessage: "enough" });
      await world.scheduler.advance(100);
      expect(await world.run(late)).to.include({ name: "ConnectError", rawMessage: "not connected after 100 ms" });
    });

    it("when an option can't be meant, naming it", async () => {
      let dials = 0;
      const dialer = { dial: () => Promise.reject(new Error(`dial ${++dials}`)) };
      const { scheduler } = world;
      for (const [options, message] of [
        [{ keepaliveIntervalMs: -1 }, "keepaliveIntervalMs is -1"],
        [{ fragmentBytes: 10 }, "fragmentBytes is 10, expected a whole number 64 …"],
        [{ limits: { maxMessageBytes: 0 } }, "limit maxMessageBytes is 0"],
        [{ headers: { "grpc-x": "1" } }, '"grpc-x" is reserved'],
        [{ credentials: { username: "x".repeat(65_536), password: "" } }, "username"],
      ] as const) {
        const error = (await world.run(
          rejectionOf(connectWith(dialer, { scheduler, ...(options as ConnectOptions) })),
        )) as Error;
        expect(error.message).to.contain(message);
      }
      expect(dials).to.equal(0);
    });
  });
});
