// SPDX-License-Identifier: Apache-2.0
// The cases between two ends within this process, over links that have no address.

import { MessageChannel } from "node:worker_threads";
import {
  type BoundService,
  type Dialer,
  type FrameLink,
  listenPort,
  type MetadataMode,
  portDialer,
  type ServeOptions,
  serveWith,
} from "rsocket-rpc";
import { createInProcessPair, systemScheduler } from "rsocket-rpc/rsocket";
import { CASES } from "./cases/table.js";
import { LIMITS, type PeerOptions } from "./peer.js";
import type { CutKind } from "./reach.js";
import { type Outcome, runCase } from "./run-case.js";

/** How each case went. */
export type Verdict = readonly [name: string, verdict: Outcome["verdict"], why: string];

/** Makes the two ends of a link: the far one is given to the server. */
export type LinkPair = (giveFar: (far: FrameLink) => void, signal: AbortSignal) => Promise<FrameLink>;

/** Functions that call each other. */
export const inProcess: LinkPair = async (giveFar) => {
  const [near, far] = createInProcessPair(systemScheduler);
  giveFar(far);
  return near;
};

/** A MessageChannel for each connection. */
export const messagePorts: LinkPair = async (giveFar, signal) => {
  const { port1, port2 } = new MessageChannel();
  const [near] = await Promise.all([portDialer(port1).dial(signal), listenPort(port2)(giveFar)]);
  return near;
};

/** What a server may be told beside what it serves, and the cases to run: all unless given. */
export interface Telling {
  readonly told?: Pick<ServeOptions, "resume" | "lease">;
  readonly names?: readonly string[];
}

/** Cases against `service`. */
export async function verdicts(
  service: BoundService,
  pair: LinkPair,
  mode: MetadataMode,
  { told = {}, names = [...CASES.keys()] }: Telling = {},
): Promise<readonly Verdict[]> {
  let take = (_: FrameLink): void => {};
  const listener = { url: "in-process:", close: () => Promise.resolve() };
  const server = await serveWith(
    [
      (onLink) => {
        take = onLink;
        return Promise.resolve(listener);
      },
    ],
    { services: [service], limits: LIMITS, observer: {}, ...told },
  );
  let far: FrameLink | undefined;
  const give = (link: FrameLink): void => {
    far = link;
    take(link);
  };
  const dialer: Dialer = { dial: (signal) => pair(give, signal) };
  // The end in order is what a server leaves that goes: the client can't tell why.
  const cut = (kind: CutKind = "reset"): void => (kind === "end" ? far?.close() : far?.abort());
  const cuttable = { dialer, cut, close: () => Promise.resolve() };
  const reach = { dialer, cuttable: () => Promise.resolve(cuttable) };
  const options: PeerOptions = { reach, mode, mtu: undefined, quick: true, hello: true };
  const all: Verdict[] = [];
  for (const [name, run] of CASES) {
    if (!names.includes(name)) continue;
    const { verdict, why } = await runCase(run, options);
    all.push([name, verdict, why]);
  }
  await server.close();
  return all;
}
