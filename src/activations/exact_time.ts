/**
 * A time since 1970, exactly: a `Date`, or where that would round it, its text in the form of `Date.toISOString` with more
 * digits (`2026-01-02T03:04:05.123456Z`).
 *
 * @param count Units since then.
 * @param perSecond Units of a second.
 */
export function exactTime(count: bigint, perSecond: bigint): Date | string {
  const seconds = count / perSecond - (count % perSecond < 0n ? 1n : 0n);
  const rest = count - seconds * perSecond;
  const milliseconds = rest * 1000n / perSecond;
  const date = new Date(Number(seconds * 1000n + milliseconds));
  // Beyond the years that a Date can hold.
  if (Number.isNaN(date.getTime())) return `${count}`;
  if (milliseconds * perSecond === rest * 1000n) return date;
  const digits = String(rest).padStart(String(perSecond).length - 1, "0");
  return date.toISOString().replace(/\.\d+Z$/, `.${digits}Z`);
}
