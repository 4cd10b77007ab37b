// SPDX-License-Identifier: Apache-2.0
// All attacks.

import type { Assault, Attack } from "./attack.js";
import { connectionAttacks } from "./attacks/connections.js";
import { floods } from "./attacks/floods.js";
import { framingAttacks } from "./attacks/framing.js";
import { metadataAttacks } from "./attacks/metadata.js";
import { openingAttacks } from "./attacks/opening.js";
import { streamAttacks } from "./attacks/streams.js";

/** By the file that holds them, in the order in which they are carried out. */
export const ATTACKS_BY_FILE: Readonly<Record<string, readonly (Attack | Assault)[]>> = {
  framing: framingAttacks,
  opening: openingAttacks,
  streams: streamAttacks,
  metadata: metadataAttacks,
  connections: connectionAttacks,
  floods,
};

export const ATTACKS: readonly (Attack | Assault)[] = Object.values(ATTACKS_BY_FILE).flat();

/** It is among those that send much, be it meant well. */
export function isFlood(attack: Attack | Assault): boolean {
  return floods.includes(attack as Assault) || attack.threat === 25;
}
