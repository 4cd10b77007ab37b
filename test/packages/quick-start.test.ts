// SPDX-License-Identifier: Apache-2.0
// From an empty folder to the first typed call with the README's own files and commands, typed as they stand there. Only
// the names of our two packages are replaced, by their tarballs. It asks the registry for the others, as users do.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect } from "chai";
import { packed, temporaryFolder, textOf } from "./support/packed.js";
import { type Ended, run } from "./support/programs.js";

/** Not more, or people look elsewhere. */
const MAX_COMMANDS = 4;

const section = /\n## In your own project\n([\s\S]*?)\n## /.exec(textOf("README.md"))?.[1] ?? "";
/** `path`: and a block below it. */
const files = [...section.matchAll(/`([\w./]+)`:\n\n```\w+\n([\s\S]*?)```/g)];
const commands = (/```sh\n([\s\S]*?)```/.exec(section)?.[1] ?? "").trim().split("\n");

describe("the README's way to the first call", function () {
  this.timeout(300_000);

  it(`takes three files and at most ${MAX_COMMANDS} commands`, () => {
    expect(files.map(([, path]) => path)).to.deep.equal(["proto/greeter.proto", "buf.gen.yaml", "src/hello.mts"]);
    expect(commands).to.have.length.within(2, MAX_COMMANDS);
    expect(commands.join("\n")).to.not.match(/&&|;|\|/);
    expect(commands[0]).to.equal("npm init -y");
  });

  it("works as it is written, from an empty folder on", async function () {
    const folder = temporaryFolder("quick-start");
    for (const [, path = "", text = ""] of files) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), text);
    }
    const { runtime, plugin } = await packed();
    let last: Ended = { exitCode: 0, output: "" };
    for (const command of commands) {
      const line = command.replace(" rsocket-rpc ", ` ${runtime} `).replace(" protoc-gen-rsocket-rpc ", ` ${plugin} `);
      last = await run("sh", ["-c", line], { cwd: folder });
      if (cannotReachRegistry(last) && process.env["CI"] === undefined) return this.skip();
      expect(last.exitCode, `${command}: ${last.output}`).to.equal(0);
    }
    expect(last.output).to.equal("Hello, world!\n");
    const { dependencies } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as { dependencies: object };
    expect(dependencies).to.include.keys("rsocket-rpc", "protoc-gen-rsocket-rpc", "@bufbuild/protobuf");
  });
});

/** A developer without network isn't told that the README is wrong. */
function cannotReachRegistry({ exitCode, output }: Ended): boolean {
  return exitCode !== 0 && /\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ENETUNREACH)\b/.test(output);
}
