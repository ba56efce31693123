/** The directions that a concept's may be chosen from: regions, and as many random ones. */
import { batchAt, type StreamBatch } from "../../../src/activations/mod.ts";
import { Coreset, randomDirections, SELECTION_RULES, type SelectionRule } from "../../../src/analysis/mod.ts";
import type { Backend, Matrix } from "../../../src/compute/mod.ts";
import { type Basis, directionsOf } from "../../../src/partition/mod.ts";
import { type Grown, withDictionary } from "./dictionaries.ts";

/** How a direction is come by. `regions`, `random` and `coreset` are chosen from a set, the others trained. */
export type Method = "regions" | "random" | "coreset" | "difference in means" | "linear probe";

/** A set of unit directions, on the backend and on the host. */
export interface Bank {
  readonly matrix: Matrix;
  /** `directions x dim`. */
  readonly values: Float32Array<ArrayBuffer>;
}

/** A way to choose: a rule on the first `size` directions of a bank. */
export interface Choice {
  readonly method: Method;
  readonly rule: SelectionRule;
  /** Of regions only. */
  readonly basis: Basis | "";
  readonly percentile: number;
  readonly budget: number;
  /** Tokens of the dictionary, or of that which a random set is as large as. */
  readonly tokens: number;
  /** Seed of the stream's order. */
  readonly seed: number;
  /** Number of the random set; -1 for regions. */
  readonly set: number;
  readonly bank: number;
  readonly size: number;
}

/** What a concept's direction at one layer may be chosen from, and how. */
export interface Candidates {
  readonly layer: number;
  readonly center: Float32Array<ArrayBuffer>;
  readonly banks: readonly Bank[];
  readonly choices: readonly Choice[];
}

/** Random activations of each layer to draw coresets from: one for each seed. */
export class Coresets {
  readonly #byLayer: ReadonlyMap<number, readonly Coreset[]>;

  /** @param capacity Activations of each at most. */
  constructor(
    readonly backend: Backend,
    readonly centers: ReadonlyMap<number, Float32Array<ArrayBuffer>>,
    capacity: number,
    seeds: readonly number[],
  ) {
    const ofDim = (dim: number) => seeds.map((seed) => new Coreset(backend, dim, capacity, seed));
    this.#byLayer = new Map(Array.from(centers, ([layer, { length }]) => [layer, ofDim(length)]));
  }

  /** Draws from the first `activations` of a stream, in whole batches. */
  async draw(stream: AsyncIterable<StreamBatch>, activations: number): Promise<void> {
    for await (const batch of stream) {
      let rows = 0;
      for (const [layer, coresets] of this.#byLayer) {
        const directions = await directionsOf(this.backend, batchAt(batch, layer), this.centers.get(layer)!);
        for (const coreset of coresets) coreset.offer(directions, batch.start);
        rows = directions.rows;
        directions.dispose();
      }
      batch.dispose();
      if (batch.start + rows >= activations) return;
    }
  }

  /** The directions of each set of a layer. */
  async take(layer: number): Promise<Bank[]> {
    return await Promise.all(this.#byLayer.get(layer)!.map(async (coreset) => {
      const matrix = coreset.take(coreset.size);
      coreset.dispose();
      return { matrix, values: await this.backend.download(matrix) };
    }));
  }
}

/**
 * The candidates of a layer: both bases of every dictionary, and random sets of the same sizes under the same rules.
 *
 * @param grown Dictionaries of the layer.
 * @param sets Seeds of the random directions; the coresets are one for each.
 */
export async function candidatesOf(
  backend: Backend,
  grown: readonly Grown[],
  sets: readonly number[],
  coresets: readonly Bank[],
): Promise<Candidates> {
  const banks: Bank[] = [];
  const choices: Choice[] = [];
  const offer = (choice: Omit<Choice, "rule">) => {
    for (const rule of SELECTION_RULES) choices.push({ ...choice, rule });
  };
  let center = new Float32Array();
  const exemplars = new Map<string, number>();
  // The largest budget first: the exemplars of the smaller ones are its first.
  for (const one of grown.toSorted((a, b) => b.budget - a.budget)) {
    const { percentile, budget, tokens, seed, regions } = one;
    const common = { method: "regions" as const, percentile, budget, tokens, seed, set: -1, size: regions };
    await withDictionary(one, backend, (dictionary) => {
      center = dictionary.center;
      const add = (basis: Basis) => banks.push(bankOf(backend, dictionary.directions(basis), dictionary.dim)) - 1;
      offer({ ...common, basis: "mean", bank: add("mean") });
      const growth = `${percentile} ${seed}`;
      if (!exemplars.has(growth)) exemplars.set(growth, add("exemplar"));
      offer({ ...common, basis: "exemplar", bank: exemplars.get(growth)! });
    });
  }
  const most = Math.max(...grown.map(({ regions }) => regions));
  for (const [i, set] of sets.entries()) {
    const random = banks.push(bankOf(backend, randomDirections(most, center.length, set), center.length)) - 1;
    const coreset = banks.push(coresets[i]) - 1;
    for (const { percentile, budget, tokens, seed, regions: size } of grown) {
      const common = { percentile, budget, tokens, seed, set, basis: "" as const };
      offer({ ...common, method: "random", bank: random, size });
      offer({ ...common, method: "coreset", bank: coreset, size: Math.min(size, coresets[i].matrix.rows) });
    }
  }
  return { layer: grown[0].layer, center, banks, choices };
}

function bankOf(backend: Backend, directions: Float32Array, dim: number): Bank {
  const values = Float32Array.from(directions);
  return { matrix: backend.upload(values, values.length / dim, dim), values };
}
