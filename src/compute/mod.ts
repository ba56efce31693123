/**
 * Where the numbers are computed: a backend holds matrices of `rows x cols` on the CPU or a GPU and multiplies them.
 *
 * Both backends do the same and are tested by the same suite. A {@linkcode Matrix} stays on its backend until it is
 * downloaded; who makes one disposes it.
 *
 * @example
 * ```ts
 * import { openBackend } from "./mod.ts";
 *
 * const backend = await openBackend("cpu");
 * using a = backend.upload(Float32Array.of(1, 0, 0, 1), 2, 2);
 * const similarities = await backend.similarities(a, a);
 * if (similarities.join() !== "1,0,0,1") throw new Error(similarities.join());
 * ```
 *
 * @module
 */
export { openBackend } from "./open.ts";
export type { Backend, BackendChoice, BackendName, Matrix, Moments, Nearest, RowGroups, SearchWay } from "./backend.ts";
export type { ActivationRule, SparseFeatures } from "./sparse.ts";
export { GpuError } from "./device.ts";
export { append, largest, smallest } from "./long_lists.ts";
export { Random } from "./random.ts";
