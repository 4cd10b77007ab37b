// SPDX-License-Identifier: Apache-2.0
// Generated codecs beside protobuf-es's reflection, and what they cost: npx tsx test/bench/codec.ts
// (after npm run build and npm run generate:tests).

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { create, type DescMessage, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { build } from "esbuild";
import type { Codec } from "rsocket-rpc/codegen";
import { beginMessage, MessageWriter, release } from "../../runtime/dist/codec/writer.js";
import { ChunkCodec, OrderCodec, QuoteCodec } from "./gen/codec_codec.js";
import { ChunkSchema, OrderSchema, QuoteSchema } from "./gen/codec_pb.js";
import { ChunkCodec as ViewChunkCodec } from "./gen/view/codec_codec.js";

const QUOTE = { symbol: "ACME", price: 101.25, timeMs: 1_764_000_000_000n, volume: 1200, open: true };
const ORDER = {
  id: "order-2026-000417",
  status: 1,
  address: { name: "Ada Lovelace", street: "12 St James's Square", city: "London", country: "UK" },
  lines: Array.from({ length: 4 }, (_, i) => ({ article: `article-${i}`, count: i + 1, cents: 1999n * BigInt(i + 1) })),
  labels: { channel: "web", campaign: "autumn" },
  history: [1, 2, 300, 40_000],
  payment: { case: "card" as const, value: "4111-xxxx-xxxx-1111" },
  createdMs: 1_764_000_000_000n,
  weight: 2.75,
};
const CHUNK = { position: 65_536n, data: new Uint8Array(65_536).fill(7) };

/** Long enough that a pause of the collector or the scheduler weighs little; the best of many rounds counts. */
const ROUND_MS = 12;
const ROUNDS = 40;

/** Nanoseconds for each, run in turns, so that whatever else the machine does hits all alike. */
function measure(tasks: Readonly<Record<string, () => void>>): Record<string, number> {
  const best: Record<string, number> = {};
  const entries = Object.entries(tasks);
  const counts = entries.map(([, task]) => countFor(task));
  for (let round = 0; round < ROUNDS; round++) {
    entries.forEach(([name, task], index) => {
      const count = counts[index] ?? 1;
      const started = process.hrtime.bigint();
      for (let i = 0; i < count; i++) task();
      const each = Number(process.hrtime.bigint() - started) / count;
      best[name] = Math.min(best[name] ?? Infinity, each);
    });
  }
  return best;
}

function countFor(task: () => void): number {
  for (let i = 0; i < 5000; i++) task();
  const started = performance.now();
  let count = 0;
  for (; performance.now() - started < ROUND_MS; count += 10) for (let i = 0; i < 10; i++) task();
  return count;
}

interface Row {
  readonly name: string;
  readonly reflection: number;
  readonly generated: number;
}

const slab = new Uint8Array(65_536);
const writer = new MessageWriter();

function compare<D extends DescMessage>(
  name: string,
  schema: D,
  codec: Codec<unknown, MessageInitShape<D>>,
  init: MessageInitShape<D>,
): Row[] {
  const message = create(schema, init);
  const bytes = toBinary(schema, message);
  const { write } = codec;
  if (write === undefined) throw new Error(`${codec.typeName} isn't generated`);
  const encode = (value: MessageInitShape<D>): void => {
    // As a frame is written: behind its header, in a slab.
    beginMessage(writer, slab, 64);
    write(value, writer);
    release(writer);
  };
  const times = measure({
    es: () => toBinary(schema, create(schema, init)),
    ours: () => encode(init),
    esMessage: () => toBinary(schema, message),
    oursMessage: () => encode(message as MessageInitShape<D>),
    esDecode: () => fromBinary(schema, bytes),
    oursDecode: () => codec.decode(bytes),
  });
  const row = (what: string, reflection = 0, generated = 0): Row => ({
    name: `${name}, ${what}`,
    reflection,
    generated,
  });
  return [
    row("encode what create() takes", times["es"], times["ours"]),
    row("encode a message", times["esMessage"], times["oursMessage"]),
    row("decode", times["esDecode"], times["oursDecode"]),
  ];
}

const rows = [
  ...compare("small (34 bytes)", QuoteSchema, QuoteCodec, QUOTE),
  ...compare("medium (236 bytes)", OrderSchema, OrderCodec, ORDER),
  ...compare("bytes (64 KiB)", ChunkSchema, ChunkCodec, CHUNK),
];
console.log(
  "ns, best of many rounds".padEnd(48),
  "protobuf-es".padStart(12),
  "generated".padStart(12),
  "ratio".padStart(8),
);
for (const { name, reflection, generated } of rows)
  console.log(
    name.padEnd(48),
    reflection.toFixed(0).padStart(12),
    generated.toFixed(0).padStart(12),
    (reflection / generated).toFixed(2).padStart(8),
  );

// ── views or copies ──────────────────────────────────────────────────────────────────────────────────────────────────

for (const byteLength of [1_024, 65_536]) {
  const bytes = toBinary(ChunkSchema, create(ChunkSchema, { position: 1n, data: new Uint8Array(byteLength).fill(7) }));
  // As a frame is read: amid others.
  const read = new Uint8Array(4 * bytes.length);
  read.set(bytes, bytes.length);
  const frame = read.subarray(bytes.length, 2 * bytes.length);
  const { copy = 0, view = 0 } = measure({
    copy: () => ChunkCodec.decode(frame),
    view: () => ViewChunkCodec.decode(frame),
  });
  const ratio = (copy / view).toFixed(1);
  console.log(
    `${byteLength} bytes, decode: ${copy.toFixed(0)} ns as a copy, ${view.toFixed(0)} as a view, ${ratio} times`,
  );
}

// ── bytes in a browser ───────────────────────────────────────────────────────────────────────────────────────────────

const here = fileURLToPath(new URL(".", import.meta.url));

async function gzipBytes(contents: string, external: string[] = []): Promise<number> {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: here },
    bundle: true,
    external,
    write: false,
    minify: true,
    format: "esm",
    platform: "browser",
  });
  return gzipSync(outputFiles[0]?.contents ?? new Uint8Array(), { level: 9 }).length;
}

const MESSAGES = 5;
const CODECS = ["QuoteCodec", "ChunkCodec", "OrderCodec"];
const alone = await gzipBytes(`export { ${CODECS.join()} } from "./gen/codec_codec.js";`, ["rsocket-rpc/codegen"]);
const generated = await gzipBytes(`export { ${CODECS.join()} } from "./gen/codec_codec.js";`);
const reflected = await gzipBytes(`import { messageCodec } from "rsocket-rpc/codegen";
  import { ChunkSchema, OrderSchema, QuoteSchema } from "./gen/codec_pb.js";
  export const codecs = [QuoteSchema, ChunkSchema, OrderSchema].map(messageCodec);`);
console.log(
  `gzip: ${alone} bytes for ${MESSAGES} messages (${(alone / MESSAGES).toFixed(0)} each), ${generated} with what they use ` +
    `of the runtime; ${reflected} with protobuf-es's reflection`,
);

// ── from a cold start ────────────────────────────────────────────────────────────────────────────────────────────────

const COLD = `
  const begun = process.cpuUsage();
  const { OrderCodec } = await import(${JSON.stringify(new URL("./gen/codec_codec.js", import.meta.url).href)});
  const loaded = process.cpuUsage(begun);
  OrderCodec.encode(${JSON.stringify({ id: "a", lines: [{ article: "b", count: 1 }], labels: { a: "b" } })}, []);
  const done = process.cpuUsage(begun);
  console.log((loaded.user + loaded.system) / 1000, (done.user + done.system - loaded.user - loaded.system) / 1000);`;
const cold = Array.from({ length: 7 }, () => {
  const { stdout } = spawnSync(process.execPath, ["--import", "tsx", "--input-type=module", "-e", COLD], {
    cwd: here,
    encoding: "utf8",
  });
  return stdout.trim().split(" ").map(Number);
}).sort(([, a = 0], [, b = 0]) => a - b);
console.log(
  `the first message of a process: ${cold[0]?.[1]?.toFixed(2)} ms of CPU at best, ${cold[3]?.[1]?.toFixed(2)} ms in the median, modules loaded`,
);
