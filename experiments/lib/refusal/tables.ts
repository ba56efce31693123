/** The refusal experiment's result tables. */
import { ANSWER_KINDS } from "../../../src/analysis/mod.ts";
import {
  numberColumn as number,
  type TableColumn,
  wholeColumn as whole,
  wordsColumn as words,
} from "../../../src/report/mod.ts";
import type { RefusalOutcome } from "./findings.ts";

/** All tables by name. */
export function refusalTables(outcome: RefusalOutcome): Record<string, TableColumn[]> {
  return {
    ablations: ablations(outcome),
    dictionaries: dictionaries(outcome),
    references: references(outcome),
    steering: steering(outcome),
    answers: answers(outcome),
  };
}

const LAYER = "block that is changed, at the hook of the run";
const PERCENTILE = "p, 0..100";
const SEED = "stream order";
const LOOPS = "share of answers that end in a loop, 0..1";

function ablations({ trials }: RefusalOutcome): TableColumn[] {
  return [
    whole("seed", trials.map((t) => t.seed), SEED),
    whole("layer", trials.map((t) => t.layer), LAYER),
    number("percentile", trials.map((t) => t.percentile), PERCENTILE),
    words("basis", trials.map((t) => t.basis), "direction of a region"),
    whole("k", trials.map((t) => t.k), "regions ablated together"),
    whole("members", trials.map((t) => t.members), "build prompts that end in the first of them"),
    number("share", trials.map((t) => t.share), "share of those prompts that the model refuses, 0..1"),
    number("refused", trials.map((t) => t.refused), "refusal rate of held-out harmful prompts, 0..1"),
    number("delta", trials.map((t) => t.delta), "the same less the baseline"),
    number("loops", trials.map((t) => t.loops), LOOPS),
    number(
      "null_delta",
      trials.map((t) => t.nullDelta),
      "change when the null region is ablated instead; NaN where there is none",
    ),
    number("null_loops", trials.map((t) => t.nullLoops), LOOPS),
    number(
      "null_distance",
      trials.map((t) => t.nullDistance),
      "of the null from the first region in (log10 members, coherence)",
    ),
  ];
}

function dictionaries({ settings, failed }: RefusalOutcome): TableColumn[] {
  const rows = [
    ...settings.map((setting) => ({ ...setting, reason: "", first: setting.candidates[0] })),
    ...failed.map((setting) => ({
      ...setting,
      seed: -1,
      regions: 0,
      occupied: 0,
      candidates: [],
      matched: undefined,
      first: undefined,
    })),
  ];
  return [
    whole("seed", rows.map((r) => r.seed), `${SEED}; -1 where there is none`),
    whole("layer", rows.map((r) => r.layer), LAYER),
    number("percentile", rows.map((r) => r.percentile), PERCENTILE),
    number("threshold", rows.map((r) => r.threshold), "cosine distance, 0..2"),
    whole("regions", rows.map((r) => r.regions), "number of regions"),
    whole("final_regions", rows.map((r) => r.occupied), "regions that hold a build prompt's final position"),
    whole(
      "candidates",
      rows.map((r) => r.candidates.length),
      "regions of refusal: 5 prompts or more, 30 % refused or more; at most as many as are ablated",
    ),
    number("members", rows.map((r) => r.first?.members), "prompts that end in the first of them"),
    number("share", rows.map((r) => r.first?.share), "share of those prompts that the model refuses, 0..1"),
    number("count", rows.map((r) => r.first?.count), "its members at all positions"),
    number("coherence", rows.map((r) => r.first?.coherence), "norm of its mean direction, 0..1"),
    number("null_members", rows.map((r) => r.matched?.members), "prompts that end in the null region"),
    number("null_share", rows.map((r) => r.matched?.share), "share of those prompts that the model refuses, 0..1"),
    number("null_count", rows.map((r) => r.matched?.count), "the null's members at all positions"),
    number("null_coherence", rows.map((r) => r.matched?.coherence), "norm of the null's mean direction, 0..1"),
    words("failed", rows.map((r) => r.reason), "why there is no dictionary"),
  ];
}

function references({ references: rows }: RefusalOutcome): TableColumn[] {
  return [
    whole("layer", rows.map((r) => r.layer), LAYER),
    words("direction", rows.map((r) => r.direction), "what was ablated"),
    number("refused", rows.map((r) => r.refused), "refusal rate, 0..1"),
    number("delta", rows.map((r) => r.delta), "the same less the baseline"),
    number("loops", rows.map((r) => r.loops), LOOPS),
  ];
}

function steering({ steered }: RefusalOutcome): TableColumn[] {
  return [
    words("direction", steered.map((r) => r.direction), "what was added"),
    number("alpha", steered.map((r) => r.alpha), "strength, in mean distances of final positions from the center"),
    number(
      "refused",
      steered.map((r) => r.refused),
      "share of harmless prompts whose answer holds a phrase of refusal, 0..1",
    ),
    ...ANSWER_KINDS.map((
      kind,
      i,
    ): TableColumn => (number(
      kind.replaceAll(" ", "_"),
      steered.map((r) => r.shares[i]),
      `share of answers of the kind "${kind}", 0..1`,
    ))),
    words("example", steered.map((r) => r.example), "answer to the first prompt"),
  ];
}

function answers({ lab, confirmation }: RefusalOutcome): TableColumn[] {
  const { harmful } = lab.prompts;
  const texts = (answers?: readonly string[]) => harmful.map((_, i) => answers?.[i] ?? "");
  return [
    words("prompt", harmful.map(({ text }) => text), "held-out harmful prompt"),
    words("before", texts(lab.before.harmful), "answer without an intervention"),
    words("region", texts(confirmation?.answers.region), "under the best ablation"),
    words("null", texts(confirmation?.answers.null), "under its null's"),
  ];
}
