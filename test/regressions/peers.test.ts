// SPDX-License-Identifier: Apache-2.0
// What peers of other makes stumbled over, though we were within the specification or thought so.

import { expect } from "chai";
import { Code, RpcError } from "rsocket-rpc";
import { hex, textHex } from "../support/frames-dsl.js";
import { leavesNoTrace, RpcWorld, SETUP_UNKNOWN } from "../support/rpc-world.js";
import { type Blob, blobs, SILENT_OBSERVER } from "./support.js";

/** Of test.Blobs/Echo or Upload, initial n 2, data `01`; no C: the caller has more to say. */
const CHANNELS = {
  echo: hex`00000001 1d00 00000002 000016 0001 000a ${textHex("test.Blobs")} 0004 ${textHex("Echo")} 0000 01`,
  upload: hex`00000001 1d00 00000002 000018 0001 000a ${textHex("test.Blobs")} 0006 ${textHex("Upload")} 0000 01`,
};
const REQUEST_N = /^00000001 ?2000/;
const CANCEL = hex`00000001 2400`;
const FAILED = hex`00000001 2c00 00000201 ${textHex("no such blob")}`;

describe("a channel's handler that fails while its caller still sends", () => {
  let world: RpcWorld;
  beforeEach(() => {
    world = new RpcWorld();
  });
  afterEach(leavesNoTrace);

  const failed = (): RpcError => new RpcError(Code.NotFound, "no such blob");

  /** What the caller gets, without REQUEST_N. */
  async function answersOf(handlers: Parameters<typeof blobs>[0], request: string): Promise<string[]> {
    const { peer } = await world.serveSetUp({ services: [blobs(handlers)], observer: SILENT_OBSERVER }, SETUP_UNKNOWN);
    peer.send(request);
    await world.scheduler.settle();
    return peer.take().filter((frame) => !REQUEST_N.test(frame));
  }

  // rsocket-rust took the CANCEL for the end of the answers, and the call for one that succeeded.
  it("answers with ERROR alone, no CANCEL before it", async () => {
    const upload = async (requests: AsyncIterable<Blob>): Promise<Blob> => {
      for await (const _ of requests) throw failed();
      return { bytes: new Uint8Array(0) };
    };
    expect(await answersOf({ upload }, CHANNELS.upload)).to.deep.equal([FAILED]);
  });

  it("does so, too, when it has many answers", async () => {
    async function* echo(requests: AsyncIterable<Blob>): AsyncGenerator<Blob> {
      for await (const request of requests) {
        if (request.bytes.length > 0) throw failed();
        yield request;
      }
    }
    expect(await answersOf({ echo }, CHANNELS.echo)).to.deep.equal([FAILED]);
  });

  it("tells a caller to stop whose messages it reads no more, and goes on", async () => {
    let goOn = (): void => {};
    async function* echo(requests: AsyncIterable<Blob>): AsyncGenerator<Blob> {
      for await (const _ of requests) break;
      await new Promise<void>((resolve) => {
        goOn = resolve;
      });
      yield { bytes: Uint8Array.of(2) };
    }
    const { peer } = await world.serveSetUp({ services: [blobs({ echo })], observer: SILENT_OBSERVER }, SETUP_UNKNOWN);
    peer.send(CHANNELS.echo);
    await world.scheduler.settle();
    expect(peer.take().filter((frame) => !REQUEST_N.test(frame))).to.deep.equal([CANCEL]);
    goOn();
    await world.scheduler.settle();
    expect(peer.take()).to.deep.equal([hex`00000001 2820 02`, hex`00000001 2840`]);
  });
});
