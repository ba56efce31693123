import { assertOptions, type OptionKinds } from "../../compute/known_options.ts";
import { batchAt, type StreamBatch } from "../../activations/stream.ts";
import type { Intervention } from "../../model/types.ts";
import type { Dictionary } from "../../partition/dictionary.ts";
import { DIRECTIONS, type Effect } from "./effect_figures.ts";
import { matchedRegion } from "./matched_region.ts";
import {
  divergenceFrom,
  meanDistribution,
  meanDivergence,
  nextTokenRows,
  type NextTokens,
  topTokenShift,
} from "./next_token.ts";
import { meanDistance } from "./reference_directions.ts";

/** Prompts with their activations, and what the model says after each of their positions. */
export interface Outputs {
  /** One batch of every position, which holds the layers that are to be changed. */
  readonly batch: StreamBatch;
  /** The prompts' token ids. */
  readonly prompts: readonly Int32Array[];
  /** Log-probabilities of the next token, `rows x vocab`, a row an activation of the batch. */
  readonly rows: Float32Array<ArrayBuffer>;
}

/**
 * Reads what a model says at every position of a batch.
 *
 * @param batch Of `extract` with every position kept, or the rows would not be those of its activations.
 *
 * @example
 * ```ts
 * import { extract } from "../../activations/mod.ts";
 * import { loadModel } from "../../model/mod.ts";
 *
 * await using model = await loadModel("fixtures/gemma-2-toy", { device: "cpu" });
 * for await (using batch of extract(model, ["The king is dead."], { layers: [4] })) {
 *   const { rows } = await outputsOf(model, batch);
 *   if (rows.length !== batch.batches.get(4)!.rows * model.vocab) throw new Error("a row an activation");
 * }
 * ```
 */
export async function outputsOf(model: NextTokens, batch: StreamBatch): Promise<Outputs> {
  const prompts = batch.prompts.map(({ tokens }) => tokens);
  return { batch, prompts, rows: await nextTokenRows(model, prompts) };
}

/** What {@linkcode DirectionEffects} measures on. */
export interface EffectParts {
  /** The model, at the dictionary's hook. */
  readonly model: NextTokens;
  /** Layer whose output the dictionary partitions. */
  readonly layer: number;
  /** Its regions' mean directions are added and ablated. */
  readonly dictionary: Dictionary;
  /** Outputs that are typical of regions. */
  readonly typical: Outputs;
  /** Outputs that are changed: of other prompts, so that nothing is measured on what it was chosen by. */
  readonly tested: Outputs;
}

const PARTS: OptionKinds<EffectParts> = {
  model: "object",
  layer: "number",
  dictionary: "object",
  typical: "object",
  tested: "object",
};

/**
 * What the mean directions of a dictionary's regions do to a model's next-token distributions: a direction is *ablated* (is
 * it needed?) and *added* (is it enough?), and beside it that of a region of like size and coherence, the matched null.
 *
 * A region's *typical output* is the mean distribution at its positions of some prompts; how far members and others lie from
 * it is measured on other prompts, before and after.
 *
 * @example
 * ```ts
 * import { extract } from "../../activations/extract.ts";
 * import { loadModel } from "../../model/load.ts";
 * import { Dictionary } from "../../partition/dictionary.ts";
 *
 * await using model = await loadModel("fixtures/gemma-2-toy", { device: "cpu" });
 * const texts = ["The king is dead.", "The queen is here."];
 * const [typical, tested] = await Array.fromAsync(
 *   extract(model, texts, { layers: [4], batchPrompts: 1 }),
 *   (batch) => outputsOf(model, batch),
 * );
 * using dictionary = await Dictionary.create({ center: new Float32Array(model.dim), threshold: 0.6 }, { backend: "cpu" });
 * for (const { batch } of [typical, tested]) await dictionary.add(batch.batches.get(4)!);
 *
 * const effects = await DirectionEffects.create({ model, layer: 4, dictionary, typical, tested });
 * const [region] = effects.eligible(1);
 * const [ablation, steering] = await effects.of(region, [1]);
 * if (ablation.kind !== "ablation" || steering.alpha !== 1) throw new Error(`${ablation.kind} ${steering.alpha}`);
 * ```
 */
export class DirectionEffects {
  private constructor(
    private readonly parts: EffectParts,
    /** Rows of every region that has any. */
    private readonly typicalRows: ReadonlyMap<number, readonly number[]>,
    private readonly testedRows: ReadonlyMap<number, readonly number[]>,
    /** Mean distance of the tested activations from the center: steering by α adds α times as much. */
    private readonly unit: number,
  ) {}

  /** Finds where the positions of both prompts lie. */
  static async create(parts: EffectParts): Promise<DirectionEffects> {
    assertOptions("effects of directions", parts, PARTS);
    const { layer, dictionary, typical, tested } = parts;
    const rowsByRegion = async ({ batch }: Outputs) => {
      const { regions } = await dictionary.assign(batchAt(batch, layer));
      return Map.groupBy(regions.keys(), (row) => regions[row]);
    };
    const values = await batchAt(tested.batch, layer).values();
    const unit = meanDistance(values, dictionary.dim, dictionary.center);
    return new DirectionEffects(parts, await rowsByRegion(typical), await rowsByRegion(tested), unit);
  }

  /** Regions, ascending, that hold at least `members` positions of both prompts, and not every one of the tested. */
  eligible(members: number): number[] {
    const { tested, model } = this.parts;
    const count = tested.rows.length / model.vocab;
    return this.testedRows.entries().filter(([region, { length }]) =>
      Math.min(this.typicalRows.get(region)?.length ?? 0, length) >= members && length < count
    ).map(([region]) => region).toArray().sort((a, b) => a - b);
  }

  /**
   * Ablates and adds the direction of a region, then that of its matched null if there is another region.
   *
   * @param region One that is {@linkcode eligible} for one member or more.
   * @param alphas Strengths of steering, in mean distances of the tested activations from the center.
   * @returns By direction: the ablation, then a row a strength.
   * @throws {RangeError} if the region is not eligible.
   */
  async of(region: number, alphas: readonly number[]): Promise<Effect[]> {
    const { model, layer, dictionary, typical, tested } = this.parts;
    const { center, means, dim, memberCounts, coherences, size } = dictionary;
    const { vocab } = model;
    if (!this.eligible(1).includes(region)) {
      throw new RangeError(
        `Expected a region that holds positions of both prompts, and not all, but found ${region}: ask which are eligible`,
      );
    }
    const own = this.testedRows.get(region)!;
    const isOwn = new Set(own);
    const others = Array.from({ length: tested.rows.length / vocab }, (_, row) => row).filter((row) => !isOwn.has(row));
    const output = meanDistribution(typical.rows, vocab, this.typicalRows.get(region)!);
    const from = (rows: Float32Array, where: readonly number[]) => divergenceFrom(output, rows, vocab, where);
    const match = matchedRegion({ memberCounts, coherences }, region, Array(size).keys());
    const before = {
      ...{ region, members: memberCounts[region], coherence: coherences[region] },
      nullDistance: match?.distance ?? null,
      membersBefore: from(tested.rows, own),
      othersBefore: from(tested.rows, others),
    };
    /** What an intervention does everywhere, and where the region's output should go or come. */
    const act = async (intervention: Intervention, where: readonly number[]) => {
      const rows = await nextTokenRows(model, tested.prompts, [intervention]);
      return {
        divergence: meanDivergence(tested.rows, rows, vocab),
        shift: topTokenShift(tested.rows, rows, vocab),
        after: from(rows, where),
      };
    };

    const effects: Effect[] = [];
    for (const name of DIRECTIONS) {
      const source = name === "region" ? region : match?.region;
      if (source === undefined) continue;
      const direction = means.slice(source * dim, (source + 1) * dim);
      const ablated = await act({ layer, ablate: { directions: [direction], center } }, own);
      effects.push({ ...before, direction: name, kind: "ablation", alpha: null, ...ablated });
      for (const alpha of alphas) {
        const steered = await act({ layer, steer: { direction, alpha: alpha * this.unit } }, others);
        effects.push({ ...before, direction: name, kind: "steering", alpha, ...steered });
      }
    }
    return effects;
  }
}
