// SPDX-License-Identifier: Apache-2.0
// The page of examples/browser, opened as a person would: it shows prices, answers, and what its worker and its frame say.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect } from "chai";
import { chromiumOrSkip, launchChromium } from "./chromium.js";

const root = new URL("../../", import.meta.url);

describe("examples/browser", function () {
  this.timeout(30_000);

  it("is a page that watches, talks, is called back, and has a worker and a frame, and a small one", async function () {
    const executablePath = chromiumOrSkip(this);
    const server = spawn(process.execPath, ["--import", "tsx", "examples/browser/main.ts"], {
      cwd: root,
      env: { ...process.env, PORT: "0" },
      stdio: ["ignore", "pipe", "inherit"],
    });
    const browser = await launchChromium(executablePath);
    try {
      const [line] = (await once(server.stdout, "data")) as [Buffer];
      const page = await browser.newPage();
      const errors: unknown[] = [];
      page.on("pageerror", (error) => errors.push(error));
      const address = String(line).replace("open ", "").trim();
      await page.goto(address);
      await page.waitForFunction("/\\d/.test(document.getElementById('price').textContent)");
      expect(await page.textContent("#worker")).to.equal("2 quotes counted");
      expect(await page.textContent("#widget")).to.equal("7 in the frame");
      await page.click("form button");
      await page.waitForFunction("/calls the page/.test(document.getElementById('log').textContent)");
      await page.click("#stop");
      await page.waitForFunction("/cancelled/.test(document.getElementById('log').textContent)");
      expect((await page.textContent("#log"))?.split("\n").slice(0, 4)).to.deep.equal([
        "channel: connecting",
        "channel: ready",
        "you said: hello",
        "the server calls the page",
      ]);
      await page.goto(`${address}/small`);
      await page.waitForFunction("/\\d\\.\\d\\d/.test(document.body.textContent)");
      expect(errors).to.deep.equal([]);
    } finally {
      await browser.close();
      server.kill();
    }
  });
});
