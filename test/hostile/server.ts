// SPDX-License-Identifier: Apache-2.0
// The process that is attacked: serves every profile over TCP, TLS and WebSocket, and says how it is when asked.

import { type Server, serve } from "rsocket-rpc/node";
import { tlsWorld } from "../support/tls-world.js";
import { PROFILES, type ProfileName } from "./profiles.js";
import type { Ports } from "./raw-peer.js";
import { attackedService, counts } from "./service.js";
import { type Condition, PROFILE_NAMES, type Question, type Started } from "./world.js";

declare const gc: () => void;

const { ca, server: identity } = await tlsWorld();
const servers = new Map<ProfileName, Server>();
for (const name of PROFILE_NAMES) {
  servers.set(
    name,
    await serve(["tcp://127.0.0.1:0", "tls://127.0.0.1:0", "ws://127.0.0.1:0/rpc"], {
      ...PROFILES[name],
      services: [attackedService],
      tls: identity,
      // Handlers of attackers fail all the time.
      observer: {},
    }),
  );
}

process.on("message", ({ id, collect }: Question) => {
  if (collect) gc();
  process.send?.({ id, ...condition() });
});
// Whoever started this is gone.
process.on("disconnect", () => process.exit());

const started: Started = {
  ca,
  ports: Object.fromEntries([...servers].map(([name, { urls }]) => [name, portsOf(urls)])) as Started["ports"],
};
process.send?.(started);

function condition(): Condition {
  const open: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo()) open[kind] = (open[kind] ?? 0) + 1;
  const all = [...servers.values()];
  return {
    open,
    connections: all.reduce((sum, { connectionCount }) => sum + connectionCount, 0),
    handlers: all.reduce((sum, { runningHandlers }) => sum + runningHandlers, 0),
    sessions: all.reduce((sum, { sessions }) => sum + sessions.length, 0),
    counts: { ...counts },
    rssBytes: process.memoryUsage.rss(),
    cpuMs: (process.cpuUsage().user + process.cpuUsage().system) / 1_000,
  };
}

function portsOf(urls: readonly string[]): Ports {
  const [tcp = 0, tls = 0, ws = 0] = urls.map((url) => Number(new URL(url.replace(/^tcp|^tls/, "http")).port));
  return { tcp, tls, ws };
}
