// SPDX-License-Identifier: Apache-2.0
// The cases from rsocket-js: node client.js --connect URL [--case NAME[,NAME]] [--mode rpc|composite] [--mtu N] [--quick]

import { parseArgs } from "node:util";
import { CASES } from "./cases.js";
import { Skipped, within } from "./checks.js";
import { Peer } from "./session.js";

const CASE_MS = 60_000;

const { values } = parseArgs({
  options: {
    connect: { type: "string" },
    case: { type: "string", default: "all" },
    mode: { type: "string", default: "rpc" },
    mtu: { type: "string" },
    quick: { type: "boolean", default: false },
  },
});
const { connect: url, mode, quick } = values;
const mtu = values.mtu === undefined ? undefined : Number(values.mtu);
const names = values.case === "all" ? [...CASES.keys()] : values.case.split(",");
let failed = 0;
for (const name of names) {
  const peer = new Peer({ url, mode, mtu, quick });
  try {
    const run = CASES.get(name);
    if (run === undefined) throw new Error("no such case");
    await within(CASE_MS, "the end of the case", run(peer));
    console.log(`PASS ${name}`);
  } catch (error) {
    const isSkipped = error instanceof Skipped;
    if (!isSkipped) failed++;
    console.log(`${isSkipped ? "SKIP" : "FAIL"} ${name}: ${error.message.replaceAll("\n", " ")}`);
  }
  peer.close();
}
process.exit(failed > 0 ? 1 : 0);
