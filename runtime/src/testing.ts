// SPDX-License-Identifier: Apache-2.0
// `rsocket-rpc/testing`: calls without a network, time without waiting, peers that follow a script.

export { type InProcessServer, serveInProcess } from "./rpc/in-process.js";
export { inProcessChannel } from "./testing/channel.js";
export { ScriptedPeer, scriptedPeer } from "./testing/scripted-peer.js";
export { VirtualScheduler } from "./testing/virtual-scheduler.js";
