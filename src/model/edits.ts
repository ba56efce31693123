/**
 * Composes interventions into what the hook of a tensor is fed: one basis to remove, one offset to add, replacements.
 */
import { assertOptions, type OptionKinds } from "../compute/known_options.ts";
import type { Hook } from "./intervene.ts";
import type { HookPoint, Intervention, Replacement } from "./types.ts";

/** Where an intervention acts, as the model knows it. */
export interface Target {
  readonly tensor: string;
  /** Length of an activation. */
  readonly dim: number;
  readonly isFlat: boolean;
}

/** All interventions at one tensor as one. */
export interface Edit extends Hook, Target {
  /** `[dim]`. */
  readonly center: Float32Array<ArrayBuffer>;
  /** Orthonormal columns, `[dim, rank]`; one column of zeros when nothing is ablated. */
  readonly basis: Float32Array<ArrayBuffer>;
  /** At least one. */
  readonly rank: number;
  /** `[dim]`. */
  readonly offset: Float32Array<ArrayBuffer>;
  /** In the order given: a later one wins. */
  readonly replacements: readonly Replacement[];
}

/**
 * One edit a tensor: all directions ablated there are removed together, then all steering vectors added, then positions
 * replaced.
 *
 * @param target Where a hook point is; throws if it does not exist.
 * @param site The site of interventions that name none.
 * @param prompts Lengths of the prompts; `grow` tells whether tokens will follow them.
 * @throws {RangeError} if a vector is not `dim` finite numbers, a direction is zero, or replacements do not fit.
 * @throws {TypeError} if an intervention has a key that there is not, or changes nothing: it has nothing to ablate, steer
 * or replace, as one whose key is misspelt.
 * @throws {Error} if two ablations of one tensor have different centers.
 */
export function composeEdits(
  interventions: readonly Intervention[],
  target: (point: HookPoint) => Target,
  site: string,
  prompts: { readonly lengths: readonly number[]; readonly grow: boolean },
): Edit[] {
  interventions.forEach(assertIntervention);
  const places = interventions.map(({ layer, at = site }) => ({
    target: target({ layer, at }),
    where: `${at} of layer ${layer}`,
  }));
  const groups = Map.groupBy(interventions.keys(), (i) => places[i].target.tensor);
  return groups.values().map((group) => {
    const { target, where } = places[group[0]];
    return compose(group.map((i) => interventions[i]), target, where, prompts);
  }).toArray();
}

const INTERVENTION: OptionKinds<Intervention> = {
  layer: "number",
  at: "string",
  ablate: "object",
  steer: "object",
  replace: "object",
};
const ABLATE: OptionKinds<NonNullable<Intervention["ablate"]>> = { directions: "list", center: "array" };
const STEER: OptionKinds<NonNullable<Intervention["steer"]>> = { direction: "array", alpha: "number" };
const REPLACE: OptionKinds<Replacement> = { positions: "numbers", values: "array" };

function assertIntervention(intervention: Intervention): void {
  assertOptions("an intervention", intervention, INTERVENTION);
  const { layer, ablate, steer, replace } = intervention;
  if (ablate) assertOptions("an ablation", ablate, ABLATE);
  if (steer) assertOptions("steering", steer, STEER);
  if (replace) assertOptions("a replacement", replace, REPLACE);
  if (ablate && !(ablate.directions?.length > 0)) {
    throw new TypeError(`Expected directions to ablate at layer ${layer} but found none: leave the ablation out`);
  }
  if (ablate || steer || replace) return;
  throw new TypeError(
    `Expected an intervention at layer ${layer} that ablates, steers or replaces but it does none: leave it out`,
  );
}

function compose(
  group: readonly Intervention[],
  target: Target,
  where: string,
  prompts: { readonly lengths: readonly number[]; readonly grow: boolean },
): Edit {
  const { dim } = target;
  const directions: Float32Array[] = [];
  let center: Float32Array | undefined;
  const offset = new Float32Array(dim);
  for (const { ablate, steer, replace } of group) {
    if (ablate) {
      const own = ablate.center ?? new Float32Array(dim);
      assertVector(own, dim, `the center of the ablation at ${where}`);
      if (center?.some((value, i) => value !== own[i])) {
        throw new Error(
          `Expected one center for all ablations at ${where} but got different ones: ablate with one center a hook point`,
        );
      }
      center ??= own;
      for (const direction of ablate.directions) {
        assertVector(direction, dim, `a direction to ablate at ${where}`);
        directions.push(direction);
      }
    }
    if (steer) {
      assertVector(steer.direction, dim, `the steering direction at ${where}`);
      if (!Number.isFinite(steer.alpha)) {
        throw new RangeError(`Expected a finite alpha for the steering at ${where} but got ${steer.alpha}`);
      }
      // In float32, as the graph takes it: an overflow shows here and not as NaN in the logits.
      for (let i = 0; i < dim; i++) offset[i] += Math.fround(steer.alpha * steer.direction[i]);
    }
    if (replace) assertReplacement(replace, dim, prompts, where);
  }
  if (!offset.every(Number.isFinite)) {
    throw new RangeError(`Expected steering at ${where} of finite length but alpha times the direction overflows`);
  }
  const columns = orthonormalize(directions, where);
  const rank = Math.max(1, columns.length);
  const basis = new Float32Array(dim * rank);
  columns.forEach((column, c) => column.forEach((value, i) => basis[i * rank + c] = value));
  const replacements = group.flatMap(({ replace }) =>
    replace ? [{ ...replace, values: Float32Array.from(replace.values) }] : []
  );
  return {
    ...target,
    key: target.tensor,
    edits: group.some(({ ablate, steer }) => ablate || steer),
    replaces: replacements.length > 0,
    center: Float32Array.from(center ?? new Float32Array(dim)),
    basis,
    rank,
    offset,
    replacements,
  };
}

function assertReplacement(
  { positions, values }: Replacement,
  dim: number,
  { lengths, grow }: { readonly lengths: readonly number[]; readonly grow: boolean },
  where: string,
): void {
  if (positions.length === 0 || positions.some((position) => !Number.isInteger(position))) {
    throw new RangeError(`Expected whole numbers for the positions to replace at ${where} but got [${positions}]`);
  }
  for (const position of positions) {
    const shortest = lengths.findIndex((length) => position < -length || (!grow && position >= length));
    if (shortest < 0) continue;
    throw new RangeError(
      `Expected positions of every prompt to replace at ${where} but prompt ${shortest} has ${
        lengths[shortest]
      } tokens, ` +
        `so no position ${position}: give prompts of other lengths their own call`,
    );
  }
  const sizes = [dim, positions.length * dim, lengths.length * positions.length * dim];
  if (!sizes.includes(values.length)) {
    throw new RangeError(
      `Expected ${sizes[0]} values to replace with at ${where}, ${sizes[1]} for ${positions.length} positions, or ` +
        `${sizes[2]} for those of each prompt, but got ${values.length}`,
    );
  }
  if (!values.every(Number.isFinite)) {
    throw new RangeError(`Expected finite values to replace with at ${where} but they hold NaN or an infinity`);
  }
}

/** Modified Gram-Schmidt, each direction passed twice; directions that depend on earlier ones are dropped. */
function orthonormalize(directions: readonly Float32Array[], where: string): Float64Array[] {
  const columns: Float64Array[] = [];
  for (const direction of directions) {
    const rest = Float64Array.from(direction);
    const length = Math.sqrt(dot(rest, rest));
    if (length === 0) {
      throw new RangeError(`Expected directions to ablate at ${where} that are not zero but one has length 0`);
    }
    // Of nearly parallel directions the first pass leaves mostly rounding, not orthogonal to the others; the second
    // mends that ("twice is enough", Kahan, in Parlett, "The Symmetric Eigenvalue Problem", 1980).
    for (let pass = 0; pass < 2; pass++) {
      for (const column of columns) {
        const component = dot(rest, column);
        for (let i = 0; i < rest.length; i++) rest[i] -= component * column[i];
      }
    }
    const left = Math.sqrt(dot(rest, rest));
    // float32 directions are known to about 1e-7 of their length: what depends on the others leaves no more than that.
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
  if (!ArrayBuffer.isView(vector) && !Array.isArray(vector)) {
    throw new TypeError(
      `Expected ${what} to be an array of ${dim} numbers but it is ${vector === null ? "null" : typeof vector}`,
    );
  }
  if (vector.length !== dim) {
    throw new RangeError(
      `Expected ${what} to hold ${dim} numbers, the width there, but it holds ${vector.length}`,
    );
  }
  if (!vector.every(Number.isFinite)) {
    throw new RangeError(`Expected ${what} to hold finite numbers but it holds NaN or an infinity`);
  }
}
