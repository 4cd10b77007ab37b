// SPDX-License-Identifier: Apache-2.0
// Unix sockets: files that are there already, paths that are too long, files that are left.

import { spawnSync } from "node:child_process";
import { existsSync, linkSync, mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { RpcError } from "../../../runtime/src/rpc/error.js";
import { parseUrl, socketPath } from "../../../runtime/src/rpc/url.js";
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

  it("of a server that died is replaced by one of several that start at once, and no other", async () => {
    for (let round = 0; round < 50; round++) {
      // A second name of a socket that is closed: its file stays, and nobody listens.
      const dead = await listenUds({ path: join(folder, "dead.sock") }, () => {});
      linkSync(join(folder, "dead.sock"), path);
      await dead.close();
      const started = await Promise.allSettled([1, 2, 3].map(() => listenUds({ path }, accepted.onLink)));
      const listeners = started.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
      expect(listeners).to.have.length(1);
      (await dial(udsDialer({ path }))).abort();
      await listeners[0]?.close();
      expect(readdirSync(folder)).to.deep.equal([]);
    }
  });

  it("of a server that died is left alone while another one replaces it, unless that died, too", async () => {
    const dead = await listenUds({ path: join(folder, "dead.sock") }, () => {});
    linkSync(join(folder, "dead.sock"), path);
    await dead.close();
    mkdirSync(`${path}.lock`);
    const error = await rejectionOf(listenUds({ path }, () => {}));
    expect(error.message).to.equal(`can't listen at ${path}: another server starts there`);
    const longAgo = Date.now() / 1_000 - 60;
    utimesSync(`${path}.lock`, longAgo, longAgo);
    const listener = await listenUds({ path }, accepted.onLink);
    (await dial(udsDialer({ path }))).abort();
    await listener.close();
    expect(readdirSync(folder)).to.deep.equal([]);
  });

  it("has a URL that can be dialed, whatever its path", async () => {
    for (const name of ["a?b.sock", "a#b.sock", "a%b.sock", "ä b.sock"]) {
      const listener = await listenUds({ path: join(folder, name) }, accepted.onLink);
      const path = socketPath(parseUrl(listener.url, ["unix"]));
      expect(path).to.equal(join(folder, name));
      (await dial(udsDialer({ path }))).abort();
      await listener.close();
    }
    expect(() => socketPath(parseUrl("unix:/tmp/100%.sock", ["unix"]))).to.throw(RpcError, /names no Unix socket/);
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
