/** What final tokens of chat prompts fall into, and what the region of refusal corresponds to. */
import { templatePartShares } from "../../../src/activations/mod.ts";
import {
  counted,
  difference,
  exceeds,
  type Figure,
  figure,
  formatNumber,
  headed,
  meanOf,
  percent,
  recordTable,
  type Rows,
  rowTable,
  type Setting,
  Sweep,
} from "../../../src/report/mod.ts";
import {
  chartBlock,
  type Outcome,
  type OutcomeSection,
  type Places,
  tableBlock,
  textBlock,
} from "../../../src/run/mod.ts";
import { accuracyChart, finalTokensChart, positionsChart } from "./charts.ts";
import {
  FINAL_TOKENS,
  type FinalTokensRow,
  type Model,
  MODELS,
  type PromptLabels,
  REFUSAL,
  type RefusalRow,
} from "./rows.ts";

/** What chat prompts gave in both models. */
export interface ChatResult {
  readonly tokens: readonly FinalTokensRow[];
  readonly refusals: readonly RefusalRow[];
  readonly places: Places;
  readonly labels: PromptLabels;
}

type TokenSetting = Setting<FinalTokensRow, "layer" | "percentile">;

/** The part of chat prompts in answer, findings and page. */
export function chatOutcome(result: ChatResult): Pick<Outcome, "answer" | "findings" | "sections"> {
  const { tokens } = result;
  const told = clearest(new Sweep(tokens));
  if (!told) {
    const answer = "No dictionary of the chat prompts could be made: every percentile has a threshold of 0.";
    return { answer, findings: {}, sections: [] };
  }
  const refusals = new Sweep(result.refusals).where(told.key);
  return {
    answer: [tokenAnswer(told), bestBaseAnswer(best(tokens, "base")), refusalAnswer(refusals, result.labels.refused)]
      .join(" "),
    findings: findings(told, refusals, result),
    sections: [chatSection(told, result)],
  };
}

/** The setting at which the instruct model's purity is farthest above that of shuffled labels, if both models have it. */
function clearest(sweep: Sweep<FinalTokensRow>): TokenSetting | undefined {
  const isMade = (setting: TokenSetting, model: Model) => setting.where({ model }).mean("purity") !== null;
  return sweep.settings.filter((setting) => MODELS.every((model) => isMade(setting, model)))
    .reduce<TokenSetting | undefined>(
      (best, setting) => best && !exceeds(excess(setting, "instruct"), excess(best, "instruct")) ? best : setting,
      undefined,
    );
}

/** How far a model's purity is above that of shuffled labels. */
const excess = (setting: TokenSetting, model: Model) =>
  setting.where({ model }).mean(({ purity, purityShuffled }) => difference(purity, purityShuffled));

/** The setting of a model's largest held-out accuracy. */
function best(tokens: readonly FinalTokensRow[], model: Model): TokenSetting {
  const { settings } = new Sweep(tokens.filter((row) => row.model === model && row.failure === null));
  const accuracy = (setting: TokenSetting) => setting.mean("heldoutAccuracy") ?? -Infinity;
  return settings.reduce((best, setting) => accuracy(setting) > accuracy(best) ? setting : best);
}

function findings(
  told: TokenSetting,
  refusals: Rows<RefusalRow>,
  { tokens, labels: { refused, harmful } }: ChatResult,
): Outcome["findings"] {
  const both = (name: string, of: Figure<FinalTokensRow>) =>
    Object.fromEntries(MODELS.map((model) => [`${name}_${model}`, told.where({ model }).mean(of)]));
  const rateOf = (isHarmful: boolean) => meanOf(refused.filter((_, i) => harmful[i] === isHarmful).map(Number));
  return {
    chat_layer: told.key.layer,
    chat_percentile: told.key.percentile,
    ...both("final_token_regions", "finalTokenRegions"),
    ...both("largest_final_token_region", "largestRegion"),
    ...both("max_harmful_share", "maxHarmfulShare"),
    ...both("max_harmful_share_shuffled", "maxHarmfulShareShuffled"),
    ...both("purity", "purity"),
    ...both("purity_shuffled", "purityShuffled"),
    ...both("heldout_accuracy", "heldoutAccuracy"),
    heldout_accuracy_base_best_setting: best(tokens, "base").mean("heldoutAccuracy"),
    heldout_accuracy_instruct_best_setting: best(tokens, "instruct").mean("heldoutAccuracy"),
    refusal_rate_harmful: rateOf(true),
    refusal_rate_harmless: rateOf(false),
    refusal_region_cosine_base: refusals.mean("baseCosine"),
    refusal_region_cosine_reordered: refusals.mean("reorderCosine"),
    refusal_region_cosine_chance: refusals.mean("chanceCosine"),
    refusal_region_final_share: refusals.mean("refusalFinal"),
    refusal_region_base_final_share: refusals.mean("baseFinal"),
    refusal_region_base_instruction_share: refusals.mean("baseInstruction"),
    refusal_region_base_harmful_share: refusals.mean("baseHarmful"),
    failed_settings: tokens.filter(({ failure }) => failure !== null).length,
  };
}

const count = (value: number | null) => figure(value === null ? null : Math.round(value));

/** What final tokens fall into. */
function tokenAnswer(told: TokenSetting): string {
  const of = (model: Model, of: Figure<FinalTokensRow>) => told.where({ model }).mean(of);
  return [
    `At the final token of chat prompts (${told.name}) the instruct model's regions tell held-out harmful from harmless`,
    `prompts with a balanced accuracy of ${figure(of("instruct", "heldoutAccuracy"))}, the base model's with`,
    `${figure(of("base", "heldoutAccuracy"))} (0.5 is chance); its final tokens fall into`,
    `${counted(of("instruct", "finalTokenRegions"), "region")}, ${
      count(of("instruct", "largestRegion"))
    } of them into the`,
    `largest, against ${counted(of("base", "finalTokenRegions"), "region")} and ${
      count(of("base", "largestRegion"))
    } in the`,
    "base model.",
  ].join(" ");
}

/** The base model at its own best, so that the setting shown, the instruct model's, is not held against it. */
function bestBaseAnswer(best: TokenSetting): string {
  const finals = best.rows[0].split.reduce((sum, { members }) => sum + members, 0);
  return `At its own best setting (${best.name}) the base model reaches ${
    figure(best.mean("heldoutAccuracy"))
  }, there ` +
    `with ${counted(best.mean("finalTokenRegions"), "region")} for ${counted(finals, "final token")}.`;
}

/** Where the members of the refusal region and of its nearest lie. */
function refusalAnswer(refusals: Rows<RefusalRow>, refused: readonly boolean[]): string {
  if (!refused.some(Boolean)) {
    return `What became of the refusal region could not be asked: the instruct model refuses none of the ${refused.length} prompts.`;
  }
  if (refusals.rows.length === 0) return "No region at that setting is a refusal region.";
  return [
    `${
      percent(refusals.mean("refusalFinal"))
    } of the refusal region's members are final tokens; of the base region nearest to it`,
    `(cosine ${figure(refusals.mean("baseCosine"))}; ${
      figure(refusals.mean("reorderCosine"))
    } for the instruct model in another order,`,
    `${figure(refusals.mean("chanceCosine"))} by chance) ${percent(refusals.mean("baseFinal"))} are, and`,
    `${percent(refusals.mean("baseInstruction"))} lie inside the instruction.`,
  ].join(" ");
}

function chatSection(told: TokenSetting, { tokens, refusals, labels, places }: ChatResult): OutcomeSection {
  return {
    heading: "The same chat prompts through both models",
    blocks: [
      textBlock(
        `The setting shown, layer ${told.key.layer} and p ${told.key.percentile}, is the one at which the regions of the ` +
          "instruct model separate the prompts they were grown on most clearly (purity above that of shuffled labels); " +
          "the table has all settings.",
      ),
      chartBlock(
        "final-tokens",
        finalTokensChart(told.rows),
        `The final tokens of ${labels.harmful.length} prompts, half of them harmful.`,
      ),
      chartBlock(
        "accuracy",
        accuracyChart(tokens),
        "Held-out prompts told harmful or harmless by the majority of their final token's region. Dashed: chance.",
      ),
      refusals.length > 0 && chartBlock(
        "positions",
        positionsChart(refusals, templatePartShares(places.part)),
        "Where in the prompts the members of the refusal region lie, and those of the regions nearest to it, at every " +
          "setting that has a refusal region; means over stream orders.",
      ),
      tableBlock(tokenTable(tokens), "Final tokens by setting, means over stream orders.", { printed: true }),
      tableBlock(
        rowTable(REFUSAL, refusals, [
          ...["layer", "percentile", "seed", "refusalMembers", "finalTokens", "refusalRate"] as const,
          ...["baseCosine", "reorderCosine", "chanceCosine", "refusalFinal", "baseFinal", "baseInstruction"] as const,
          "baseHarmful",
        ]),
        "Refusal regions, and the nearest regions to them. Base: the share of its nearest region's members.",
      ),
    ],
  };
}

/** Final tokens by setting and model, failed settings too. */
function tokenTable(tokens: readonly FinalTokensRow[]) {
  return recordTable(
    new Sweep(tokens).settings.flatMap((setting) => MODELS.map((model) => setting.where({ model }))).flatMap((own) => {
      const [row] = own.rows;
      if (!row) return [];
      return [{
        ...headed(FINAL_TOKENS, {
          layer: row.layer,
          percentile: row.percentile,
          model: row.model,
          regions: own.mean("regions"),
          finalTokenRegions: own.mean("finalTokenRegions"),
          largestRegion: own.mean("largestRegion"),
          maxHarmfulShare: own.mean("maxHarmfulShare"),
          maxHarmfulShareShuffled: own.mean("maxHarmfulShareShuffled"),
        }),
        "purity above shuffled": excess(own, row.model),
        ...headed(FINAL_TOKENS, { heldoutAccuracy: own.mean("heldoutAccuracy") }),
        "note": row.failure === null ? "" : `failed: threshold ${formatNumber(row.threshold)}`,
      }];
    }),
  );
}
