// SPDX-License-Identifier: Apache-2.0
// The chat server: one room, members over TCP and WebSocket.
//
//   npm run server -w example-chat                       (or: npx tsx examples/chat/server.ts [URL…])

import { pathToFileURL } from "node:url";
import { Code, type Connection, createContextKey, RpcError, type Server, secretsEqual, serve } from "rsocket-rpc/node";
import { createMemberClient, implementRoom } from "./gen/chat_rsocket.js";
import { Mailbox } from "./mailbox.js";

/** What is said, as handlers pass it on. */
interface Said {
  readonly name: string;
  readonly text: string;
}

interface Guest {
  readonly connection: Connection;
  readonly isModerator: boolean;
  /** Present while the guest is in the room. */
  mailbox: Mailbox<Said> | undefined;
}

/** Whoever reads so slowly that more lines wait is put out of the room. */
const MAX_WAITING_LINES = 100;
const MAX_KEPT_LINES = 1_000;
const MAX_FILE_BYTES = 10_000_000;
/** A moderator who says nothing for so long has nothing against it. */
const REVIEW_TIMEOUT_MS = 2_000;

const ownName = createContextKey("name", "");

/** Serves a room of its own at each of `urls`. */
export async function serveRoom(urls: readonly string[], moderatorToken: string): Promise<Server> {
  const guests = new Map<string, Guest>();
  const history: Said[] = [];

  const membersOf = (): (readonly [string, Guest])[] => [...guests].filter(([, { mailbox }]) => mailbox !== undefined);

  function say(line: Said): void {
    history.push(line);
    if (history.length > MAX_KEPT_LINES) history.shift();
    for (const [, { mailbox }] of membersOf()) {
      if (mailbox?.put(line) === false) mailbox.close(new RpcError(Code.ResourceExhausted, "you read too slowly"));
    }
  }

  async function isAllowed(line: Said): Promise<boolean> {
    const moderator = membersOf().find(([, { isModerator }]) => isModerator);
    if (moderator === undefined || moderator[0] === line.name) return true;
    try {
      const member = createMemberClient(moderator[1].connection);
      return (await member.review(line, { timeoutMs: REVIEW_TIMEOUT_MS })).allowed;
    } catch {
      return true; // out of time, or gone
    }
  }

  async function listen(words: AsyncIterable<{ readonly text: string }>, name: string, mailbox: Mailbox<Said>) {
    for await (const { text } of words) {
      if (text === "") continue; // the message that came in with the member
      const line = { name, text };
      if (await isAllowed(line)) say(line);
      else mailbox.put({ name: "", text: `the moderator keeps back: ${text}` });
    }
  }

  return await serve(urls, {
    drain: { onSignals: ["SIGINT", "SIGTERM"], graceMs: 1_000 },
    accept({ headers, bearerToken, values }, connection) {
      const name = headers.get("x-name") ?? "";
      if (!/^\w{1,20}$/.test(name)) throw new RpcError(Code.InvalidArgument, "a name is 1 to 20 letters and digits");
      if (guests.has(name)) throw new RpcError(Code.AlreadyExists, `${name} is here already`);
      values.set(ownName, name);
      const isModerator = bearerToken !== undefined && secretsEqual(bearerToken, moderatorToken);
      guests.set(name, { connection, isModerator, mailbox: undefined });
      void connection.closed.then(() => guests.delete(name));
    },
    services: [
      implementRoom({
        async *join(words, { values, signal }) {
          const name = values.get(ownName);
          const guest = guests.get(name);
          if (guest === undefined || guest.mailbox !== undefined) {
            throw new RpcError(Code.FailedPrecondition, "you are in the room");
          }
          const mailbox = new Mailbox<Said>(MAX_WAITING_LINES);
          guest.mailbox = mailbox;
          // A generator that waits can't be ended from outside: the signal wakes it.
          signal.addEventListener("abort", () => mailbox.close());
          say({ name: "", text: `${name} comes in` });
          listen(words, name, mailbox).then(
            () => mailbox.close(),
            (error: unknown) => mailbox.close(error),
          );
          try {
            yield* mailbox;
          } finally {
            guest.mailbox = undefined;
            say({ name: "", text: `${name} leaves` });
          }
        },
        who: () => ({ names: membersOf().map(([name]) => name) }),
        history: ({ limit }) => history.slice(limit === 0 ? 0 : -limit),
        async share(pieces, { values }) {
          let fileName = "";
          let byteCount = 0;
          for await (const piece of pieces) {
            fileName ||= piece.fileName;
            byteCount += piece.data.length;
            if (byteCount > MAX_FILE_BYTES) throw new RpcError(Code.ResourceExhausted, `above ${MAX_FILE_BYTES} bytes`);
          }
          say({ name: "", text: `${values.get(ownName)} shares ${fileName}, ${byteCount} bytes` });
          return { byteCount };
        },
        async typing(_notice, { values }) {
          const name = values.get(ownName);
          const others = membersOf().filter(([other]) => other !== name);
          await Promise.allSettled(
            others.map(([, guest]) => createMemberClient(guest.connection).somebodyTypes({ name })),
          );
        },
      }),
    ],
  });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const urls = process.argv.slice(2);
  const server = await serveRoom(
    urls.length > 0 ? urls : ["tcp://127.0.0.1:7070", "ws://127.0.0.1:7071/chat"],
    process.env["MODERATOR_TOKEN"] ?? "moderator",
  );
  console.log("the room is open at", server.urls.join(" and "));
}
