// SPDX-License-Identifier: Apache-2.0
// The attacker's end of a connection: a socket, and nothing of ours behind it.

import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { bytesOf, type SeenFrame, seeFrame } from "../support/frames-dsl.js";
import { nextTurn } from "../support/next-turn.js";

/** How a connection is carried. */
export type TransportName = "tcp" | "tls" | "ws";

/** Where a server listens, by transport. */
export type Ports = Readonly<Record<TransportName, number>>;

/** How a connection ended. */
export interface End {
  /** The status of a WebSocket's close frame. */
  readonly status: number | undefined;
}

const HOST = "127.0.0.1";
/** Frames beyond these are counted, not kept: some attacks draw a million answers. */
const MAX_KEPT_FRAMES = 1_000;
const LAST_IDS = 0x7fff0000;
/** What is written at once in a flood. */
const CHUNK_BYTES = 65_536;
/** So long an answer may take, on a machine that has other things to do. */
const PATIENCE_MS = 5_000;
const PATH = "/rpc";

const Opcode = { BINARY: 2, CLOSE: 8 } as const;

/** Opens sockets, and knows them all, so that none is left behind. */
export async function openSocket(transport: TransportName, ports: Ports): Promise<Socket> {
  const port = ports[transport];
  const socket =
    transport === "tls"
      ? connectTls({ host: HOST, port, rejectUnauthorized: false })
      : connect({ host: HOST, port, noDelay: true });
  socket.on("error", () => {});
  const opened = once(socket, transport === "tls" ? "secureConnect" : "connect");
  await Promise.race([opened, once(socket, "close")]);
  return socket;
}

/** A connection that says whatever it is told to. */
export class RawPeer {
  readonly transport: TransportName;
  readonly socket: Socket;
  /** The first frames that came, by what can be seen in them. */
  readonly frames: SeenFrame[] = [];
  /** How many frames of each kind came: `PAYLOAD`, `ERROR 202`, … */
  readonly tally: Map<string, number> = new Map<string, number>();
  /** How it ended, once it has. */
  end: End | undefined;
  #unread: Buffer = Buffer.alloc(0);
  #status: number | undefined;
  #isRefused = false;
  #waiting: (() => void)[] = [];

  private constructor(transport: TransportName, socket: Socket) {
    this.transport = transport;
    this.socket = socket;
    socket.on("data", (chunk: Buffer) => this.#receive(chunk));
    socket.on("close", () => {
      this.end = { status: this.#status };
      this.#look();
    });
  }

  /** Opens a connection, and for a WebSocket asks for one by hand. */
  static async open(transport: TransportName, ports: Ports): Promise<RawPeer> {
    const socket = await openSocket(transport, ports);
    if (transport === "ws") await upgrade(socket);
    // Node looks once more whether somebody listens, and would undo a pause.
    await nextTurn();
    return new RawPeer(transport, socket);
  }

  /** Whole frames in hex, each in a write of its own. */
  send(...frames: readonly string[]): void {
    for (const frame of frames) this.socket.write(this.framed(bytesOf(frame)));
  }

  /** Bytes as they are, whatever a frame is. */
  write(bytes: Uint8Array | string): void {
    this.socket.write(typeof bytes === "string" ? bytesOf(bytes) : bytes);
  }

  /** A frame as this transport carries it: behind its length, or as a WebSocket's message, masked with zeros. */
  framed(frame: Uint8Array): Uint8Array {
    if (this.transport === "ws") return message(Opcode.BINARY, frame);
    const length = Buffer.alloc(3);
    length.writeUIntBE(frame.length, 0, 3);
    return Buffer.concat([length, frame]);
  }

  /**
   * Sends `count` frames as fast as the server takes them, until it says on stream 0 that it has had enough, or closes:
   * who writes on would lose what it said to the reset that follows. Resolves with how many it was sent.
   * `frameOf` may give the same bytes again and again, and write the stream id into them.
   */
  async flood(count: number, frameOf: (i: number) => Uint8Array): Promise<number> {
    let parts: Uint8Array[] = [];
    let byteLength = 0;
    let sent = 0;
    for (let i = 0; i < count && !this.#isTold; i++) {
      const framed = this.framed(frameOf(i));
      parts.push(framed);
      byteLength += framed.length;
      if (byteLength < CHUNK_BYTES) continue;
      await this.writeAll(Buffer.concat(parts));
      // Where the system takes everything at once, 'drain' comes before anything is read.
      await nextTurn();
      sent = i + 1;
      parts = [];
      byteLength = 0;
    }
    if (this.#isTold) return sent;
    await this.writeAll(Buffer.concat(parts));
    return count;
  }

  /** Writes, and resolves when the system has taken it, or the connection is over. */
  async writeAll(bytes: Uint8Array): Promise<void> {
    if (this.end !== undefined || this.socket.write(bytes)) return;
    await new Promise<void>((resolve) => {
      const finish = (): void => {
        this.socket.off("drain", finish).off("close", finish);
        resolve();
      };
      this.socket.on("drain", finish).on("close", finish);
    });
  }

  /** Resolves with the first frame that matches, also among those that came already. */
  async frame(what: string, matches: (frame: SeenFrame) => boolean): Promise<SeenFrame> {
    let seen = 0;
    let found: SeenFrame | undefined;
    await this.until(`${what} on ${this.transport}`, () => {
      while (found === undefined && seen < this.frames.length) {
        const frame = this.frames[seen++];
        if (frame !== undefined && matches(frame)) found = frame;
      }
      return found !== undefined || this.end !== undefined;
    });
    if (found === undefined) throw new Error(`${what} didn't come, but ${this.summary()}`);
    return found;
  }

  /** Resolves when the server has closed. */
  async ended(withinMs = PATIENCE_MS): Promise<End> {
    await this.until("the end of the connection", () => this.end !== undefined, withinMs);
    return this.end as End; // it was just looked at
  }

  /** Resolves when `condition` holds; it is looked at whenever something comes. */
  async until(what: string, condition: () => boolean, withinMs = PATIENCE_MS): Promise<void> {
    if (condition()) return;
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`${what} didn't come in ${withinMs} ms, but ${this.summary()}`)),
        withinMs,
      );
      const look = (): void => {
        if (!condition()) return void this.#waiting.push(look);
        clearTimeout(timer);
        resolve();
      };
      this.#waiting.push(look);
    });
  }

  /** What came, in words. */
  summary(): string {
    const kinds = [...this.tally].map(([kind, count]) => `${count} × ${kind}`);
    const texts = this.frames.filter(({ type }) => type === "ERROR").map(({ data }) => Buffer.from(data).toString());
    const end = this.end === undefined ? "it is open" : `it is closed (${this.end.status ?? "no status"})`;
    return `${kinds.join(", ") || "nothing"} came, ${end}${texts.length > 0 ? `; ${texts.slice(0, 3).join(" | ")}` : ""}`;
  }

  /** Reads nothing any more. */
  pause(): void {
    this.socket.pause();
  }

  /** Reads on. */
  resume(): void {
    this.socket.resume();
  }

  /** Is gone, without a word. */
  destroy(): void {
    this.socket.destroy();
  }

  get #isTold(): boolean {
    return this.end !== undefined || this.#isRefused;
  }

  #receive(chunk: Buffer): void {
    let bytes = this.#unread.length === 0 ? chunk : Buffer.concat([this.#unread, chunk]);
    for (;;) {
      const piece = this.transport === "ws" ? cutMessage(bytes) : cutFrame(bytes);
      if (piece === undefined) break;
      bytes = bytes.subarray(piece.end);
      if (piece.opcode === Opcode.CLOSE) {
        this.#status = piece.content.length >= 2 ? piece.content.readUInt16BE(0) : 1005;
        // As every client does: the server waits for the end.
        this.socket.end();
      }
      if (piece.opcode === Opcode.BINARY) this.#note(seeFrame(piece.content));
    }
    this.#unread = bytes;
    this.#look();
  }

  #note(frame: SeenFrame): void {
    const kind = frame.type === "ERROR" ? `ERROR ${frame.code.toString(16)}` : frame.type;
    this.tally.set(kind, (this.tally.get(kind) ?? 0) + 1);
    if (frame.type === "ERROR" && frame.streamId === 0) this.#isRefused = true;
    // The reason of the end is kept in any case, and what comes for the last ids, which checks use.
    const isKept = this.frames.length < MAX_KEPT_FRAMES || frame.streamId === 0 || frame.streamId > LAST_IDS;
    if (isKept) this.frames.push(frame);
  }

  #look(): void {
    for (const look of this.#waiting.splice(0)) look();
  }
}

interface Piece {
  readonly opcode: number;
  readonly content: Buffer;
  readonly end: number;
}

function cutFrame(bytes: Buffer): Piece | undefined {
  if (bytes.length < 3) return undefined;
  const end = 3 + bytes.readUIntBE(0, 3);
  return bytes.length < end ? undefined : { opcode: Opcode.BINARY, content: bytes.subarray(3, end), end };
}

// Servers don't mask, and ours doesn't split (RFC 6455 §5.2).
function cutMessage(bytes: Buffer): Piece | undefined {
  if (bytes.length < 2) return undefined;
  const opcode = bytes.readUInt8(0) & 0x0f;
  const short = bytes.readUInt8(1);
  const start = short === 126 ? 4 : short === 127 ? 10 : 2;
  if (bytes.length < start) return undefined;
  const byteLength = short === 126 ? bytes.readUInt16BE(2) : short === 127 ? bytes.readUInt32BE(6) : short;
  const end = start + byteLength;
  return bytes.length < end ? undefined : { opcode, content: bytes.subarray(start, end), end };
}

/** A message or control frame of a WebSocket's client (RFC 6455 §5.2), masked with zeros: it stays as it is. */
export function message(opcode: number, content: Uint8Array, fin = true): Uint8Array {
  const first = (fin ? 0x80 : 0) | opcode;
  const mask = [0, 0, 0, 0];
  if (content.length < 126) return Buffer.concat([Buffer.from([first, 0x80 | content.length, ...mask]), content]);
  const length = Buffer.alloc(content.length > 0xffff ? 8 : 2);
  if (length.length === 2) length.writeUInt16BE(content.length);
  else length.writeUInt32BE(content.length, 4);
  const form = length.length === 2 ? 126 : 127;
  return Buffer.concat([Buffer.from([first, 0x80 | form]), length, Buffer.from(mask), content]);
}

/** The request that opens a WebSocket, with other headers than a sound one has. */
export function upgradeRequest(headers: Readonly<Record<string, string>> = {}, path: string = PATH): string {
  const all = {
    Host: HOST,
    Connection: "Upgrade",
    Upgrade: "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
    ...headers,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `GET ${path} HTTP/1.1\r\n${lines.join("")}\r\n`;
}

async function upgrade(socket: Socket): Promise<void> {
  socket.write(upgradeRequest());
  const head = await readHead(socket);
  if (!head.startsWith("HTTP/1.1 101")) throw new Error(`no WebSocket, but ${head.split("\r\n")[0]}`);
}

/** The head of an HTTP answer; what follows it stays unread. Empty when the connection ended without one. */
export async function readHead(socket: Socket): Promise<string> {
  let head = Buffer.alloc(0);
  for (;;) {
    if (socket.destroyed || socket.readableEnded) return head.toString("latin1");
    const chunk = socket.read() as Buffer | null;
    if (chunk === null) {
      await Promise.race([once(socket, "readable"), once(socket, "close")]).catch(() => {});
      continue;
    }
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf("\r\n\r\n");
    if (end < 0) continue;
    socket.unshift(head.subarray(end + 4));
    socket.removeAllListeners("readable");
    return head.toString("latin1", 0, end);
  }
}
