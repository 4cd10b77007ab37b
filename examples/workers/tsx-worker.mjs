// SPDX-License-Identifier: Apache-2.0
// Begins worker.ts under tsx, which doesn't reach into threads by itself. Compiled programs name worker.js directly.
import { register } from "tsx/esm/api";

register();
await import("./worker.ts");
