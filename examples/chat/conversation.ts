// SPDX-License-Identifier: Apache-2.0
// A conversation by script: a server and two members, one over TCP and one over WebSocket. `npm start -w example-chat`.

import { ChatMember, type MemberOptions } from "./client.js";
import { serveRoom } from "./server.js";

const PATIENCE_MS = 10_000;

/** A member whose every line is waited for. */
class Actor extends ChatMember {
  readonly stays: Promise<void>;
  readonly #heard: string[];
  #wake: () => void = () => {};

  constructor(url: string, options: Omit<MemberOptions, "print">) {
    const heard: string[] = [];
    super(url, {
      ...options,
      print: (line) => {
        heard.push(line);
        this.#wake();
      },
    });
    this.#heard = heard;
    this.stays = this.stay();
  }

  /** Waits until the next line is `line`. */
  async hears(line: string): Promise<void> {
    const signal = AbortSignal.timeout(PATIENCE_MS);
    while (this.#heard.length === 0) {
      signal.throwIfAborted();
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        signal.addEventListener("abort", () => resolve());
      });
    }
    const next = this.#heard.shift();
    if (next !== line) throw new Error(`heard "${next}", expected "${line}"`);
  }
}

async function everybodyHears(line: string): Promise<void> {
  await Promise.all([ann.hears(line), bob.hears(line)]);
  console.log(line);
}

const server = await serveRoom(["tcp://127.0.0.1:0", "ws://127.0.0.1:0/chat"], "a secret");
const [tcp = "", ws = ""] = server.urls;

const ann = new Actor(tcp, { name: "ann", token: "a secret", banned: ["cheap coins"] });
await ann.hears("* ann comes in");
const bob = new Actor(ws, { name: "bob" });
await everybodyHears("* bob comes in"); // bidi streaming, both of them

const { names } = await bob.room.who({}); // unary
console.log("in the room:", names.join(", "));

await bob.room.typing({}); // fire and forget; the server passes it on to ann in the same way
await ann.hears("(bob is typing)");
console.log("ann sees that bob is typing");

bob.say("hello");
await everybodyHears("bob: hello");

bob.say("buy cheap coins"); // the server asks ann, over ann's connection
await bob.hears("* the moderator keeps back: buy cheap coins");
console.log("ann has kept something back");

const byteCount = await ann.share("poem.txt", [new Uint8Array(70_000), new Uint8Array(30_000)]); // client streaming
await everybodyHears("* ann shares poem.txt, 100000 bytes");
console.log("uploaded:", byteCount);

const history: string[] = [];
for await (const { text } of bob.room.history({ limit: 3 })) history.push(text); // server streaming
console.log("history:", history.join(" | "));

bob.leave();
await bob.stays;
await ann.hears("* bob leaves");
console.log("bob has left");
ann.leave();
await ann.stays;

await Promise.all([ann.close(), bob.close()]);
await server.close();
