// SPDX-License-Identifier: Apache-2.0
// Mocha's readable output and, when TEST_RESULTS names a file, the same as JSON: what .ci/run counts.
const { writeFileSync } = require("node:fs");
const { Runner, reporters } = require("mocha");

const { EVENT_RUN_END, EVENT_TEST_FAIL, EVENT_TEST_PENDING } = Runner.constants;

module.exports = class Reporter extends reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    const file = process.env.TEST_RESULTS;
    if (!file) return;
    const failures = [];
    const skipped = [];
    runner.on(EVENT_TEST_FAIL, (test, error) =>
      failures.push({ title: test.fullTitle(), message: String(error?.message ?? error) }),
    );
    runner.on(EVENT_TEST_PENDING, (test) => skipped.push(test.fullTitle()));
    runner.once(EVENT_RUN_END, () => {
      const { passes, failures: failed, pending, duration } = this.stats;
      writeFileSync(
        file,
        JSON.stringify(
          { passed: passes, failed, skipped: pending, durationMs: duration, failures, skippedTitles: skipped },
          null,
          2,
        ),
      );
    });
  }
};
