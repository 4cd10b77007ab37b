// SPDX-License-Identifier: Apache-2.0
// The code of docs/guide/8-schema.md.

import { connect, serve } from "rsocket-rpc/node";
// #region constants
import {
  createMeterClient,
  implementMeter,
  MeterName,
  MeterPing,
  MeterRead,
  MeterReadOLD,
  unimplementedMeter,
} from "./gen/meter_rsocket.js";

console.log(MeterName, MeterReadOLD.name); // demo.v1.Meter ReadOLD
console.log(MeterRead.idempotency); // no_side_effects
console.log(MeterPing.interaction); // fire_and_forget

// #endregion

// #region idempotency
import type { Interceptor } from "rsocket-rpc";

const audit: Interceptor = (call, next) => {
  if (call.method.idempotency !== "no_side_effects") console.log("changes something:", call.method.name);
  return next(call);
};
// #endregion

let heard = (_id: string): void => {};
const ping = new Promise<string>((resolve) => {
  heard = resolve;
});
// #region serve
const server = await serve("tcp://127.0.0.1:0", {
  interceptors: [audit],
  services: [
    implementMeter({
      ...unimplementedMeter,
      read: ({ id }) => ({ id, kilowattHours: 7 }),
      set: () => ({}), // google.protobuf.Empty
      ping: ({ id }) => heard(id), // nothing to return
      readOLD: ({ id }) => ({ id }),
    }),
  ],
});
// #endregion

const connection = await connect(server.urls[0] ?? "");
// #region call
const meter = createMeterClient(connection);
await meter.ping({ id: "cellar" }); // it is with the transport; whether anybody heard it, nobody knows
console.log((await meter.read({ id: "cellar" })).kilowattHours); // 7
await meter.set({ id: "cellar", kilowattHours: 0 });
// #endregion
console.log(await ping);
await connection.close();
await server.close();
