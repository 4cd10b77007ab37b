// SPDX-License-Identifier: Apache-2.0
// A member of the room, in a terminal.
//
//   npm run client -w example-chat -- ann                (or: npx tsx examples/chat/client.ts NAME [URL])
//
// Everything typed is said, but /who, /history, /share FILE and /leave. With MODERATOR_TOKEN set to the server's token the
// member moderates: lines of others that contain one of the words in BANNED (separated by commas) are kept back.

import { createReadStream } from "node:fs";
import { basename } from "node:path";
import { createInterface } from "node:readline/promises";
import { pathToFileURL } from "node:url";
import { type ClientChannel, Code, createChannel, RpcError } from "rsocket-rpc/node";
import { createRoomClient, implementMember, type RoomClient } from "./gen/chat_rsocket.js";
import { Mailbox } from "./mailbox.js";

/** Who comes, and what becomes of what is heard. */
export interface MemberOptions {
  readonly name: string;
  readonly token?: string;
  /** The words that a moderator keeps back. */
  readonly banned?: readonly string[];
  readonly print: (line: string) => void;
}

/** A member of the room at the other end of `url`. */
export class ChatMember {
  readonly room: RoomClient;
  readonly #channel: ClientChannel;
  readonly #print: (line: string) => void;
  readonly #words = new Mailbox<{ text: string }>(1_000);

  constructor(url: string, { name, token, banned = [], print }: MemberOptions) {
    this.#print = print;
    this.#channel = createChannel(url, {
      headers: { "x-name": name },
      ...(token === undefined ? {} : { bearerToken: token }),
      services: [
        implementMember({
          review: ({ text }) => ({ allowed: !banned.some((word) => text.includes(word)) }),
          somebodyTypes: (notice) => print(`(${notice.name} is typing)`),
        }),
      ],
    });
    this.room = createRoomClient(this.#channel);
  }

  /** Is in the room, and comes back after a lost connection, until `leave`. @throws RpcError when the room refuses. */
  async stay(): Promise<void> {
    for (;;) {
      try {
        for await (const { name, text } of this.room.join(this.#toSay()))
          this.#print(name === "" ? `* ${text}` : `${name}: ${text}`);
        return;
      } catch (error) {
        if (!RpcError.is(error, Code.Unavailable) || this.#channel.state === "closed") throw error;
        this.#print("* the connection is lost; dialing again");
      }
    }
  }

  // RSocket opens a channel with its first message: an empty one, so that the room is heard before anything is said.
  async *#toSay() {
    yield { text: "" };
    yield* this.#words;
  }

  say(text: string): void {
    this.#words.put({ text });
  }

  /** Shares a file; resolves to its length. */
  async share(fileName: string, pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<number> {
    async function* messages() {
      for await (const data of pieces) yield { fileName, data };
    }
    return (await this.room.share(messages())).byteCount;
  }

  /** Says goodbye: `stay` ends. */
  leave(): void {
    this.#words.close();
  }

  async close(): Promise<void> {
    await this.#channel.close({ graceMs: 1_000 });
  }
}

async function runInTerminal(name: string, url: string): Promise<void> {
  const { MODERATOR_TOKEN, BANNED } = process.env;
  const banned = BANNED?.split(",") ?? [];
  const print = (line: string) => console.log(line);
  const member = new ChatMember(url, {
    ...{ name, banned, print },
    ...(MODERATOR_TOKEN === undefined ? {} : { token: MODERATOR_TOKEN }),
  });
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  terminal.on("line", (line) => void obey(member, line).catch((error: unknown) => print(RpcError.from(error).message)));
  terminal.on("close", () => member.leave());
  try {
    await member.stay();
  } finally {
    terminal.close();
    await member.close();
  }
}

async function obey(member: ChatMember, line: string): Promise<void> {
  const [command, argument = ""] = line.split(" ");
  if (command === "/who") console.log((await member.room.who({})).names.join(", "));
  else if (command === "/history") {
    for await (const { name, text } of member.room.history({ limit: 20 })) console.log(`  ${name}: ${text}`);
  } else if (command === "/share") await member.share(basename(argument), createReadStream(argument));
  else if (command === "/leave") member.leave();
  else if (line !== "") {
    await member.room.typing({});
    member.say(line);
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const [name, url = "tcp://127.0.0.1:7070"] = process.argv.slice(2);
  if (name === undefined) throw new Error("usage: client.ts NAME [URL]");
  await runInTerminal(name, url).catch((error: unknown) => {
    console.error(RpcError.from(error).message);
    process.exitCode = 1;
  });
}
