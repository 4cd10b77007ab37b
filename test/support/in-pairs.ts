// SPDX-License-Identifier: Apache-2.0
// Several things at once, but not all of them: the small machines that CI has are no faster with more.

/** Begins work as soon as fewer than two pieces of it run, in the order of the calls. */
export type PairQueue = <T>(work: () => Promise<T>) => Promise<T>;

const MOST_AT_ONCE = 2;

/** A queue for work that is asked for piece by piece. What fails is told to whoever awaits it, and to nobody else. */
export function pairQueue(): PairQueue {
  const waiting: (() => void)[] = [];
  let runningCount = 0;
  return <T>(work: () => Promise<T>) => {
    const result = new Promise<T>((resolve, reject) => {
      const begin = (): void => {
        runningCount++;
        const done = work().finally(() => {
          runningCount--;
          waiting.shift()?.();
        });
        done.then(resolve, reject);
      };
      if (runningCount < MOST_AT_ONCE) begin();
      else waiting.push(begin);
    });
    result.catch(() => {});
    return result;
  };
}

/** Calls `work` for each item, two at a time, and resolves to the results in the order of the items. */
export async function inPairs<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<readonly R[]> {
  const queue = pairQueue();
  return await Promise.all(items.map((item) => queue(() => work(item))));
}
