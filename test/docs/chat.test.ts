// SPDX-License-Identifier: Apache-2.0
// The chat example: its conversation by script, and its server and client as people use them.

import { once } from "node:events";
import { expect } from "chai";
import { type Program, run, start } from "./support/program.js";

describe("examples/chat", function () {
  this.timeout(30_000);

  it("holds a conversation of all shapes, in both directions, and ends", async () => {
    const { exitCode, output } = await run("examples/chat/conversation.ts");
    expect(output.split("\n")).to.deep.equal([
      "* bob comes in",
      "in the room: ann, bob",
      "ann sees that bob is typing",
      "bob: hello",
      "ann has kept something back",
      "* ann shares poem.txt, 100000 bytes",
      "uploaded: 100000",
      "history: bob comes in | hello | ann shares poem.txt, 100000 bytes",
      "bob has left",
      "",
    ]);
    expect(exitCode).to.equal(0);
  });

  describe("in terminals", () => {
    let server: Program;
    let url = "";
    const clients: Program[] = [];
    const enter = (name: string): Program => {
      const client = start("examples/chat/client.ts", [name, url], true);
      clients.push(client);
      return client;
    };
    before(async () => {
      server = start("examples/chat/server.ts", ["tcp://127.0.0.1:0"]);
      await server.prints("the room is open at");
      url = /tcp:\/\/\S+/.exec(server.output())?.[0] ?? "";
    });
    after(() => {
      for (const { child } of [server, ...clients]) child.kill("SIGKILL");
    });

    it("passes on what is said, tells who is there, and lets members leave", async () => {
      const ann = enter("ann");
      await ann.prints("* ann comes in");
      const bob = enter("bob");
      await ann.prints("* bob comes in");
      ann.child.stdin?.write("good morning\n");
      await bob.prints("(ann is typing)");
      await bob.prints("ann: good morning");
      bob.child.stdin?.write("/who\n");
      await bob.prints("ann, bob");
      bob.child.stdin?.write("/leave\n");
      await ann.prints("* bob leaves");
      if (bob.child.exitCode === null) await once(bob.child, "close");
      expect(bob.child.exitCode).to.equal(0);
      ann.child.stdin?.end();
      await once(ann.child, "close");
      expect(ann.child.exitCode).to.equal(0);
    });

    it("refuses a name that is taken", async () => {
      const first = enter("cy");
      await first.prints("* cy comes in");
      const second = enter("cy");
      await second.prints("[already_exists] cy is here already");
    });

    it("drains on SIGTERM", async () => {
      server.child.kill("SIGTERM");
      await once(server.child, "close");
      expect(server.child.exitCode).to.equal(0);
    });
  });
});
