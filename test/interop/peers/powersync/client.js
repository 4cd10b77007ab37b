// SPDX-License-Identifier: Apache-2.0
// PowerSync's client syncs what the server has: node client.js --connect ws://HOST:PORT/… --case sync_three_rows

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { column, Schema, SyncStreamConnectionMethod, Table } from "@powersync/common";
import { PowerSyncDatabase } from "@powersync/node";

const CASE = "sync_three_rows";
const CASE_MS = 60_000;
const ROWS = ["row 1", "row 2", "row 3"];

const { values } = parseArgs({
  options: { connect: { type: "string" }, case: { type: "string", default: CASE }, mode: { type: "string" } },
  strict: false,
});
const { host } = new URL(values.connect);
const folder = mkdtempSync(join(tmpdir(), "powersync-"));
const schema = new Schema({ lists: new Table({ name: column.text }) });
const database = { dbFilename: "rows.db", dbLocation: folder, implementation: { type: "node:sqlite" } };
const db = new PowerSyncDatabase({ schema, database });
const connector = {
  fetchCredentials: async () => ({ endpoint: `http://${host}`, token: "a-token" }),
  uploadData: async () => {},
};

let failed = values.case !== CASE;
if (failed) console.log(`FAIL ${values.case}: the client knows ${CASE} alone`);
else {
  try {
    await sync();
    console.log(`PASS ${CASE}`);
  } catch (error) {
    failed = true;
    console.log(`FAIL ${CASE}: ${error.message}`);
  }
}
await db.close();
rmSync(folder, { recursive: true, force: true });
process.exit(failed ? 1 : 0);

async function sync() {
  await db.connect(connector, { connectionMethod: SyncStreamConnectionMethod.WEB_SOCKET });
  await db.waitForFirstSync(AbortSignal.timeout(CASE_MS));
  const rows = await db.getAll("SELECT name FROM lists ORDER BY id");
  const names = rows.map(({ name }) => name);
  if (JSON.stringify(names) !== JSON.stringify(ROWS)) throw new Error(`the rows are ${JSON.stringify(names)}`);
  await db.disconnect();
}
