// SPDX-License-Identifier: Apache-2.0
// Writes golden/ anew: node test/codegen/update-golden.mjs (after npm run build:plugin). Read the difference before you commit it.
import { tsImport } from "tsx/esm/api";

const { updateGoldens } = await tsImport("./support/goldens.ts", import.meta.url);
console.log(updateGoldens().join("\n"));
