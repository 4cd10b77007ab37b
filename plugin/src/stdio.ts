// SPDX-License-Identifier: Apache-2.0
// Standard input and output without streams: loading those would cost a tenth of a run.
import { fstatSync, readSync, writeSync } from "node:fs";

const STDIN = 0;
const STDOUT = 1;
const CHUNK_BYTES = 65_536;

/** Whether somebody started the program by hand. (`node:tty` would tell too, and cost another tenth.) */
export function stdinIsTerminal(): boolean {
  return fstatSync(STDIN).isCharacterDevice();
}

/** All of standard input. */
export function readStdin(): Uint8Array {
  const chunks: Uint8Array[] = [];
  for (;;) {
    const chunk = new Uint8Array(CHUNK_BYTES);
    const length = whenReady(() => readSync(STDIN, chunk));
    if (length === 0) return concatenate(chunks);
    chunks.push(chunk.subarray(0, length));
  }
}

/** Writes all of `bytes` to standard output; a pipe may take less than all at once. */
export function writeStdout(bytes: Uint8Array): void {
  for (let offset = 0; offset < bytes.length; ) offset += whenReady(() => writeSync(STDOUT, bytes, offset));
}

/** Some parents hand over pipes that don't block, and Windows tells the end of a pipe by an error. */
function whenReady(operation: () => number): number {
  for (;;) {
    try {
      return operation();
    } catch (error) {
      const code = error instanceof Error && "code" in error ? error.code : undefined;
      if (code === "EOF") return 0;
      if (code !== "EAGAIN") throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1); // one millisecond
    }
  }
}

function concatenate(chunks: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(chunks.reduce((length, chunk) => length + chunk.length, 0));
  let offset = 0;
  for (const chunk of chunks) {
    whole.set(chunk, offset);
    offset += chunk.length;
  }
  return whole;
}
