/** Checks of what callers pass in. */

/** Throws a RangeError unless `value` is an integer greater than 0. */
export function assertCount(name: string, value: number): void {
  if (!Number.isInteger(value) || value < 1) {
    throw new RangeError(`Expected ${name} to be an integer greater than 0 but got ${value}`);
  }
}
