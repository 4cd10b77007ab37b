// SPDX-License-Identifier: Apache-2.0
// Generated files may be re-exported together: what they export under one name is one thing. It is compiled, never run.
export * from "../gen/nopackage_rsocket.js";
export * from "../gen/ticker_pb.js";
export * from "../gen/ticker_rsocket.js";
