// SPDX-License-Identifier: Apache-2.0
// Every requirement has a test that names it, or an argument; each has a line whose change such a test must notice; and
// docs/conformance.md says which tests these are.

import { expect } from "chai";
import { BITES, biteFile } from "../spec/bites.js";
import { renderPage, testsOf } from "../spec/conformance-page.js";
import { type CoveringTest, coveringTests } from "../spec/covering.js";
import { idsIn, LEVELS, REQUIREMENTS } from "../spec/requirements.js";
import { readText } from "./support/repository.js";

const LIST_WITHIN_MS = 60_000;

describe("requirements", () => {
  const ids = REQUIREMENTS.map(({ id }) => id);
  let tests: readonly CoveringTest[];

  before(async function () {
    this.timeout(LIST_WITHIN_MS);
    tests = await coveringTests(true);
  });

  it("have an id of their own and a known level", () => {
    expect(ids).to.have.length(180);
    expect(new Set(ids).size).to.equal(ids.length);
    const unknown = REQUIREMENTS.filter(({ level }) => level.split("/").some((part) => !(part in LEVELS)));
    expect(unknown.map(({ id, level }) => `${id}: ${level}`)).to.deep.equal([]);
  });

  it("are each named by a test's title, or argued", () => {
    const uncovered = REQUIREMENTS.filter((row) => testsOf(row, tests).length === 0 && row.argument === undefined);
    expect(uncovered.map(({ id }) => id)).to.deep.equal([]);
    const both = REQUIREMENTS.filter((row) => testsOf(row, tests).length > 0 && row.argument !== undefined);
    expect(
      both.map(({ id }) => id),
      "argued, though observed",
    ).to.deep.equal([]);
  });

  it("are the only ids that titles name", () => {
    const unknown = tests.flatMap(({ title, ids: named }) =>
      named.filter((id) => !ids.includes(id)).map((id) => `${id}: ${title}`),
    );
    expect(unknown).to.deep.equal([]);
    expect(idsIn("FRM-01, FRM-99: as UTF-8 and SHA-25 (FRM-01)")).to.deep.equal(["FRM-01", "FRM-99"]);
  });

  it("stand in docs/conformance.md with the tests there are; npm run conformance writes it", () => {
    expect(readText("docs/conformance.md") === renderPage(tests), "it is stale").to.equal(true);
  });

  it("have each a line to change, in their order, unless they are argued", () => {
    const observed = REQUIREMENTS.filter(({ argument }) => argument === undefined).map(({ id }) => id);
    expect(BITES.map(({ id }) => id)).to.deep.equal(observed);
  });

  it("have lines to change that stand where they are said to, once", () => {
    const misplaced = BITES.filter((bite) => readText(biteFile(bite)).split(bite.find).length !== 2);
    expect(misplaced.map((bite) => `${bite.id}: ${biteFile(bite)}: ${bite.find}`)).to.deep.equal([]);
    const idle = BITES.filter(({ find, replace }) => find === replace || find.includes("\n"));
    expect(idle.map(({ id }) => id)).to.deep.equal([]);
  });
});
