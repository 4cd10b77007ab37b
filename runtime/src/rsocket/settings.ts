// SPDX-License-Identifier: Apache-2.0
// The session's settings and limits, as the layers above may name them.

import { checkOptions } from "../bytes/options.js";
import { checkGrace } from "../session/setting-rules.js";

export { checkOption, checkOptions, type Kinds, readOptions } from "../bytes/options.js";
export { checkGrace } from "../session/setting-rules.js";
export {
  type ConnectionSettings,
  type ConnectionSettingsInit,
  type Limits,
  type PayloadCompatibility,
  resolveLimits,
  resolveSettings,
  SETTINGS,
} from "../session/settings.js";

/** The options of a `close`: no callback, as Node's servers take. @throws RangeError */
export function checkClosing(options: { readonly graceMs?: number }): void {
  checkOptions(options, { graceMs: "number" });
  checkGrace(options.graceMs ?? 0);
}
