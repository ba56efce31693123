/** Shards that are named by their number and how many there are, as `train-00000-of-00003.parquet`. */

/**
 * The first shard of each set that the others say should be there, and is not.
 *
 * @param names Names of the files of one folder.
 */
export function missingShards(names: readonly string[]): string[] {
  const sets = new Map<string, { numbers: Set<number>; total: number; nameOf: (number: number) => string }>();
  for (const name of names) {
    const [, before, number, of, total, after] = /^(.*?)(\d+)([-_]of[-_])(\d+)(\D.*)?$/i.exec(name) ?? [];
    if (number === undefined) continue;
    const nameOf = (i: number) => `${before}${String(i).padStart(number.length, "0")}${of}${total}${after ?? ""}`;
    // The same for all shards of a set, and of no other.
    const key = `${before}/${of}${total}/${after ?? ""}`;
    const set = sets.get(key) ?? { numbers: new Set<number>(), total: Number(total), nameOf };
    sets.set(key, set);
    set.numbers.add(Number(number));
  }
  return [...sets.values()].flatMap(({ numbers, total, nameOf }) => {
    // Counted from 0, as data sets are, or from 1, as models.
    const first = numbers.has(0) || !numbers.has(total) ? 0 : 1;
    let next = first;
    while (numbers.has(next)) next++;
    return next < first + total ? [nameOf(next)] : [];
  });
}
