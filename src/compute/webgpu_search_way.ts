/** Whether this GPU finds the nearest exemplar faster with integers or in float32: measured, as drivers differ. */
import type { SearchWay } from "./backend.ts";
import { Random } from "./random.ts";
import type { GpuContext } from "./webgpu_commands.ts";
import { nearestByIntegers } from "./webgpu_integer_search.ts";
import type { WebGpuMatrix } from "./webgpu_matrix.ts";
import { nearest } from "./webgpu_products.ts";
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
/** Whether WGSL has the operation here. */
export function hasIntegers(): boolean {
  // Deno 2.9 has the set but not its type; older runtimes have neither.
  const { wgslLanguageFeatures } = navigator.gpu as { readonly wgslLanguageFeatures?: ReadonlySet<string> };
  return wgslLanguageFeatures?.has(FEATURE) ?? false;
}

/** The faster way. Measuring takes about a second. */
export async function fasterWay(context: GpuContext): Promise<SearchWay> {
  if (!hasIntegers()) return { way: "float", because: `WGSL has no ${FEATURE} here` };
  const own = uniform(EXEMPLARS, 1);
  using exemplars = upload(context, own, EXEMPLARS, DIM);
  let [rows, times] = [FEWEST_ROWS, 1];
  for (;;) {
    using queries = upload(context, rowsNear(own, rows), rows, DIM);
    const time = (search: typeof nearest) => milliseconds(context, search, queries, exemplars, times);
    // Kernels are compiled when first used.
    if (rows === FEWEST_ROWS) await time(nearest);
    if (await time(nearest) < ENOUGH) {
      if (rows < MOST_ROWS) rows *= 2;
      else times *= 2;
      continue;
    }
    await time(nearestByIntegers);
    const [float, integers]: [number[], number[]] = [[], []];
    for (let turn = 0; turn < TURNS; turn++) {
      float.push(await time(nearest));
      integers.push(await time(nearestByIntegers));
    }
    return decided(middle(float), middle(integers), `${times} x ${rows} rows and ${EXEMPLARS} exemplars of ${DIM}`);
  }
}

/** Rows near exemplars, each another. */
function rowsNear(exemplars: Float32Array, rows: number): Float32Array<ArrayBuffer> {
  const changes = uniform(FEWEST_ROWS, 2);
  return Float32Array.from(
    { length: rows * DIM },
    (_, i) => exemplars[i % exemplars.length] + CHANGE * changes[i % changes.length],
  );
}

function uniform(rows: number, seed: number): Float32Array<ArrayBuffer> {
  const random = new Random(seed);
  return Float32Array.from({ length: rows * DIM }, () => random.next() - 0.5);
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
  const start = performance.now();
  const searches = Array.from({ length: times }, () => {
    // Queries are new to every search, so that quantising them counts.
    queries.changed(0, queries.rows);
    return search(context, queries, exemplars, 0);
  });
  await Promise.all(searches);
  return performance.now() - start;
}

function middle(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}
