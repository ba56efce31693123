import type { StreamSource } from "../activations/source.ts";
import type { Backend, Matrix } from "../compute/backend.ts";
import type { Contexts } from "./contexts.ts";
import type { RegionArrays } from "./region_arrays.ts";
import type { Members } from "./members.ts";

/** What a dictionary is built under. */
export interface DictionaryCalibration {
  /** Subtracted from every activation, length `dim`. */
  readonly center: Float32Array;
  /** Largest cosine distance at which an activation joins a region; more than 1e-6 and less than 2. */
  readonly threshold: number;
  /** The percentile that gave the threshold. */
  readonly percentile?: number;
  /** What produced the activations (model, hook, extractor, context, corpus). */
  readonly source?: StreamSource;
}

/** Which direction stands for a region: the observed one that founded it, or the mean of its members'. */
export type Basis = "exemplar" | "mean";

/** The names that {@linkcode Basis} has. */
export const BASES: readonly Basis[] = ["exemplar", "mean"];

/** The state of a dictionary: calibration, matrices of the backend, arrays of the host. */
export interface DictionaryParts {
  readonly backend: Backend;
  readonly calibration: DictionaryCalibration & { readonly center: Float32Array<ArrayBuffer> };
  readonly seed: number;
  /** `size x dim`. */
  exemplars: Matrix;
  /** Sums of member directions, `size x dim`. */
  sums: Matrix;
  regions: RegionArrays;
  contexts: Contexts;
  /** Sampled members, if any are kept. */
  members?: Members;
  /** Activations seen. */
  activations: number;
  /** How many of them belong to no region: they came when it founded none any more, beyond the threshold of all. */
  beyond: number;
  /** Activations after which it founded no more; all that it has seen while it founds. */
  foundedUntil: number;
  /** Batches seen. */
  batches: number;
}
