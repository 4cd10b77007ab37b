// SPDX-License-Identifier: Apache-2.0
// The platform's WebSocket as a reader, on a stand-in that does what browsers do and what no server makes them do.

import { runInNewContext } from "node:vm";
import { expect } from "chai";
import type { FrameLink } from "../../../runtime/src/engine/link.js";
import { browserWebSocketDialer } from "../../../runtime/src/transports/browser-websocket.js";
import { LinkRecorder, turns } from "../../contracts/link-contract-recorder.js";
import { type FakeWebSocket, FakeWebSocketClass, lastMade, takeMade } from "../../support/fake-websocket.js";
import { bytesOf, hex, hexOf } from "../../support/frames-dsl.js";

const CANCEL = hex`
  00000001   // stream 1
  2400       // CANCEL
`;

function dialer(protocols?: readonly string[]) {
  return browserWebSocketDialer("wss://user:password@example.com/rpc?token=secret", {
    WebSocket: FakeWebSocketClass,
    ...(protocols === undefined ? {} : { protocols }),
  });
}

async function open(): Promise<{ link: FrameLink; webSocket: FakeWebSocket }> {
  const dialing = dialer().dial(new AbortController().signal);
  const webSocket = lastMade();
  webSocket.open();
  return { link: await dialing, webSocket };
}

function aTimer(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}

describe("a link over the platform's WebSocket", () => {
  let handler: LinkRecorder;

  beforeEach(() => {
    takeMade();
    handler = new LinkRecorder();
  });

  afterEach(() => {
    expect(handler.violations).to.deep.equal([]);
  });

  it("offers no subprotocol unless told to, and wants bytes rather than blobs", async () => {
    const { link, webSocket } = await open();
    expect(webSocket.protocols).to.deep.equal([]);
    expect(webSocket.binaryType).to.equal("arraybuffer");
    expect(link.info).to.deep.equal({
      transport: "websocket",
      remoteAddress: "example.com",
      localAddress: "",
      isSecure: true,
    });
    void dialer(["rsocket"]).dial(new AbortController().signal);
    expect(lastMade().protocols).to.deep.equal(["rsocket"]);
  });

  it("names the address that it couldn't connect to, without what is secret in it", async () => {
    const dialing = dialer().dial(new AbortController().signal);
    lastMade().onerror?.();
    lastMade().isClosedBy(1006);
    const error = await dialing.catch((reason: Error) => reason);
    expect(error).to.have.property(
      "message",
      "can't connect to wss://example.com/rpc: the WebSocket closed with code 1006 while it opened",
    );
  });

  it("closes what it opens when the signal gives up, and rejects with its reason", async () => {
    const reason = new Error("no time");
    const controller = new AbortController();
    const dialing = dialer().dial(controller.signal);
    controller.abort(reason);
    expect(await dialing.catch((error: unknown) => error)).to.equal(reason);
    expect(lastMade().closes).to.deep.equal([undefined]);
    expect(
      await dialer()
        .dial(controller.signal)
        .catch((error: unknown) => error),
    ).to.equal(reason);
    expect(takeMade().length).to.equal(1);
  });

  it("keeps what comes before the handler, the end included", async () => {
    const { link, webSocket } = await open();
    webSocket.receive(CANCEL);
    webSocket.receive(CANCEL);
    webSocket.isClosedBy(1000);
    link.setHandler(handler);
    expect(handler.frames.length, "within setHandler").to.equal(0);
    await handler.untilClosed();
    expect(handler.frames.map(hexOf)).to.deep.equal([CANCEL, CANCEL]);
    expect(handler.closes).to.deep.equal([undefined]);
  });

  it("passes on what came before the handler once there is one", async () => {
    const { link, webSocket } = await open();
    webSocket.receive(CANCEL);
    link.setHandler(handler);
    await handler.untilFrames(1);
  });

  it("keeps what comes while it is paused, and passes it on later than the call that resumes", async () => {
    const { link, webSocket } = await open();
    link.setHandler(handler);
    link.pause();
    for (let i = 0; i < 3; i++) webSocket.receive(CANCEL);
    expect(handler.frames.length).to.equal(0);
    handler.whenFrame = () => handler.frames.length < 2;
    link.resume();
    expect(handler.frames.length, "within resume").to.equal(0);
    await handler.untilFrames(2);
    await aTimer();
    expect(handler.frames.length).to.equal(2);
    webSocket.isClosedBy(1001);
    expect(handler.frames.length).to.equal(3);
    expect(handler.closes).to.deep.equal([undefined]);
  });

  it("keeps 16 MiB for a handler that is paused, not more", async () => {
    const { link, webSocket } = await open();
    link.setHandler(handler);
    link.pause();
    for (let i = 0; i < 16; i++) webSocket.onmessage?.({ data: new ArrayBuffer(1_048_576) });
    expect(handler.malformed).to.deep.equal([]);
    webSocket.receive(CANCEL);
    expect(handler.malformed).to.deep.equal(["more than 16777216 bytes came while reading was paused"]);
  });

  it("takes messages of another realm's ArrayBuffer, as test runners make them", async () => {
    const { link, webSocket } = await open();
    link.setHandler(handler);
    const bytes = runInNewContext("Uint8Array.of(0, 0, 0, 1, 0x24, 0)") as Uint8Array;
    expect(bytes.buffer).to.not.be.instanceOf(ArrayBuffer);
    webSocket.onmessage?.({ data: bytes.buffer });
    expect([handler.malformed, handler.frames.map(hexOf)]).to.deep.equal([[], [CANCEL]]);
  });

  it("refuses text and what follows it", async () => {
    const { link, webSocket } = await open();
    link.setHandler(handler);
    webSocket.onmessage?.({ data: "text" });
    webSocket.receive(CANCEL);
    expect(handler.malformed.length).to.equal(1);
    expect(handler.frames.length).to.equal(0);
  });

  it("sends each frame of a batch as one message", async () => {
    const { link, webSocket } = await open();
    link.send({ chunks: [bytesOf(`000006${CANCEL}000006${CANCEL}`)], byteLength: 18 });
    expect(webSocket.sent).to.deep.equal([CANCEL, CANCEL]);
  });

  it("is blocked above 512 KiB and asks until half of that is gone", async () => {
    const { link, webSocket } = await open();
    link.setHandler(handler);
    const batch = { chunks: [bytesOf(`000006${CANCEL}`)], byteLength: 9 };
    webSocket.bufferedAmount = 524_288;
    expect(link.send(batch)).to.equal(true);
    webSocket.bufferedAmount = 524_289;
    expect(link.send(batch)).to.equal(false);
    expect(link.unsentBytes).to.equal(524_289);
    webSocket.bufferedAmount = 262_145;
    let looks = 0;
    Object.defineProperty(webSocket, "bufferedAmount", { get: () => (++looks < 3 ? 262_145 : 262_144) });
    await handler.until(() => handler.drains === 1);
    expect(looks).to.equal(3);
    link.abort();
    await handler.untilClosed();
  });

  it("tells the other end that an abort is no orderly end, and forgets the WebSocket at once", async () => {
    const { link, webSocket } = await open();
    link.setHandler(handler);
    link.abort();
    expect(handler.closes.length, "within abort").to.equal(0);
    await handler.untilClosed();
    expect(webSocket.closes).to.deep.equal([4000]);
    expect([webSocket.onmessage, webSocket.onclose]).to.deep.equal([null, null]);
    webSocket.receive(CANCEL);
    await turns();
    expect(handler.frames.length).to.equal(0);
  });

  it("tells any other close with the peer's reason in quotes", async () => {
    const { link, webSocket } = await open();
    link.setHandler(handler);
    webSocket.isClosedBy(1011, 'he said "no"');
    expect(handler.closes[0]).to.have.property(
      "message",
      'the WebSocket closed with code 1011, its reason: "he said \\"no\\""',
    );
  });

  it("loses its link when the handler throws", async () => {
    const { link, webSocket } = await open();
    link.setHandler(handler);
    handler.whenFrame = () => {
      throw new Error("a bug of the handler");
    };
    webSocket.receive(CANCEL);
    await handler.untilClosed();
    expect(handler.closes[0]).to.have.property("message", "a bug of the handler");
  });
});
