// SPDX-License-Identifier: Apache-2.0
// Types of check-lock.mjs, which runs as it stands before anything is installed.

/** An entry of package-lock.json, as far as it is looked at. */
export interface LockEntry {
  readonly version?: string;
  readonly integrity?: string;
  readonly resolved?: string;
  readonly link?: boolean;
  readonly inBundle?: boolean;
  readonly hasInstallScript?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

/** A parsed package-lock.json. */
export interface Lock {
  readonly lockfileVersion: number;
  readonly packages: Readonly<Record<string, LockEntry>>;
}

/** What is wrong with a lock, a line each. */
export function faultsOf(lock: Lock): readonly string[];

/** The locks of the repository, by their paths from its top. */
export function locks(): readonly string[];
