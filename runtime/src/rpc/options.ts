// SPDX-License-Identifier: Apache-2.0
// What `connect`, `serve` and channels check of their options.

import { type Kinds, SETTINGS } from "../rsocket/settings.js";
import { nameOf } from "./describe.js";
import type { BoundService } from "./service.js";

/** What either side may say. */
export const CALL_OPTIONS: Kinds = {
  ...SETTINGS,
  discardUnknownFields: "boolean",
  services: "list",
  interceptors: "list",
  lease: "boolean|object",
  resume: "boolean|object",
  observer: "object",
  scheduler: "object",
};

/** @throws TypeError for what no generated `implementX` has returned. */
export function checkServices(services: readonly BoundService[]): void {
  services.forEach((service: Partial<BoundService> | null | undefined, index) => {
    if (typeof service?.createRouter === "function") return;
    throw new TypeError(`services[${index}] is ${nameOf(service)}, expected what a generated implement… returns`);
  });
}
