// SPDX-License-Identifier: Apache-2.0
// Runs the cases through a door, by require: node client.cjs node|web URL.
const { runCases } = require("../cases.mjs");
const generated = require("./gen/ticker_rsocket.js");

const [door, url] = process.argv.slice(2);
runCases({ runtime: require(`rsocket-rpc/${door}`), generated, url });
