// SPDX-License-Identifier: Apache-2.0
// What sockets that were dialed read, in memory that all of them share.

import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { expect } from "chai";
import type { FrameLink } from "../../../runtime/src/engine/link.js";
import { LentReads } from "../../../runtime/src/transports/lent-reads.js";
import { tcpDialer } from "../../../runtime/src/transports/tcp.js";
import { LinkRecorder, turns } from "../../contracts/link-contract-recorder.js";
import { bytesOf, hex, hexOf } from "../../support/frames-dsl.js";

const CANCEL = hex`000006 00000001 2400`;

describe("reads of sockets that were dialed", () => {
  let server: Server;
  let port: number;
  let sockets: Socket[];

  beforeEach(async () => {
    sockets = [];
    server = createServer((socket) => sockets.push(socket.on("error", () => {}))).listen(0, "127.0.0.1");
    await once(server, "listening");
    ({ port } = server.address() as AddressInfo);
  });
  afterEach(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });

  /** A link, and the other end of it. */
  async function open(): Promise<{ readonly link: FrameLink; readonly peer: Socket }> {
    const link = await tcpDialer({ host: "127.0.0.1", port }).dial(new AbortController().signal);
    while (sockets.length === 0) await turns();
    return { link, peer: sockets.pop() as Socket };
  }

  it("come in the same memory, on whatever socket, and not before they are wanted", async () => {
    const memory: ArrayBufferLike[] = [];
    for (let i = 0; i < 2; i++) {
      const reads = new LentReads({ host: "127.0.0.1", port });
      await once(reads.socket, "connect");
      while (sockets.length <= i) await turns();
      sockets[i]?.write("early");
      await turns(5);
      expect(reads.socket.bytesRead).to.equal(0);
      const text = await new Promise<string>((resolve) => {
        reads.begin({
          onLent(bytes) {
            memory.push(bytes.buffer);
            resolve(Buffer.from(bytes).toString());
          },
        });
      });
      expect(text).to.equal("early");
      reads.socket.destroy();
    }
    expect(memory[0]).to.equal(memory[1]);
  });

  it("leave nothing to be overwritten: frames that are kept stay what they are", async () => {
    const [one, other] = [await open(), await open()];
    const [first, second] = [new LinkRecorder(), new LinkRecorder()];
    one.link.setHandler(first);
    other.link.setHandler(second);
    const long = new Uint8Array(3 + 70_000).fill(0x61);
    long.set(bytesOf(hex`011170 00000001 2820`));
    one.peer.write(Buffer.concat([bytesOf(CANCEL), long, bytesOf(CANCEL), long.subarray(0, 40_000)]));
    await first.untilFrames(3);
    other.peer.write(long.fill(0x62, 9));
    await second.untilFrames(1);
    one.peer.write(new Uint8Array(30_003).fill(0x61));
    await first.untilFrames(4);
    const [cancel, whole, last, cut] = first.frames;
    expect([cancel, last].map((frame) => hexOf(frame ?? new Uint8Array(0)))).to.deep.equal(
      [CANCEL, CANCEL].map((frame) => frame.slice(6)),
    );
    for (const frame of [whole, cut]) {
      expect(frame?.length).to.equal(70_000);
      expect(frame?.subarray(6).every((byte) => byte === 0x61)).to.equal(true);
    }
    one.link.abort();
    other.link.abort();
    await first.untilClosed();
    await second.untilClosed();
  });

  it("stop when the handler says so, go on when it is resumed, and end with the stream", async () => {
    const { link, peer } = await open();
    const handler = new LinkRecorder();
    handler.whenFrame = () => false;
    link.setHandler(handler);
    peer.write(bytesOf(CANCEL + CANCEL));
    await handler.untilFrames(1);
    peer.end(bytesOf(CANCEL));
    await turns(5);
    expect(handler.frames).to.have.length(1);
    handler.whenFrame = () => true;
    link.resume();
    await handler.untilFrames(3);
    link.close();
    await handler.untilClosed();
  });

  it("fail with the stream when it ends within a frame", async () => {
    const { link, peer } = await open();
    const handler = new LinkRecorder();
    link.setHandler(handler);
    peer.end(bytesOf(CANCEL.slice(0, 10)));
    await handler.untilClosed();
    expect(handler.closes[0]?.message).to.equal("the stream ended 5 bytes into a frame");
  });
});
