// SPDX-License-Identifier: Apache-2.0
// Stands between client and server, passes bytes on as they are, and keeps the frames that passed: what a failure shows.

import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer, type NetConnectOpts, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describeFrame } from "../../../runtime/src/frames/describe.js";
import { lengthTap, webSocketTap } from "./frame-tap.js";

/** `>` goes to the server, `<` to the client. */
export type Direction = ">" | "<";

/** A frame that passed. */
export interface PassedFrame {
  readonly direction: Direction;
  readonly bytes: Uint8Array;
}

/** One connection: its frames in order, the first and the last ones or all. */
export interface Recording {
  readonly openedAtMs: number;
  readonly frames: PassedFrame[];
  /** Frames that passed, those that were left out too. */
  count: number;
}

/** Frames that are kept of a connection unless all are: how it began, and how it ended. */
const KEPT_FIRST = 10;
const KEPT_LAST = 14;
/** What a frame shows of its bytes. */
const SHOWN_BYTES = 48;
const TAPPED = new Set(["tcp:", "ws:", "unix:"]);

/** A way to a server with somebody who writes along; encrypted ones can't be read. */
export class RecordingRelay {
  /** Where clients find the server. */
  readonly url: string;
  readonly recordings: Recording[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #folder: string | undefined;

  private constructor(url: string, server: Server, folder: string | undefined) {
    this.url = url;
    this.#server = server;
    this.#folder = folder;
  }

  /** `keepsAll`: for transcripts. @returns undefined where nobody can read along. */
  static async start(target: string, keepsAll = false): Promise<RecordingRelay | undefined> {
    const url = new URL(target);
    if (!TAPPED.has(url.protocol)) return undefined;
    const server = createServer({ noDelay: true });
    const folder = url.protocol === "unix:" ? mkdtempSync(join(tmpdir(), "interop-relay-")) : undefined;
    const place = folder === undefined ? { port: 0, host: "127.0.0.1" } : { path: join(folder, "socket") };
    await new Promise<void>((resolve, reject) => server.on("error", reject).listen(place, resolve));
    const address = server.address();
    const relayUrl = new URL(target);
    if (address !== null && typeof address === "object") relayUrl.port = String(address.port);
    const relay = new RecordingRelay(
      folder === undefined ? relayUrl.href : `unix:${join(folder, "socket")}`,
      server,
      folder,
    );
    const to: NetConnectOpts =
      folder === undefined
        ? { host: url.hostname.replace(/[[\]]/g, ""), port: Number(url.port || 80), noDelay: true }
        : { path: decodeURIComponent(url.pathname) };
    server.on("connection", (near: Socket) => relay.#join(near, connect(to), url.protocol === "ws:", keepsAll));
    return relay;
  }

  /** The frames of connections opened since `sinceMs`, decoded, a line each. */
  describe(sinceMs: number): string {
    return this.recordings
      .filter(({ openedAtMs }) => openedAtMs >= sinceMs)
      .map(({ frames, count }, index) => {
        const lines = frames.map(frameText);
        const leftOut = count - frames.length;
        if (leftOut > 0) lines.splice(KEPT_FIRST, 0, `… ${leftOut} frames`);
        return [`connection ${index + 1}: ${count} frames`, ...lines].join("\n  ");
      })
      .join("\n");
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
    if (this.#folder !== undefined) rmSync(this.#folder, { recursive: true });
  }

  #join(near: Socket, far: Socket, isWebSocket: boolean, keepsAll: boolean): void {
    const recording: Recording = { openedAtMs: performance.now(), frames: [], count: 0 };
    this.recordings.push(recording);
    for (const [from, to, direction] of [
      [near, far, ">"],
      [far, near, "<"],
    ] as const) {
      const keep = (bytes: Uint8Array): void => {
        recording.count++;
        recording.frames.push({ direction, bytes });
        if (!keepsAll && recording.frames.length > KEPT_FIRST + KEPT_LAST) recording.frames.splice(KEPT_FIRST, 1);
      };
      const tap = isWebSocket ? webSocketTap(keep) : lengthTap(keep);
      this.#sockets.add(from);
      from.on("data", (chunk: Uint8Array) => tap.take(chunk));
      from.on("error", () => {}); // what follows is `close`
      from.on("close", (hadError) => {
        this.#sockets.delete(from);
        // A connection that was reset is reset on the other side, too. Sockets of the file system can't be.
        if (hadError && this.#folder === undefined) to.resetAndDestroy();
        else to.destroySoon();
      });
      from.pipe(to);
    }
  }
}

/** One line: direction, what it is, and the beginning of its bytes. */
export function frameText({ direction, bytes }: PassedFrame): string {
  const hex = Buffer.from(bytes.subarray(0, SHOWN_BYTES)).toString("hex");
  return `${direction} ${describeFrame(bytes)}  ${hex}${bytes.length > SHOWN_BYTES ? `… (${bytes.length} bytes)` : ""}`;
}
