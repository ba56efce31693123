/** Whether this GPU finds the nearest exemplar faster with integers or in float32: measured, as drivers differ. */
import type { SearchWay } from "./backend.ts";
import { Random } from "./random.ts";
import type { GpuContext } from "./webgpu_commands.ts";
import { nearestByIntegers } from "./webgpu_integer_search.ts";
import type { WebGpuMatrix } from "./webgpu_matrix.ts";
import { nearest } from "./webgpu_products.ts";
import { WIDEST } from "./webgpu_quantised.ts";
import { upload } from "./webgpu_rows.ts";

/** The language feature that the integers need: four products of 8 bits and their sum in one operation. */
const FEATURE = "packed_4x8_integer_dot_product";
// What is searched to measure: exemplars, and rows of them that are changed a little, as activations lie near theirs.
const [EXEMPLARS, DIM] = [2048, 512];
const [FEWEST_ROWS, MOST_ROWS] = [128, 4096];
const CHANGE = 0.5;
// A time is one of so many milliseconds, beside which the 10 that Deno waits in every read are little.
const ENOUGH = 60;
const TURNS = 3;
// Below any of these a search gains nothing by integers, or too little to be worth the quantising of its rows; the last are
// the exemplars' coordinates. Measured on llvmpipe, where 1,024 exemplars of 192 are searched 1.5 times as fast and 512 as
// fast as in float32, and 512 of 2,304 twice as fast.
const SMALLEST = { rows: 256, exemplars: 256, dim: 128, coordinates: 2 ** 18 };

/** Whether WGSL has the operation here. */
export function hasIntegers(): boolean {
  // Deno 2.9 has the set but not its type; older runtimes have neither.
  const { wgslLanguageFeatures } = navigator.gpu as { readonly wgslLanguageFeatures?: ReadonlySet<string> };
  return wgslLanguageFeatures?.has(FEATURE) ?? false;
}

/** Whether rows can be quantised at all. */
export function canQuantise(dim: number): boolean {
  return dim <= WIDEST;
}

/** Whether a search is large enough that the way matters. */
export function isLarge(rows: number, exemplars: number, dim: number): boolean {
  const isWide = dim >= SMALLEST.dim && exemplars * dim >= SMALLEST.coordinates;
  return isWide && rows >= SMALLEST.rows && exemplars >= SMALLEST.exemplars;
}

/** The faster way. Takes a fraction of a second where there are two. */
export async function fasterWay(context: GpuContext): Promise<SearchWay> {
  if (!hasIntegers()) return { way: "float", because: `WGSL has no ${FEATURE} here` };
  const random = new Random(1);
  const uniform = (rows: number) => Float32Array.from({ length: rows * DIM }, () => random.next() - 0.5);
  const own = uniform(EXEMPLARS);
  using exemplars = upload(context, own, EXEMPLARS, DIM);
  const changes = uniform(FEWEST_ROWS);
  let [rows, times] = [FEWEST_ROWS, 1];
  const rowsNear = () => {
    const near = own.slice(0, Math.min(rows, EXEMPLARS) * DIM);
    return Float32Array.from(
      { length: rows * DIM },
      (_, i) => near[i % near.length] + CHANGE * changes[i % changes.length],
    );
  };
  for (;;) {
    using queries = upload(context, rowsNear(), rows, DIM);
    const seconds = (search: typeof nearest) => milliseconds(context, search, queries, exemplars, times);
    // Kernels are compiled when first used.
    await seconds(nearest);
    if (await seconds(nearest) < ENOUGH) {
      if (rows < MOST_ROWS) rows *= 2;
      else times *= 2;
      continue;
    }
    await seconds(nearestByIntegers);
    const [float, integers]: [number[], number[]] = [[], []];
    for (let turn = 0; turn < TURNS; turn++) {
      float.push(await seconds(nearest));
      integers.push(await seconds(nearestByIntegers));
    }
    return decided(middle(float), middle(integers), `${times} x ${rows} rows and ${EXEMPLARS} exemplars of ${DIM}`);
  }
}

function decided(float: number, integers: number, what: string): SearchWay {
  const way = integers < float ? "integers" : "float";
  const took = `${integers.toFixed(0)} ms, in float32 ${float.toFixed(0)} ms`;
  return { way, because: `measured: by integers ${what} took ${took}` };
}

/** How long some searches take together. */
async function milliseconds(
  context: GpuContext,
  search: typeof nearest,
  queries: WebGpuMatrix,
  exemplars: WebGpuMatrix,
  times: number,
): Promise<number> {
  // Queries are new to every search, so that quantising them counts.
  queries.changed(0, queries.rows);
  const start = performance.now();
  await Promise.all(Array.from({ length: times }, () => search(context, queries, exemplars, 0)));
  return performance.now() - start;
}

function middle(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}
