/** Composes interventions into what the hook of a layer is fed: one basis to remove, one center, one offset to add. */
import { assertLayers } from "./check.ts";
import type { Intervention } from "./types.ts";

/** All interventions at one layer as one. */
export interface Edit {
  /** `[dim]`. */
  readonly center: Float32Array<ArrayBuffer>;
  /** Orthonormal columns, `[dim, rank]`; one column of zeros when nothing is ablated. */
  readonly basis: Float32Array<ArrayBuffer>;
  /** At least one. */
  readonly rank: number;
  /** `[dim]`. */
  readonly offset: Float32Array<ArrayBuffer>;
}

/**
 * One edit a layer: all directions ablated there are removed together, then all steering vectors added.
 *
 * @throws {RangeError} if a layer does not exist, a vector is not `dim` finite numbers, or a direction is zero.
 * @throws {Error} if two ablations at one layer have different centers.
 */
export function composeEdits(interventions: readonly Intervention[], layers: number, dim: number): Map<number, Edit> {
  const byLayer = Map.groupBy(interventions, (intervention) => intervention.layer);
  assertLayers([...byLayer.keys()], layers);
  return new Map([...byLayer].map(([layer, group]) => [layer, composeLayer(group, layer, dim)]));
}

function composeLayer(group: readonly Intervention[], layer: number, dim: number): Edit {
  const directions: Float32Array[] = [];
  let center: Float32Array | undefined;
  const offset = new Float32Array(dim);
  for (const { ablate, steer } of group) {
    if (ablate) {
      const own = ablate.center ?? new Float32Array(dim);
      assertVector(own, dim, `the center of the ablation at layer ${layer}`);
      if (center?.some((value, i) => value !== own[i])) {
        throw new Error(
          `Expected one center for all ablations at layer ${layer} but got different ones: ablate with one center a layer`,
        );
      }
      center ??= own;
      for (const direction of ablate.directions) {
        assertVector(direction, dim, `a direction to ablate at layer ${layer}`);
        directions.push(direction);
      }
    }
    if (steer) {
      assertVector(steer.direction, dim, `the steering direction at layer ${layer}`);
      if (!Number.isFinite(steer.alpha)) {
        throw new RangeError(`Expected a finite alpha for the steering at layer ${layer} but got ${steer.alpha}`);
      }
      for (let i = 0; i < dim; i++) offset[i] += Math.fround(steer.alpha * steer.direction[i]);
    }
  }
  const columns = orthonormalize(directions, layer);
  const rank = Math.max(1, columns.length);
  const basis = new Float32Array(dim * rank);
  columns.forEach((column, c) => column.forEach((value, i) => basis[i * rank + c] = value));
  return { center: Float32Array.from(center ?? new Float32Array(dim)), basis, rank, offset };
}

/** Modified Gram-Schmidt, each direction passed twice; directions that depend on earlier ones are dropped. */
function orthonormalize(directions: readonly Float32Array[], layer: number): Float64Array[] {
  const columns: Float64Array[] = [];
  for (const direction of directions) {
    const rest = Float64Array.from(direction);
    const length = Math.sqrt(dot(rest, rest));
    if (length === 0) {
      throw new RangeError(`Expected directions to ablate at layer ${layer} that are not zero but one has length 0`);
    }
    for (let pass = 0; pass < 2; pass++) {
      for (const column of columns) {
        const component = dot(rest, column);
        for (let i = 0; i < rest.length; i++) rest[i] -= component * column[i];
      }
    }
    const left = Math.sqrt(dot(rest, rest));
    if (left > 1e-5 * length) columns.push(rest.map((value) => value / left));
  }
  return columns;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

function assertVector(vector: Float32Array, dim: number, what: string): void {
  if (vector.length !== dim) {
    throw new RangeError(
      `Expected ${what} to hold ${dim} numbers, the width of the stream, but it holds ${vector.length}`,
    );
  }
  if (!vector.every(Number.isFinite)) {
    throw new RangeError(`Expected ${what} to hold finite numbers but it holds NaN or an infinity`);
  }
}
