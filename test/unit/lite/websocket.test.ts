// SPDX-License-Identifier: Apache-2.0
// The platform's WebSocket as `rsocket-rpc/lite` uses it, on a stand-in that does what browsers do.

import { expect } from "chai";
import { Code } from "rsocket-rpc/lite";
import { WebSocket as PlatformWebSocket } from "ws";
import type { LiteHandler, LiteLink } from "../../../runtime/src/lite/link.js";
import { dialWebSocket } from "../../../runtime/src/lite/websocket.js";
import { type FakeWebSocket, FakeWebSocketClass, lastMade, takeMade } from "../../support/fake-websocket.js";
import { bytesOf, hexOf } from "../../support/frames-dsl.js";
import { rejectionOf } from "../../support/rpc-world.js";

const CANCEL = "000000012400";
const URL_WITH_SECRETS = new URL("wss://user:password@example.com/rpc?token=secret");

/** What a session is told, in order. */
class Session implements LiteHandler {
  readonly mostFrameBytes = 8;
  readonly told: unknown[] = [];
  onWholeFrame(frame: Uint8Array): void {
    this.told.push(hexOf(frame));
  }
  malformed(message: string): void {
    this.told.push(message);
  }
  onRoom(): void {
    this.told.push("drain");
  }
  onLinkEnd(error?: Error): void {
    this.told.push(error?.message);
  }
}

/** A dialing, its WebSocket, and what it begins. */
interface Dialing {
  readonly dialing: Promise<void>;
  readonly webSocket: FakeWebSocket;
  readonly session: Session;
  readonly links: LiteLink[];
}

function dial(controller = new AbortController(), url: string | URL = URL_WITH_SECRETS): Dialing {
  const session = new Session();
  const links: LiteLink[] = [];
  const dialing = dialWebSocket(
    url,
    controller.signal,
    (link) => {
      links.push(link);
      return session;
    },
    FakeWebSocketClass,
  );
  return { dialing, webSocket: lastMade(), session, links };
}

async function open(): Promise<{ link: LiteLink; webSocket: FakeWebSocket; session: Session }> {
  const { dialing, webSocket, session, links } = dial();
  webSocket.open();
  await dialing;
  return { link: links[0] as LiteLink, webSocket, session };
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
    const begin = (): never => expect.fail("a session has begun");
    expect(await rejectionOf(dialWebSocket(URL_WITH_SECRETS, controller.signal, begin, FakeWebSocketClass))).to.equal(
      reason,
    );
    expect(takeMade()).to.deep.equal([]);
  });

  it("begins its session when it is open, and tells it what comes, the end included, in order", async () => {
    const { dialing, webSocket, session, links } = dial();
    expect(links).to.deep.equal([]);
    webSocket.open();
    expect(links).to.have.length(1);
    // Outside browsers a message may follow 'open' before any microtask.
    webSocket.receive("000000052400");
    webSocket.receive(CANCEL);
    webSocket.isClosedBy(1000);
    expect(session.told).to.deep.equal(["000000052400", CANCEL, undefined]);
    await dialing;
    const other = await open();
    other.webSocket.isClosedBy(1013, "full");
    expect(other.session.told).to.deep.equal(['the WebSocket closed with code 1013, its reason: "full"']);
  });

  it("refuses text, and messages that are no frame or too long for the session", async () => {
    const { webSocket, session } = await open();
    webSocket.onmessage?.({ data: "text" });
    webSocket.receive("0000000124");
    webSocket.receive(`${CANCEL}0000`);
    webSocket.receive(`${CANCEL}000000`);
    expect(session.told).to.deep.equal([
      "a message is a text, expected 6 … 8 bytes",
      "a message is 5 bytes, expected 6 … 8 bytes",
      `${CANCEL}0000`,
      "a message is 9 bytes, expected 6 … 8 bytes",
    ]);
  });

  it("sends each frame as one message", async () => {
    const { link, webSocket } = await open();
    expect(link.send([bytesOf(CANCEL), bytesOf(CANCEL)])).to.equal(true);
    expect(webSocket.sent).to.deep.equal([CANCEL, CANCEL]);
  });

  it("is blocked above 512 KiB and asks until half of that is gone, or the WebSocket is closed", async () => {
    const { link, webSocket, session } = await open();
    const batch = [bytesOf(CANCEL)];
    webSocket.bufferedAmount = 524_288;
    expect(link.send(batch)).to.equal(true);
    webSocket.bufferedAmount = 524_289;
    expect(link.send(batch)).to.equal(false);
    let looks = 0;
    const drained = new Promise((resolve) => {
      session.onRoom = () => resolve(looks);
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

  it("closes with 1000, and tells a loss from that", async () => {
    const { link, webSocket } = await open();
    link.close(false);
    link.close(true);
    expect(webSocket.closes).to.deep.equal([1000, 4000]);
  });

  it("tells how the other end closed: 1000, 1001 and no code are in order, others come with the reason in quotes", async () => {
    for (const code of [1000, 1001, 1005, 1011, 1006]) {
      const { webSocket, session } = await open();
      webSocket.isClosedBy(code, code === 1011 ? 'he said "no"' : "");
      const expected = {
        1006: "the WebSocket closed with code 1006",
        1011: 'the WebSocket closed with code 1011, its reason: "he said \\"no\\""',
      };
      expect(session.told).to.deep.equal([expected[code as 1006 | 1011]]);
    }
  });

  it("passes on what else the platform says of a URL: that a page may not open it", async () => {
    const refusal = new DOMException("An insecure WebSocket connection may not be initiated", "SecurityError");
    class ForbiddenWebSocket {
      constructor() {
        throw refusal;
      }
    }
    const WebSocketClass = ForbiddenWebSocket as unknown as typeof WebSocket;
    const begin = (): never => expect.fail("a session has begun");
    const dialing = dialWebSocket(URL_WITH_SECRETS, new AbortController().signal, begin, WebSocketClass);
    expect(await rejectionOf(dialing)).to.equal(refusal);
  });

  it("takes URLs of WebSockets, as text or not, and names any other", async () => {
    const begin = (): never => expect.fail("a session has begun");
    for (const wrong of ["tcp://127.0.0.1:7878", "example.com", "ws://", "unix:/tmp/a.sock"]) {
      // Of `ws`, which judges them as browsers do.
      const WebSocketClass = PlatformWebSocket as unknown as typeof WebSocket;
      const error = await rejectionOf(dialWebSocket(wrong, new AbortController().signal, begin, WebSocketClass));
      expect(error).to.include({ code: Code.InvalidArgument, name: "RpcError" });
      expect(error).to.have.property("rawMessage", `URL is "${wrong}", expected ws:// or wss:// with host and port`);
    }
    for (const url of ["wss://example.com/rpc", new URL("WS://127.0.0.1:7")])
      expect(dial(new AbortController(), url).webSocket.url).to.equal(String(url));
  });
});
