// SPDX-License-Identifier: Apache-2.0
// Hostile clients against a server process: every attack over every transport that it concerns, while an honest client is
// served. `npm run hostile` carries out the long ones, too.

import { existsSync, readFileSync } from "node:fs";
import { expect } from "chai";
import { carryOut, costs, transportsOf } from "./attack.js";
import { ATTACKS, ATTACKS_BY_FILE, isFlood } from "./attacks.js";
import { THREATS } from "./threats.js";
import { World } from "./world.js";

const ALL = process.env["HOSTILE"] === "all";

describe("a server under attack", function () {
  this.timeout(60_000);
  let world: World;

  before(async function () {
    // Two processes that compile their sources first.
    this.timeout(120_000);
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
      // Floods are the same for the session whatever carries them.
      if (transport !== "tcp" && isFlood(attack) && !ALL && transportsOf(attack).includes("tcp")) continue;
      it(`stands ${attack.name} (${attack.threat}, ${transport})`, async function () {
        if ("timeoutMs" in attack && attack.timeoutMs !== undefined) this.timeout(attack.timeoutMs);
        await carryOut(world, attack, transport);
      });
    }
  }
});

describe("threats", () => {
  for (const [number, { threat, elsewhere = [] }] of Object.entries(THREATS)) {
    it(`${number}: ${threat}, is tried by an attack or a test`, () => {
      const attacks = ATTACKS.filter((attack) => attack.threat === Number(number));
      expect(attacks.length + elsewhere.length).to.be.above(0);
      for (const file of elsewhere) expect(existsSync(new URL(`../../${file}`, import.meta.url)), file).to.equal(true);
    });
  }

  it("are in the table of docs/security.md, with files that are there and all that try them", () => {
    const page = readFileSync(new URL("../../docs/security.md", import.meta.url), "utf8");
    const rows = [...page.matchAll(/^\| (\d+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$/gm)];
    expect(rows.map(([, number, threat]) => [Number(number), threat])).to.deep.equal(
      Object.entries(THREATS).map(([number, { threat }]) => [Number(number), threat]),
    );
    for (const [, number, , defences = "", tests = ""] of rows) {
      for (const file of namesIn(defences)) expect(isFile(`runtime/src/${file}`) || isFile(file), file).to.equal(true);
      const files = namesIn(tests).filter((name) => name.includes("."));
      expect(files.map((file) => `test/${file}`)).to.deep.equal(THREATS[Number(number)]?.elsewhere ?? []);
      const attacks = namesIn(tests).filter((name) => !name.includes("."));
      const own = Object.entries(ATTACKS_BY_FILE).filter(([, all]) =>
        all.some(({ threat }) => threat === Number(number)),
      );
      expect(attacks, number).to.have.members(own.map(([name]) => name));
    }
  });

  it("are known that attacks name", () => {
    expect(ATTACKS.filter(({ threat }) => THREATS[threat] === undefined)).to.deep.equal([]);
  });
});

/** What stands in backticks. */
function namesIn(cell: string): readonly string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, name = ""]) => name);
}

function isFile(path: string): boolean {
  return existsSync(new URL(`../../${path}`, import.meta.url));
}

function costLine({ name, transport, growthMiB, waitedMs }: (typeof costs)[number]): string {
  return `    ${growthMiB.toFixed(0).padStart(4)} MiB, ${waitedMs.toFixed(0).padStart(4)} ms: ${name} (${transport})`;
}
