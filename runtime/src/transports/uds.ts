// SPDX-License-Identifier: Apache-2.0
// Links over Unix sockets: TCP's frames, between processes of one machine (RSocket 1.0 §Transport Protocol).

import { lstat, mkdir, rmdir, unlink } from "node:fs/promises";
import { connect, createServer, type Server, type Socket } from "node:net";
import { isAbsolute } from "node:path";
import type { Dialer, FrameLink, LinkInfo, Listener } from "../engine/link.js";
import type { UdsAddress } from "./addresses.js";
import { createByteStreamLink } from "./byte-stream.js";
import { type Opening, socketDialer } from "./dial.js";
import { LentReads } from "./lent-reads.js";
import { bind, createListener, handOver, warn } from "./node-servers.js";

export type { UdsAddress } from "./addresses.js";

/** What `sockaddr_un` has room for, without the NUL at its end. */
const MAX_PATH_BYTES = process.platform === "darwin" ? 103 : 107;

/** How long a server takes at most to replace a file. */
const LOCK_MS = 10_000;

/**
 * Opens links to the socket at `path`. `dial` rejects with an Error naming it, its cause the error of the system.
 * @throws RangeError when the path is too long or isn't absolute.
 */
export function udsDialer({ path }: UdsAddress): Dialer {
  checkPath(path);
  return socketDialer(() => openUds(path));
}

/**
 * Listens at `path` and hands each link to `onLink`; who may connect is what the rights of the folder say. The socket file
 * of a server that died is replaced, and the file is removed by `close`. `onError` is told what went wrong with a single
 * link, or while accepting.
 * @throws RangeError when the path is too long or isn't absolute; Error naming it when it can't be had: a server that
 * lives is there, or a file that is no socket.
 */
export async function listenUds(
  { path }: UdsAddress,
  onLink: (link: FrameLink) => void,
  onError: (error: unknown) => void = warn,
): Promise<Listener> {
  checkPath(path);
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    handOver(createUdsLink(socket, path), onLink, onError);
  });
  await bindPath(server, path);
  server.on("error", onError);
  return createListener(server, `unix:${encodeURI(path).replace(/[?#]/g, encodeURIComponent)}`);
}

function checkPath(path: string): void {
  if (!isAbsolute(path)) throw new RangeError(`"${path}" is no absolute path of a Unix socket`);
  const byteLength = Buffer.byteLength(path);
  // The system would cut it, or say no more than EINVAL.
  if (byteLength > MAX_PATH_BYTES) {
    throw new RangeError(`"${path}" has ${byteLength} bytes, a Unix socket's path may have ${MAX_PATH_BYTES}`);
  }
}

async function bindPath(server: Server, path: string): Promise<void> {
  try {
    await bind(server, { path }, path);
  } catch (error) {
    const { cause } = error as { readonly cause?: { readonly code?: string } };
    if (cause?.code !== "EADDRINUSE") throw error;
    await replaceStale(server, path, cause);
  }
}

// A process that was killed leaves its file behind, and then nobody can listen there. Several may start at once: each looks
// and replaces behind a lock, and whoever binds without one has bound.
async function replaceStale(server: Server, path: string, cause: unknown): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (found?.isSocket() === false)
    throw new Error(`can't listen at ${path}: a file that is no socket is there`, { cause });
  const lock = `${path}.lock`;
  if (!(await take(lock))) throw new Error(`can't listen at ${path}: another server starts there`, { cause });
  try {
    if (await isAlive(path)) {
      throw new Error(`can't listen at ${path}: address in use, another server listens there`, { cause });
    }
    await unlink(path).catch(() => {});
    await bind(server, { path }, path);
  } finally {
    await rmdir(lock).catch(() => {});
  }
}

/** False when somebody else has it, who is quick about it or was killed. */
async function take(lock: string): Promise<boolean> {
  try {
    await mkdir(lock);
    return true;
  } catch {
    const found = await lstat(lock).catch(() => undefined);
    if (found !== undefined && Date.now() - found.mtimeMs < LOCK_MS) return false;
    await rmdir(lock).catch(() => {});
    return await mkdir(lock).then(
      () => true,
      () => false,
    );
  }
}

function isAlive(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    socket.once("connect", () => {
      resolve(true);
      socket.destroy();
    });
    // Anything else than nobody being there (no rights, too many waiting) means that somebody is.
    socket.on("error", (error: NodeJS.ErrnoException) =>
      resolve(error.code !== "ECONNREFUSED" && error.code !== "ENOENT"),
    );
  });
}

function openUds(path: string): Opening {
  const reads = new LentReads({ path, allowHalfOpen: true });
  const { socket } = reads;
  return {
    socket,
    giveUp: () => socket.destroy(),
    event: "connect",
    address: path,
    createLink: () => createUdsLink(socket, "", path, reads),
  };
}

function createUdsLink(socket: Socket, localAddress: string, remoteAddress = "", reads?: LentReads): FrameLink {
  const info: LinkInfo = { transport: "unix", remoteAddress, localAddress, isSecure: true };
  return createByteStreamLink(socket, info, { reads });
}
