// SPDX-License-Identifier: Apache-2.0
// The server of the interop matrix: serves TestService at every URL that it is told, until SIGTERM or SIGINT.
//
//   npm run interop:server -- --listen URL [--listen URL] [--mtu N] [--cert FILE --key FILE [--ca FILE]] [--resume] [--lease N]
//                             [--compat NAME]

import { fixedRateLease, serve } from "rsocket-rpc/node";
import { systemScheduler } from "rsocket-rpc/rsocket";
import { interopService } from "../support/rpc-interop-service.js";
import { readServerArguments, runProgram } from "./arguments.js";
import { LIMITS } from "./peer.js";
import { securityOf } from "./reach.js";

/** For calls that run when the signal comes. */
const GRACE_MS = 1_000;

await runProgram("interop:server", async (args) => {
  const { urls, mtu, pem, resume, lease, compatibility } = readServerArguments(args);
  const server = await serve(urls, {
    services: [interopService(systemScheduler)],
    limits: LIMITS,
    // Names as some peers of other makes write them.
    compatibility: { leadingDot: true, capitalizedMethods: true, ...compatibility },
    drain: { onSignals: ["SIGTERM", "SIGINT"], graceMs: GRACE_MS },
    resume,
    ...(lease === undefined ? {} : { lease: fixedRateLease({ requestsPerSecond: lease }) }),
    ...(mtu === undefined ? {} : { fragmentBytes: mtu }),
    ...securityOf(pem),
  });
  for (const url of server.urls) console.log(`LISTENING ${url}`);
});
