/** Where prompts are answered under interventions, and refusals counted. */
import type { CorpusEntry } from "../../../src/activations/mod.ts";
import type { Intervention, LanguageModel } from "../../../src/model/mod.ts";
import { answersTo, type Flags, type Run } from "../../../src/run/mod.ts";
import type { AblationBasis, RefusalSetting } from "./settings.ts";
import { type AnswerRates, ratesOf, type Trial } from "./trials.ts";

/** Prompts that no dictionary is grown on: harmful ones, harmless ones, harmful ones of other sources. */
export type PromptSets = Readonly<Record<"harmful" | "harmless" | "others", readonly CorpusEntry[]>>;

/** Answers of one model to fixed prompts. */
export class RefusalLab {
  /** Answers without an intervention. */
  readonly before: Record<keyof PromptSets, string[]> = { harmful: [], harmless: [], others: [] };
  /** Rates of answers to the harmful prompts by what was ablated: nothing is generated twice. */
  readonly #known = new Map<string, AnswerRates>();

  constructor(
    private readonly run: Pick<Run<Flags>, "kept" | "manifest">,
    readonly model: LanguageModel,
    readonly prompts: PromptSets,
    readonly tokens: number,
  ) {}

  /** Answers all prompts without an intervention. */
  async begin(): Promise<void> {
    for (const set of ["harmful", "harmless", "others"] as const) {
      this.before[set] = await this.answers(set, "no intervention");
    }
  }

  /**
   * Answers to a set of prompts under an intervention.
   *
   * @param name Tells the intervention from all others of the run.
   */
  answers(set: keyof PromptSets, name: string, intervention?: Intervention): Promise<string[]> {
    const options = { tokens: this.tokens, interventions: intervention ? [intervention] : [] };
    return this.run.manifest.time(
      "answer",
      () => this.run.kept(`${name}: ${set}`, () => answersTo(this.model, this.prompts[set], options)),
    );
  }

  /** Ablates the first `k` regions of refusal, beside the matched null. */
  async trial(setting: RefusalSetting, basis: AblationBasis, k: number): Promise<Trial> {
    const { seed, layer, percentile, candidates: [{ members, share }], matched } = setting;
    const rates = await this.#ablated(setting, basis, k);
    const nullRates = matched ? await this.#ablated(setting, basis, "null") : { refused: NaN, loops: NaN };
    const baseline = ratesOf(this.before.harmful).refused;
    return {
      ...{ seed, layer, percentile, basis, k, members, share },
      ...rates,
      delta: rates.refused - baseline,
      nullDelta: nullRates.refused - baseline,
      nullLoops: nullRates.loops,
      nullDistance: matched?.distance ?? NaN,
    };
  }

  async #ablated(setting: RefusalSetting, basis: AblationBasis, what: number | "null"): Promise<AnswerRates> {
    const key = ablationName(setting, basis, what);
    const rates = this.#known.get(key) ?? ratesOf(await this.answers("harmful", key, ablationOf(setting, basis, what)));
    this.#known.set(key, rates);
    return rates;
  }
}

/** Tells an ablation of regions from all others. */
export function ablationName(
  { seed, layer, percentile }: RefusalSetting,
  basis: AblationBasis,
  what: number | "null",
): string {
  return `ablation of ${what} by ${basis}, seed ${seed}, layer ${layer}, p ${percentile}`;
}

/** The ablation of the first regions of refusal of a dictionary, or of its null region. */
export function ablationOf(
  { layer, center, candidates, matched }: RefusalSetting,
  basis: AblationBasis,
  what: number | "null",
): Intervention {
  const regions = typeof what === "number" ? candidates.slice(0, what) : matched ? [matched] : [];
  return { layer, ablate: { directions: regions.map(({ directions }) => directions[basis]), center } };
}
