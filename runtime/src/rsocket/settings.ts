// SPDX-License-Identifier: Apache-2.0
// The session's settings and limits, as the layers above may name them.

export {
  type ConnectionSettings,
  type ConnectionSettingsInit,
  type Limits,
  type PayloadCompatibility,
  resolveLimits,
  resolveSettings,
} from "../session/settings.js";
