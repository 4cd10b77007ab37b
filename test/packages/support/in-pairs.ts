// SPDX-License-Identifier: Apache-2.0
// Several things at once, but not all of them: the small machines that CI has are no faster with more.

/** Calls `work` for each item, two at a time, and resolves to the results in the order of the items. */
export async function inPairs<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<readonly R[]> {
  const results = new Map<number, R>();
  const queue = items.entries();
  const worker = async (): Promise<void> => {
    for (const [index, item] of queue) results.set(index, await work(item));
  };
  await Promise.all([worker(), worker()]);
  return items.map((_, index) => results.get(index) as R); // each was set, or a worker has thrown
}
