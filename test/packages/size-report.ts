// SPDX-License-Identifier: Apache-2.0
// Prints what the README's client costs in a browser, part by part: npm run size.

import { browserClient, sizeOf } from "./support/size.js";

const { bytes, gzipBytes, parts } = await sizeOf(browserClient());
for (const part of parts) console.log(`${String(part.bytes).padStart(8)}  ${part.name}`);
console.log(`${String(bytes).padStart(8)}  in all, minified`);
console.log(`${String(gzipBytes).padStart(8)}  gzip -9`);
