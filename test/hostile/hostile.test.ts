// SPDX-License-Identifier: Apache-2.0
// Hostile clients against a server process: every attack over every transport that it concerns, while an honest client is
// served. `npm run hostile` carries out the long ones, too.

import { carryOut, costs, transportsOf } from "./attack.js";
import { ATTACKS, isFlood } from "./attacks.js";
import { World } from "./world.js";

const ALL = process.env["HOSTILE"] === "all";

describe("a server under attack", function () {
  this.timeout(20_000);
  let world: World;

  before(async () => {
    world = await World.start();
  });

  after(async () => {
    await world.stop();
    const [worst] = costs.toSorted((a, b) => b.growthMiB - a.growthMiB);
    if (ALL) for (const cost of costs) console.log(costLine(cost));
    else if (worst !== undefined) console.log(costLine(worst));
  });

  for (const attack of ATTACKS) {
    if (attack.isLong === true && !ALL) continue;
    for (const transport of transportsOf(attack)) {
      // Encryption is the machine's work, not ours.
      if (transport === "tls" && isFlood(attack) && !ALL) continue;
      it(`stands ${attack.name} (threat ${attack.threat}, ${transport})`, async function () {
        if ("timeoutMs" in attack && attack.timeoutMs !== undefined) this.timeout(attack.timeoutMs);
        await carryOut(world, attack, transport);
      });
    }
  }
});

function costLine({ name, transport, growthMiB, waitedMs }: (typeof costs)[number]): string {
  return `    ${growthMiB.toFixed(0).padStart(4)} MiB, ${waitedMs.toFixed(0).padStart(4)} ms: ${name} (${transport})`;
}
