// SPDX-License-Identifier: Apache-2.0
// Contestant: this project, as the README shows it: generated stubs, AsyncIterables, every option at its default, but for
// the largest message where a scenario's are larger, and for the one feature that a scenario asks for.
import { type CallOptions, fixedRateLease, type Interceptor } from "rsocket-rpc";
import { type ConnectOptions, connect, type ServeOptions, serve } from "rsocket-rpc/node";
import {
  type BenchClient,
  type BenchServer,
  type Contestant,
  type Feature,
  type Setting,
  service,
} from "../contestant.js";
import { createBenchClient, implementBench } from "../gen/bench_rsocket.js";
import { MAX_MESSAGE_BYTES } from "./codec.js";

let ended = 0;

/** Hears of each call's end, as a logger or a meter does. */
const interceptor: Interceptor = (call, next) => {
  call.onEnd(() => ended++);
  return next(call);
};

const limits = { maxMessageBytes: MAX_MESSAGE_BYTES, maxReassemblyBytes: 2 * MAX_MESSAGE_BYTES };
const serverFeatures: Partial<Record<Feature, Partial<ServeOptions>>> = {
  interceptors: { interceptors: [interceptor] },
  resume: { resume: true },
  lease: { lease: fixedRateLease({ requestsPerSecond: 1_000_000 }) },
};
const clientFeatures: Partial<Record<Feature, ConnectOptions>> = {
  interceptor: { interceptors: [interceptor] },
  interceptors: { interceptors: [interceptor] },
  resume: { resume: true },
  lease: { lease: true },
};
/** So long that none fires. */
const DEADLINE: CallOptions = { timeoutMs: 10_000 };

async function startServer({ transport, feature, identity }: Setting): Promise<BenchServer> {
  const features = feature === undefined ? {} : serverFeatures[feature];
  const server = await serve(`${transport}://127.0.0.1:0`, {
    services: [implementBench(service)],
    limits,
    ...(identity === undefined ? {} : { tls: { cert: identity.cert, key: identity.key } }),
    ...features,
  });
  const url = server.urls[0];
  if (url === undefined) throw new Error("serve resolved without a bound URL, expected one in server.urls");
  return { port: Number(new URL(url).port), close: () => server.close() };
}

async function openClient(port: number, { transport, feature, identity }: Setting): Promise<BenchClient> {
  const features = feature === undefined ? {} : clientFeatures[feature];
  const connection = await connect(`${transport}://127.0.0.1:${port}`, {
    limits,
    ...(identity === undefined ? {} : { tls: { ca: identity.ca } }),
    ...features,
  });
  const bench = createBenchClient(connection);
  const echo: BenchClient["echo"] =
    feature === "deadline" ? (request) => bench.echo(request, DEADLINE) : (request) => bench.echo(request);
  return {
    echo,
    download: (request) => bench.download(request),
    chat: (requests) => bench.chat(requests),
    notify: (request) => bench.notify(request),
    watch: () => bench.watch({}),
    close: () => connection.close(),
  };
}

const ours: Contestant = { serve: startServer, connect: openClient };
export default ours;
