/** The refusal experiment's result tables. */
import { ANSWER_KINDS } from "../../../src/analysis/answer_kind.ts";
import type { TableColumn } from "../../../src/report/mod.ts";
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

const LAYER = "block whose output is changed";
const PERCENTILE = "p, 0..100";
const SEED = "stream order";
const LOOPS = "share of answers that end in a loop, 0..1";

function ablations({ trials }: RefusalOutcome): TableColumn[] {
  return [
    { name: "seed", type: "int32", values: trials.map((t) => t.seed), description: SEED },
    { name: "layer", type: "int32", values: trials.map((t) => t.layer), description: LAYER },
    { name: "percentile", type: "float64", values: trials.map((t) => t.percentile), description: PERCENTILE },
    { name: "basis", type: "utf8", values: trials.map((t) => t.basis), description: "direction of a region" },
    { name: "k", type: "int32", values: trials.map((t) => t.k), description: "regions ablated together" },
    {
      name: "members",
      type: "int32",
      values: trials.map((t) => t.members),
      description: "build prompts that end in the first of them",
    },
    {
      name: "share",
      type: "float64",
      values: trials.map((t) => t.share),
      description: "share of those prompts that the model refuses, 0..1",
    },
    {
      name: "refused",
      type: "float64",
      values: trials.map((t) => t.refused),
      description: "refusal rate of held-out harmful prompts, 0..1",
    },
    { name: "delta", type: "float64", values: trials.map((t) => t.delta), description: "the same less the baseline" },
    { name: "loops", type: "float64", values: trials.map((t) => t.loops), description: LOOPS },
    {
      name: "null_delta",
      type: "float64",
      values: trials.map((t) => t.nullDelta),
      description: "change when the null region is ablated instead; NaN where there is none",
    },
    { name: "null_loops", type: "float64", values: trials.map((t) => t.nullLoops), description: LOOPS },
    {
      name: "null_distance",
      type: "float64",
      values: trials.map((t) => t.nullDistance),
      description: "of the null from the first region in (log10 members, coherence)",
    },
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
  const number = (name: string, values: (number | undefined)[], description: string): TableColumn => ({
    name,
    type: "float64",
    values: values.map((value) => value ?? null),
    description,
  });
  return [
    { name: "seed", type: "int32", values: rows.map((r) => r.seed), description: `${SEED}; -1 where there is none` },
    { name: "layer", type: "int32", values: rows.map((r) => r.layer), description: LAYER },
    number("percentile", rows.map((r) => r.percentile), PERCENTILE),
    number("threshold", rows.map((r) => r.threshold), "cosine distance, 0..2"),
    { name: "regions", type: "int32", values: rows.map((r) => r.regions), description: "number of regions" },
    {
      name: "final_regions",
      type: "int32",
      values: rows.map((r) => r.occupied),
      description: "regions that hold a build prompt's final position",
    },
    {
      name: "candidates",
      type: "int32",
      values: rows.map((r) => r.candidates.length),
      description: "regions of refusal: 5 prompts or more, 30 % refused or more; at most as many as are ablated",
    },
    number("members", rows.map((r) => r.first?.members), "prompts that end in the first of them"),
    number("share", rows.map((r) => r.first?.share), "share of those prompts that the model refuses, 0..1"),
    number("count", rows.map((r) => r.first?.count), "its members at all positions"),
    number("coherence", rows.map((r) => r.first?.coherence), "norm of its mean direction, 0..1"),
    number("null_members", rows.map((r) => r.matched?.members), "prompts that end in the null region"),
    number("null_share", rows.map((r) => r.matched?.share), "share of those prompts that the model refuses, 0..1"),
    number("null_count", rows.map((r) => r.matched?.count), "the null's members at all positions"),
    number("null_coherence", rows.map((r) => r.matched?.coherence), "norm of the null's mean direction, 0..1"),
    { name: "failed", type: "utf8", values: rows.map((r) => r.reason), description: "why there is no dictionary" },
  ];
}

function references({ references: rows }: RefusalOutcome): TableColumn[] {
  return [
    { name: "layer", type: "int32", values: rows.map((r) => r.layer), description: LAYER },
    { name: "direction", type: "utf8", values: rows.map((r) => r.direction), description: "what was ablated" },
    { name: "refused", type: "float64", values: rows.map((r) => r.refused), description: "refusal rate, 0..1" },
    { name: "delta", type: "float64", values: rows.map((r) => r.delta), description: "the same less the baseline" },
    { name: "loops", type: "float64", values: rows.map((r) => r.loops), description: LOOPS },
  ];
}

function steering({ steered }: RefusalOutcome): TableColumn[] {
  return [
    { name: "direction", type: "utf8", values: steered.map((r) => r.direction), description: "what was added" },
    {
      name: "alpha",
      type: "float64",
      values: steered.map((r) => r.alpha),
      description: "strength, in mean distances of final positions from the center",
    },
    {
      name: "refused",
      type: "float64",
      values: steered.map((r) => r.refused),
      description: "share of harmless prompts whose answer holds a phrase of refusal, 0..1",
    },
    ...ANSWER_KINDS.map((kind, i): TableColumn => ({
      name: kind.replaceAll(" ", "_"),
      type: "float64",
      values: steered.map((r) => r.shares[i]),
      description: `share of answers of the kind "${kind}", 0..1`,
    })),
    { name: "example", type: "utf8", values: steered.map((r) => r.example), description: "answer to the first prompt" },
  ];
}

function answers({ lab, confirmation }: RefusalOutcome): TableColumn[] {
  const { harmful } = lab.prompts;
  const texts = (answers?: readonly string[]) => harmful.map((_, i) => answers?.[i] ?? "");
  return [
    { name: "prompt", type: "utf8", values: harmful.map(({ text }) => text), description: "held-out harmful prompt" },
    { name: "before", type: "utf8", values: texts(lab.before.harmful), description: "answer without an intervention" },
    {
      name: "region",
      type: "utf8",
      values: texts(confirmation?.answers.region),
      description: "under the best ablation",
    },
    { name: "null", type: "utf8", values: texts(confirmation?.answers.null), description: "under its null's" },
  ];
}
