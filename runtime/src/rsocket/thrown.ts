// SPDX-License-Identifier: Apache-2.0
// Words for what was thrown. User code may throw anything, so nothing here may throw.

/** What was thrown, in words. */
export function messageOf(thrown: unknown): string {
  try {
    return String(thrown instanceof Error ? thrown.message : thrown);
  } catch {
    return "something that can't be put into words";
  }
}
