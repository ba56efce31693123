/** What the tests of discovery grow from. */
import { openBackend } from "../../src/compute/mod.ts";
import { calibrateLayers, Calibration, type Discovery } from "../../src/partition/mod.ts";
import { at, corpus, publicValues, rowsOf, streamOf } from "./streams.ts";

export const LAYERS = [3, 5];
export const PERCENTILES = [2, 20];
export const CORPUS = corpus(160, LAYERS);
export const BATCH = 20;
export const NEVER = Infinity;

export const calibrations = await calibrateLayers(toStream(streamOf(CORPUS, 40)), LAYERS, {
  percentiles: PERCENTILES,
  backend: await openBackend("cpu"),
});

/** Calibration of the plane whose threshold lies between the given angles. */
export function plane(angle: number): Calibration {
  const levels = [{ percentile: 10, threshold: 1 - Math.cos(angle * Math.PI / 180) }];
  return new Calibration({ center: new Float32Array(2), levels, activations: 1 });
}

export async function* toStream<T>(batches: Iterable<T>): AsyncGenerator<T> {
  yield* batches;
}

/** What a discovery grew, as plain values. */
export function valuesOf({ growths }: Discovery) {
  return growths.map(({ dictionary, ...rest }) => ({ ...rest, ...publicValues(dictionary) }));
}

export async function filesOf({ growths }: Discovery, folder: string): Promise<Uint8Array[]> {
  return await Promise.all(growths.map(async ({ dictionary, layer, percentile }) => {
    const path = `${folder}/saved-${layer}-${percentile}.arrow`;
    await dictionary.save(path);
    return await Deno.readFile(path);
  }));
}

/** Plain batches: a region at each angle, `"new"` batches found one, `"old"` ones do not, `"none"` are empty. */
export function angles(pattern: readonly ("new" | "old" | "none")[]) {
  let next = 0;
  return pattern.map((kind) =>
    kind === "none" ? { data: new Float32Array(0), rows: 0, dim: 2 } : rowsOf(at(
      kind === "new" ? 30 * next++ : 0,
    ))
  );
}
