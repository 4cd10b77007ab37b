// SPDX-License-Identifier: Apache-2.0
// Contestant: this project, as the README shows it: generated stubs, AsyncIterables, every option at its default.
import { connect, serve } from "rsocket-rpc/node";
import { type BenchClient, type BenchServer, type Contestant, service } from "../contestant.js";
import { createBenchClient, implementBench } from "../gen/bench_rsocket.js";

async function startServer(): Promise<BenchServer> {
  const server = await serve("tcp://127.0.0.1:0", { services: [implementBench(service)] });
  const url = server.urls[0];
  if (url === undefined) throw new Error("serve resolved without a bound URL, expected one in server.urls");
  return { port: Number(new URL(url).port), close: () => server.close() };
}

async function openClient(port: number): Promise<BenchClient> {
  const connection = await connect(`tcp://127.0.0.1:${port}`);
  const bench = createBenchClient(connection);
  return {
    echo: (request) => bench.echo(request),
    download: (request) => bench.download(request),
    close: () => connection.close(),
  };
}

const ours: Contestant = { serve: startServer, connect: openClient };
export default ours;
