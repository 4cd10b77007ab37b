// SPDX-License-Identifier: Apache-2.0
// The platform's WebSocket as `rsocket-rpc/lite` uses it, on a stand-in that does what browsers do.

import { expect } from "chai";
import { Code } from "rsocket-rpc/lite";
import { WebSocket as PlatformWebSocket } from "ws";
import type { LinkHandler } from "../../../runtime/src/engine/link.js";
import { dialWebSocket, type LiteLink } from "../../../runtime/src/lite/websocket.js";
import { type FakeWebSocket, FakeWebSocketClass, lastMade, takeMade } from "../../support/fake-websocket.js";
import { bytesOf, hexOf } from "../../support/frames-dsl.js";
import { rejectionOf } from "../../support/rpc-world.js";

const CANCEL = "000000012400";
const URL_WITH_SECRETS = new URL("wss://user:password@example.com/rpc?token=secret");

/** What a session is told, in order. */
class Session implements LinkHandler {
  readonly maxFrameBytes = 8;
  readonly told: unknown[] = [];
  onReadStart(): void {}
  onReadEnd(): void {}
  onFrame(bytes: Uint8Array, start: number, end: number): boolean {
    this.told.push(hexOf(bytes.subarray(start, end)));
    return true;
  }
  onMalformed(message: string): void {
    this.told.push(message);
  }
  onDrain(): void {
    this.told.push("drain");
  }
  onClose(error?: Error): void {
    this.told.push(error?.message);
  }
}

function dial(controller = new AbortController()): { dialing: Promise<LiteLink>; webSocket: FakeWebSocket } {
  const dialing = dialWebSocket(URL_WITH_SECRETS, controller.signal, FakeWebSocketClass);
  return { dialing, webSocket: lastMade() };
}

async function open(): Promise<{ link: LiteLink; webSocket: FakeWebSocket; session: Session }> {
  const { dialing, webSocket } = dial();
  webSocket.open();
  return { link: await dialing, webSocket, session: new Session() };
}

describe("rsocket-rpc/lite over the platform's WebSocket", () => {
  beforeEach(() => void takeMade());

  it("offers no subprotocol, and wants bytes rather than blobs", async () => {
    const { webSocket } = await open();
    expect(webSocket).to.include({ url: URL_WITH_SECRETS.href, binaryType: "arraybuffer" });
    expect(webSocket.protocols).to.deep.equal([]);
  });

  it("names the address that it couldn't connect to, without what is secret in it", async () => {
    const { dialing, webSocket } = dial();
    webSocket.onerror?.();
    webSocket.isClosedBy(1006);
    expect(await rejectionOf(dialing)).to.have.property(
      "message",
      "can't connect to wss://example.com/rpc: the WebSocket closed with code 1006",
    );
  });

  it("closes what it opens when the signal gives up, and rejects with its reason", async () => {
    const controller = new AbortController();
    const { dialing, webSocket } = dial(controller);
    const reason = new Error("no time");
    controller.abort(reason);
    expect(await rejectionOf(dialing)).to.equal(reason);
    expect(webSocket.closes).to.deep.equal([4000]);
    takeMade();
    expect(await rejectionOf(dialWebSocket(URL_WITH_SECRETS, controller.signal, FakeWebSocketClass))).to.equal(reason);
    expect(takeMade()).to.deep.equal([]);
  });

  it("tells its session what comes, the end included, in order; what comes before there is one waits for it", async () => {
    const { link, webSocket, session } = await open();
    webSocket.receive("000000052400");
    link.setHandler(session);
    webSocket.receive(CANCEL);
    expect(session.told, "while the session is made").to.deep.equal([]);
    await Promise.resolve();
    webSocket.receive("000000032400");
    webSocket.isClosedBy(1000);
    await Promise.resolve();
    expect(session.told).to.deep.equal(["000000052400", CANCEL, "000000032400", undefined]);
    const other = await open();
    other.webSocket.isClosedBy(1013, "full");
    other.link.setHandler(other.session);
    await Promise.resolve();
    expect(other.session.told).to.deep.equal(['the WebSocket closed with code 1013, its reason: "full"']);
  });

  it("refuses text, and messages that are no frame or too long for the session", async () => {
    const { link, webSocket, session } = await open();
    link.setHandler(session);
    await Promise.resolve();
    webSocket.onmessage?.({ data: "text" });
    webSocket.receive("0000000124");
    webSocket.receive(`${CANCEL}0000`);
    webSocket.receive(`${CANCEL}000000`);
    await Promise.resolve();
    expect(session.told).to.deep.equal([
      "a message is a text, expected 6 … 8 bytes",
      "a message is 5 bytes, expected 6 … 8 bytes",
      `${CANCEL}0000`,
      "a message is 9 bytes, expected 6 … 8 bytes",
    ]);
  });

  it("sends each chunk of a batch, a frame with its prefix, as one message", async () => {
    const { link, webSocket } = await open();
    const chunk = bytesOf(`000006${CANCEL}`);
    expect(link.send({ chunks: [chunk, chunk], byteLength: 18 })).to.equal(true);
    expect(webSocket.sent).to.deep.equal([CANCEL, CANCEL]);
  });

  it("is blocked above 512 KiB and asks until half of that is gone, or the WebSocket is closed", async () => {
    const { link, webSocket, session } = await open();
    link.setHandler(session);
    const batch = { chunks: [bytesOf(`000006${CANCEL}`)], byteLength: 9 };
    webSocket.bufferedAmount = 524_288;
    expect(link.send(batch)).to.equal(true);
    webSocket.bufferedAmount = 524_289;
    expect(link.send(batch)).to.equal(false);
    let looks = 0;
    const drained = new Promise((resolve) => {
      session.onDrain = () => resolve(looks);
    });
    Object.defineProperty(webSocket, "bufferedAmount", { get: () => (++looks < 3 ? 262_145 : 262_144) });
    expect(await drained).to.equal(3);
    const other = await open();
    other.webSocket.bufferedAmount = 524_289;
    expect(other.link.send(batch)).to.equal(false);
    let isLooked = false;
    Object.defineProperty(other.webSocket, "readyState", {
      get() {
        isLooked = true;
        return 3;
      },
    });
    Object.defineProperty(other.webSocket, "bufferedAmount", { get: () => expect.fail("looked at once more") });
    while (!isLooked) await new Promise((resolve) => setTimeout(resolve));
  });

  it("closes with 1000, tells an abort from that, and forgets the WebSocket then", async () => {
    const { link, webSocket, session } = await open();
    link.setHandler(session);
    link.close();
    link.abort();
    expect(webSocket.closes).to.deep.equal([1000, 4000]);
    expect([webSocket.onmessage, webSocket.onclose]).to.deep.equal([null, null]);
  });

  it("tells how the other end closed: 1000, 1001 and no code are in order, others come with the reason in quotes", async () => {
    for (const code of [1000, 1001, 1005, 1011, 1006]) {
      const { link, webSocket, session } = await open();
      link.setHandler(session);
      await Promise.resolve();
      webSocket.isClosedBy(code, code === 1011 ? 'he said "no"' : "");
      await Promise.resolve();
      const expected = {
        1006: "the WebSocket closed with code 1006",
        1011: 'the WebSocket closed with code 1011, its reason: "he said \\"no\\""',
      };
      expect(session.told).to.deep.equal([expected[code as 1006 | 1011]]);
    }
  });

  it("takes URLs of WebSockets, as text or not, and names any other", async () => {
    const { signal } = new AbortController();
    // Of `ws`, which judges them as browsers do.
    const dialAt = (url: string | URL): Promise<LiteLink> =>
      dialWebSocket(url, signal, PlatformWebSocket as unknown as typeof WebSocket);
    for (const wrong of ["tcp://127.0.0.1:7878", "example.com", "ws://", "unix:/tmp/a.sock"]) {
      const error = await rejectionOf(dialAt(wrong));
      expect(error).to.include({ code: Code.InvalidArgument, name: "RpcError" });
      expect(error).to.have.property("rawMessage", `URL is "${wrong}", expected ws:// or wss:// with host and port`);
    }
    for (const url of ["wss://example.com/rpc", new URL("WS://127.0.0.1:7")]) {
      void dialWebSocket(url, signal, FakeWebSocketClass);
      expect(lastMade().url).to.equal(String(url));
    }
  });
});
