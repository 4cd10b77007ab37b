// SPDX-License-Identifier: Apache-2.0
// The one interface that every contestant of the benchmark implements, so that load, measurement and report know none of them.
import type { DownloadRequest, Item } from "./gen/bench_pb.js";

/** What carries the bytes: plain TCP, or TLS or WebSocket over it. */
export type Transport = "tcp" | "tls" | "ws";

/** Something of ours that is switched on, to see what it costs. */
export type Feature = "deadline" | "interceptor" | "interceptors" | "resume" | "lease";

/** How both ends are set up. */
export interface Setting {
  readonly transport: Transport;
  readonly feature: Feature | undefined;
  /** Of `tls`. */
  readonly identity: TlsIdentity | undefined;
}

/** Who the server is, and who vouches for it, as PEM. */
export interface TlsIdentity {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** A server that listens on a loopback TCP port. */
export interface BenchServer {
  /** The bound port, 1 to 65,535. */
  readonly port: number;
  /** Stops listening and ends the connections. */
  close(): Promise<void>;
}

/** One connection to a `BenchServer`. All calls of a run share it. Scenarios leave out who lacks what they need. */
export interface BenchClient {
  /** One unary call; resolves with the answered item. */
  echo(request: { payload: Uint8Array }): Promise<Item>;
  /** One server-streaming call; yields what comes, in order. */
  download?(request: { count: number; payloadBytes: number }): AsyncIterable<Item>;
  /** One bidirectional call; yields the answers, in order. */
  chat?(requests: AsyncIterable<{ payload: Uint8Array }>): AsyncIterable<Item>;
  /** One fire-and-forget call; resolves when it was sent. */
  notify?(request: { payload: Uint8Array }): Promise<void>;
  /** A stream that says nothing after its first item; it stays open. */
  watch?(): AsyncIterable<Item>;
  /** Ends the connection. */
  close(): Promise<void>;
}

/** A way to carry the service of bench.proto over TCP. Each module in `contestants/` exports one as its default. */
export interface Contestant {
  /** Listens on a free port of 127.0.0.1 and serves `service`. */
  serve(setting: Setting): Promise<BenchServer>;
  /** Connects to `port` of 127.0.0.1; resolves when calls may be made. */
  connect(port: number, setting: Setting): Promise<BenchClient>;
}

/** The handler that all contestants serve: the same work behind each of them, in the form of the README's handlers. */
export const service: {
  echo(request: Item): { payload: Uint8Array };
  download(request: DownloadRequest): AsyncGenerator<{ payload: Uint8Array }, void>;
  chat(requests: AsyncIterable<Item>): AsyncGenerator<{ payload: Uint8Array }, void>;
  notify(request: Item): void;
  watch(): AsyncGenerator<{ payload: Uint8Array }, void>;
} = {
  echo({ payload }) {
    return { payload };
  },
  async *download({ count, payloadBytes }) {
    const payload = new Uint8Array(payloadBytes).fill(0x5a); // pages that nobody wrote take no memory
    for (let sent = 0; sent < count; sent++) yield { payload };
  },
  async *chat(requests) {
    for await (const { payload } of requests) yield { payload };
  },
  notify() {},
  async *watch() {
    yield { payload: new Uint8Array(1) };
    await new Promise<never>(() => {});
  },
};
