/** Tables of concept detection. */
import type { AxBenchConcept } from "../../../src/activations/mod.ts";
import {
  contextText,
  numberColumn as number,
  wholeColumn as whole,
  wordsColumn as words,
} from "../../../src/report/mod.ts";
import type { Results } from "../../../src/run/mod.ts";
import type { Example } from "./examples.ts";
import type { Detection } from "./score.ts";
import { nameOf, type Pairing, type Way, type WaySummary } from "./summary.ts";

/** Writes `concepts`, `methods`, `paired` and `examples`. */
export async function saveAxBenchTables(
  save: Results,
  concepts: readonly AxBenchConcept[],
  detections: readonly Detection[],
  ways: readonly WaySummary[],
  pairs: readonly Pairing[],
  examples: readonly Example[],
): Promise<void> {
  const byId = new Map(concepts.map((concept) => [concept.id, concept]));
  const of = <K extends keyof Detection>(key: K) => detections.map((row) => row[key]);
  await save.table("concepts", [
    whole("concept_id", of("concept"), "AxBench's number of the concept"),
    words("concept", detections.map((row) => byId.get(row.concept)!.concept), "the concept in words"),
    words("genre", detections.map((row) => byId.get(row.concept)!.genre), "genre of the concept and of its negatives"),
    ...wayColumns(detections),
    number("tokens", of("tokens"), "tokens of the dictionary, <bos> included; NaN where there is none"),
    whole("seed", of("seed"), "seed of the stream's order; -1 where there is none"),
    whole("set", of("set"), "seed of the random set; -1 where there is none"),
    whole("regions", of("regions"), "directions that it was chosen from"),
    whole("region", of("region"), "number of the direction that was chosen"),
    number("train_auroc", of("train"), "AUROC of the train texts"),
    number("auroc", of("auroc"), "AUROC of the held-out texts; all but positive ones are negatives"),
    number("hard_auroc", of("hard"), "the same against hard negatives alone; NaN where there are none"),
  ]);
  await save.table("methods", [
    ...wayColumns(ways),
    number("tokens", ways.map((way) => way.tokens), "mean tokens of the dictionaries; NaN where there are none"),
    number("regions", ways.map((way) => way.regions), "mean number of directions to choose from"),
    number("train_auroc", ways.map((way) => way.train), "mean AUROC of the train texts"),
    number("hard_auroc", ways.map((way) => way.hard), "mean AUROC against hard negatives alone"),
    ...intervalColumns("auroc", ways, "AUROC of the held-out texts over concepts"),
  ]);
  await save.table("paired", [
    ...wayColumns(pairs.map(({ regions }) => regions)),
    words("other", pairs.map(({ other }) => nameOf(other)), "what the regions are compared with"),
    ...intervalColumns("difference", pairs, "regions' AUROC minus the other's over concepts"),
    whole("better", pairs.map(({ better }) => better), "concepts on which the regions are better"),
  ]);
  await save.table("examples", [
    whole("concept_id", examples.map(({ concept }) => concept.id), "AxBench's number of the concept"),
    words("concept", examples.map(({ concept }) => concept.concept), "the concept in words"),
    whole("region", examples.map(({ region }) => region), "number of the region that was chosen"),
    whole("members", examples.map(({ members }) => members), "activations of the region"),
    number("auroc", examples.map(({ auroc }) => auroc), "AUROC of the held-out texts"),
    words(
      "logit_lens",
      examples.map(({ tokens }) => tokens.join(" | ")),
      "largest tokens of the region's mean direction",
    ),
    words(
      "nearest_contexts",
      examples.map(({ contexts }) => contexts.map(contextText).join("\n")),
      "members nearest to the exemplar, a line each, their token between [[ and ]]",
    ),
  ]);
}

function wayColumns(ways: readonly Way[]) {
  return [
    whole("layer", ways.map(({ layer }) => layer), "block that is read, at the hook of the run"),
    words("method", ways.map(({ method }) => method), "regions, random (directions), coreset, or a trained direction"),
    words("rule", ways.map(({ rule }) => rule), "rule that chose on train texts; empty where a direction is trained"),
    words("basis", ways.map(({ basis }) => basis), "direction of a region; empty otherwise"),
    number("percentile", ways.map(({ percentile }) => percentile), "p of the dictionary; NaN where there is none"),
    number("budget", ways.map(({ budget }) => budget), "token budget of the dictionary; NaN where there is none"),
  ];
}

function intervalColumns(name: string, rows: readonly Pick<WaySummary, "interval">[], description: string) {
  return [
    number(name, rows.map(({ interval }) => interval.mean), `mean ${description}`),
    number(`${name}_low`, rows.map(({ interval }) => interval.low), "lower end of its 95 % bootstrap interval"),
    number(`${name}_high`, rows.map(({ interval }) => interval.high), "upper end of it"),
  ];
}
