// SPDX-License-Identifier: Apache-2.0
// The client of the interop matrix: runs cases against a server, one line each, and counts.
//
//   npm run interop:client -- --connect URL [--case NAME[,NAME]|all] [--mtu N] [--mode rpc|composite] [--ca FILE]
//                             [--cert FILE --key FILE] [--quick] [--no-hello] [--lite]
//                             [--skip NAME=WHY] [--compat NAME]

import { readClientArguments, runProgram } from "./arguments.js";
import { CASES } from "./cases/table.js";
import { reachByUrl } from "./reach.js";
import { lineOf, type Outcome, runCase } from "./run-case.js";

await runProgram("interop:client", async (args) => {
  const { url, names, mtu, mode, pem, quick, hello, lite, skipped, compatibility } = readClientArguments(args, [
    ...CASES.keys(),
  ]);
  const reach = reachByUrl(url, pem);
  const counts = { PASS: 0, FAIL: 0, SKIP: 0 };
  for (const name of names) {
    const run = CASES.get(name);
    if (run === undefined) continue;
    const why = skipped.get(name);
    const outcome: Outcome =
      why === undefined
        ? await runCase(run, { reach, mode, mtu, quick, hello, lite, compatibility })
        : { verdict: "SKIP", why };
    counts[outcome.verdict]++;
    console.log(lineOf(name, outcome));
  }
  console.log(`${counts.PASS} passed, ${counts.FAIL} failed, ${counts.SKIP} skipped`);
  if (counts.FAIL > 0) process.exitCode = 1;
});
