// SPDX-License-Identifier: Apache-2.0
// What the benchmark makes of its figures: limits across scenarios, and who takes part.

import { expect } from "chai";
import type { Measurement } from "./processes.js";
import { limitResults, type ScenarioReport, summarize, summarizeIdle } from "./report.js";
import { contestants, contestantsOf, type Limit, limits, type Scenario, scenarios } from "./scenarios.js";

function scenarioOf(name: string): Scenario {
  const found = scenarios.find((scenario) => scenario.name === name);
  if (found === undefined) throw new Error(`no scenario is called ${name}`);
  return found;
}

function measured(cpuMicros: number, p99Micros = 1): Measurement {
  return {
    operations: 1,
    elapsedMs: 1,
    operationsPerSecond: 1,
    clientMicrosPerOperation: cpuMicros / 2,
    serverMicrosPerOperation: cpuMicros / 2,
    cpuMicrosPerOperation: cpuMicros,
    p50Micros: 1,
    p99Micros,
    clientResidentBytes: 1,
    serverResidentBytes: 1,
  };
}

function reportOf(name: string, ...rounds: Measurement[]): ScenarioReport {
  return summarize(scenarioOf(name), [{ contestant: "ours", rounds }]);
}

describe("the limits of the benchmark", () => {
  it("name scenarios that there are", () => {
    for (const limit of limits)
      for (const name of "scenario" in limit ? [limit.scenario] : limit.scenarios) scenarioOf(name);
  });

  it("compare p99 with p50 in each round", () => {
    const limit: Limit = { kind: "tail", scenario: "unary-16b-x128", atMost: 8 };
    const report = reportOf("unary-16b-x128", measured(1, 2), measured(1, 9), measured(1, 4));
    expect(limitResults([limit], [report])).to.deep.equal([{ limit, times: 4 }]);
  });

  it("compare each scenario with the least before it", () => {
    const names = ["unary-16b-x1", "unary-16b-x16", "unary-16b-x128"];
    const limit: Limit = { kind: "rise", scenarios: names, atMost: 1.1 };
    const reports = [40, 10, 15].map((cpu, index) => reportOf(names[index] ?? "", measured(cpu)));
    expect(limitResults([limit], reports)).to.deep.equal([{ limit, times: 1.5 }]);
  });

  it("compare the CPU of a byte", () => {
    const names = ["unary-32k-x16", "unary-64k-x16"];
    const limit: Limit = { kind: "spread", scenarios: names, atMost: 1.3 };
    const reports = [32, 128].map((cpu, index) => reportOf(names[index] ?? "", measured(cpu)));
    expect(limitResults([limit], reports)).to.deep.equal([{ limit, times: 2 }]);
  });

  it("compare the side that keeps more with the message", () => {
    const limit: Limit = { kind: "memory", scenario: "memory-1m", atMost: 2 };
    const rounds = [{ clientBytes: 1024 ** 2, serverBytes: 3 * 1024 ** 2 }];
    const report = summarizeIdle(scenarioOf("memory-1m"), new Map([["ours", rounds]]));
    expect(limitResults([limit], [], [report])).to.deep.equal([{ limit, times: 3 }]);
  });

  it("are not judged when a scenario is missing", () => {
    expect(limitResults(limits, [reportOf("unary-16b-x1", measured(1))])).to.deep.equal([]);
  });
});

describe("who takes part in a scenario", () => {
  const names = (scenario: string): readonly string[] =>
    contestantsOf(scenarioOf(scenario), contestants).map(({ name }) => name);

  it("leaves long messages to those that can carry them", () => {
    expect(names("unary-16b-x128")).to.include.members(["rsocket-java", "rsocket-go", "grpc-go"]);
    expect(names("unary-16m-x1")).to.include("grpc-go").and.not.include.members(["rsocket-java", "rsocket-go"]);
  });

  it("has those over TLS beside ours", () => {
    expect(names("tls-stream-1k")).to.deep.equal(["ours", "raw-tls", "grpc-js-tls"]);
  });
});
