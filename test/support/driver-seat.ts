// SPDX-License-Identifier: Apache-2.0
// What a driver's connection is told, for tests that name only what they look at.

import type { DriverSeat } from "../../runtime/src/engine/driver.js";
import type { ConnectionEvents } from "../../runtime/src/session/connection.js";

/** All but what goes to the driver itself. */
export type DriverEvents = Omit<ConnectionEvents, "onTransmit">;

/** The seat of one connection's drivers. */
export function seatOf(events: DriverEvents): DriverSeat {
  const seat: DriverSeat = {
    ...events,
    driver: undefined,
    onTransmit: () => seat.driver?.requestFlush(),
    onDetached: (reason) => {
      seat.driver?.retire();
      events.onDetached?.(reason);
    },
  };
  return seat;
}
