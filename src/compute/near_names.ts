/** Names that are near to a misspelt one. */

/** Levenshtein's distance: insertions, deletions and substitutions that turn one word into the other. */
export function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(next[j - 1] + 1, row[j] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1));
    }
    row = next;
  }
  return row[b.length];
}

/** The `count` names nearest to one, capitals not counted, nearest first. */
export function nearestNames(name: string, names: readonly string[], count = 3): string[] {
  const distance = (other: string) => editDistance(name.toLowerCase(), other.toLowerCase());
  return [...new Set(names)].map((other) => ({ other, distance: distance(other) }))
    .sort((a, b) => a.distance - b.distance).slice(0, count).map(({ other }) => other);
}
