// SPDX-License-Identifier: Apache-2.0
// Unix sockets: files that are there already, paths that are too long, files that are left.

import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { listenUds, udsDialer } from "../../../runtime/src/transports/uds.js";
import { Accepted, dial, rejectionOf } from "../../support/tls-world.js";

describe("a Unix socket", () => {
  let folder: string;
  let path: string;
  const accepted = new Accepted();

  before(() => {
    folder = mkdtempSync(join(tmpdir(), "rsocket-"));
    path = join(folder, "a b.sock");
  });
  afterEach(() => accepted.abort());
  after(() => rmSync(folder, { recursive: true }));

  it("is at its path while a server listens, and gone behind it", async () => {
    const listener = await listenUds({ path }, accepted.onLink);
    expect(listener.url).to.equal(`unix:${folder}/a%20b.sock`);
    const link = await dial(udsDialer({ path }));
    expect(link.info).to.deep.equal({ transport: "unix", remoteAddress: path, localAddress: "", isSecure: true });
    const { info } = await accepted.at(0);
    expect(info).to.deep.equal({ transport: "unix", remoteAddress: "", localAddress: path, isSecure: true });
    await listener.close();
    expect(existsSync(path)).to.equal(false);
    link.abort();
  });

  it("of a server that died is replaced", async () => {
    const script = `require("net").createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, "SIGKILL"))`;
    spawnSync(process.execPath, ["-e", script]);
    expect(existsSync(path)).to.equal(true);
    expect((await rejectionOf(dial(udsDialer({ path })))).message).to.match(
      /^can't connect to .*a b\.sock: .*ECONNREFUSED/,
    );
    const listener = await listenUds({ path }, accepted.onLink);
    (await dial(udsDialer({ path }))).abort();
    await listener.close();
  });

  it("of a server that lives is left to it", async () => {
    const listener = await listenUds({ path }, accepted.onLink);
    const error = await rejectionOf(listenUds({ path }, () => {}));
    expect(error.message).to.equal(`can't listen at ${path}: address in use, another server listens there`);
    expect(error.cause).to.have.property("code", "EADDRINUSE");
    (await dial(udsDialer({ path }))).abort();
    await listener.close();
  });

  it("takes no other file's place", async () => {
    writeFileSync(path, "precious");
    const error = await rejectionOf(listenUds({ path }, () => {}));
    expect(error.message).to.equal(`can't listen at ${path}: a file that is no socket is there`);
    expect(existsSync(path)).to.equal(true);
    rmSync(path);
  });

  it("has a path that the system has room for, counted in bytes", async () => {
    const long = `/tmp/${"ä".repeat(52)}`;
    expect(() => udsDialer({ path: long })).to.throw(
      RangeError,
      /has 109 bytes, a Unix socket's path may have 10[37]$/,
    );
    expect((await rejectionOf(listenUds({ path: long }, () => {}))).message).to.contain(long);
    expect(() => udsDialer({ path: "relative" })).to.throw(RangeError, '"relative" is no absolute path');
  });

  it("where nobody listens is named", async () => {
    const error = await rejectionOf(dial(udsDialer({ path: join(folder, "none") })));
    expect(error.message).to.match(/^can't connect to .*none: connect ENOENT/);
  });
});
