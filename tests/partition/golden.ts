/** The published implementation's results on seeded activations; see ../golden/README.md. */
const folder = new URL("../golden/reference-a/", import.meta.url);

interface ArrayFile {
  readonly file: string;
  readonly dtype: "float32" | "float64" | "int32";
  readonly shape: readonly number[];
}

/** One dictionary of golden.json. */
export interface GoldenDictionary {
  readonly percentile: number;
  readonly threshold: number;
  readonly n_regions: number;
  readonly [array: string]: unknown;
}

// deno-lint-ignore no-explicit-any
export const golden: any = JSON.parse(await Deno.readTextFile(new URL("golden.json", folder)));

/** Reads one of its arrays. */
export async function array(
  of: unknown,
): Promise<Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer> | Int32Array<ArrayBuffer>> {
  const { file, dtype } = of as ArrayFile;
  const { buffer } = await Deno.readFile(new URL(file, folder));
  return new { float32: Float32Array, float64: Float64Array, int32: Int32Array }[dtype](buffer);
}

/** Reads an array of float32. */
export async function floats(of: unknown): Promise<Float32Array<ArrayBuffer>> {
  return await array(of) as Float32Array<ArrayBuffer>;
}

const activations = await floats(golden.activations);
const [, dim] = golden.activations.shape as number[];

/** The stream, in its batches. */
export const batches = Array.from({ length: golden.n_batches as number }, (_, i) => {
  const rows = golden.batch_size as number;
  return { data: activations.slice(i * rows * dim, (i + 1) * rows * dim), rows, dim };
});

/** The queries, one batch. */
export const queries = { data: await floats(golden.query), rows: golden.query.shape[0] as number, dim };

/** Largest absolute difference of two arrays. */
export function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Infinity;
  let largest = 0;
  for (let i = 0; i < a.length; i++) largest = Math.max(largest, Math.abs(a[i] - b[i]));
  return largest;
}
