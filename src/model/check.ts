/** Checks of what callers pass in, and of what is on the disk. */

/** Throws a RangeError unless `value` is an integer greater than 0. */
export function assertCount(name: string, value: number): void {
  if (!Number.isInteger(value) || value < 1) {
    throw new RangeError(`Expected ${name} to be an integer greater than 0 but got ${value}`);
  }
}

/** Throws a RangeError that says which layers there are, unless all of `asked` are among them. */
export function assertLayers(asked: readonly number[], layers: number): void {
  for (const layer of asked) {
    if (!Number.isInteger(layer) || layer < 0 || layer >= layers) {
      throw new RangeError(`Expected a layer from 0 to ${layers - 1}, which this model has, but got ${layer}`);
    }
  }
}
