// SPDX-License-Identifier: Apache-2.0
// The session's settings and limits, as the layers above may name them.

export { checkGrace } from "../session/setting-rules.js";
export {
  type ConnectionSettings,
  type ConnectionSettingsInit,
  type Limits,
  type PayloadCompatibility,
  resolveLimits,
  resolveSettings,
} from "../session/settings.js";
