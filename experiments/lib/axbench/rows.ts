/** Result rows of `axbench`. */
import type { AxBenchConcept, Excerpt } from "../../../src/activations/mod.ts";
import {
  bootstrapMean,
  type BootstrapOptions,
  type Choice,
  type Detection,
  DETECTION_FIGURES,
  pairedDifference,
  type RegionRow,
  SELECTION_RULES,
} from "../../../src/analysis/mod.ts";
import {
  contextText,
  intervalOf,
  LAYER,
  number,
  oneOf,
  row,
  type RowOf,
  settingsOf,
  tokenText,
  whole,
  withInterval,
  words,
} from "../../../src/report/mod.ts";

/** How a direction is come by. The first three are chosen from a set, the others trained. */
export const METHODS = ["regions", "random", "coreset", "difference in means", "linear probe"] as const;
/** One of {@linkcode METHODS}. */
export type Method = typeof METHODS[number];

const CHOSEN = { missing: "a direction is trained" } as const;
const BOOTSTRAP = "a 95 % bootstrap interval; without width of one concept";
const CONCEPT_ID = whole("AxBench's number of the concept");
const CONCEPT = words("the concept in words");

/** One way to come by a direction. */
const WAY = row({
  layer: LAYER,
  method: oneOf(METHODS, "regions, random (directions), coreset, or a trained direction"),
  rule: oneOf(SELECTION_RULES, "rule that chose on train texts", CHOSEN),
  basis: oneOf(["exemplar", "mean"], "direction of a region", { missing: "it is no region's" }),
  percentile: number("p of the dictionary", { heading: "p", ...CHOSEN }),
  budget: number("token budget of the dictionary", CHOSEN),
});
/** A row of {@linkcode WAY}. */
export type Way = RowOf<typeof WAY>;

/** One way on one concept. */
export const DETECTION = row({
  conceptId: CONCEPT_ID,
  concept: CONCEPT,
  genre: words("genre of the concept and of its negatives"),
  ...WAY,
  tokens: number("tokens of the dictionary, <bos> included", CHOSEN),
  seed: whole("seed of the stream's order", CHOSEN),
  set: whole("seed of the random set", { missing: "no set is random" }),
  regions: whole("directions that it was chosen from"),
  region: whole("number of the direction that was chosen"),
  ...DETECTION_FIGURES,
});
/** A row of {@linkcode DETECTION}. */
export type DetectionRow = RowOf<typeof DETECTION>;

/** One way, over concepts: of each the mean over stream orders and random sets. */
export const METHOD = row({
  ...WAY,
  tokens: number("mean tokens of the dictionaries", CHOSEN),
  regions: number("mean number of directions to choose from"),
  trainAuroc: number("mean AUROC of the train texts", { heading: "train AUROC" }),
  hardAuroc: number("mean AUROC against hard negatives alone, over the concepts that have any", {
    heading: "hard negatives",
    missing: "no concept has any",
  }),
  ...withInterval("auroc", "mean AUROC of the held-out texts over concepts", BOOTSTRAP, { heading: "AUROC" }),
});
/** A row of {@linkcode METHOD}, with what it is the mean of. */
export type WaySummary = RowOf<typeof METHOD> & {
  /** Held-out AUROC of each concept. */
  readonly byConcept: readonly number[];
  /** Mean over concepts of each stream order and random set. */
  readonly byRun: readonly number[];
};

/** Regions against another way on the same concepts. */
export const PAIR = row({
  ...WAY,
  other: words("what the regions are compared with"),
  ...withInterval("difference", "mean regions' AUROC minus the other's over concepts", BOOTSTRAP),
  better: whole("concepts on which the regions are better"),
});
/** A row of {@linkcode PAIR}. */
export type Pairing = RowOf<typeof PAIR> & {
  /** What the regions are compared with. */
  readonly against: WaySummary;
  /** Regions' AUROC minus the other's, of each concept. */
  readonly differences: readonly number[];
};

/** The region that was chosen for a concept. */
export const EXAMPLE = row({
  conceptId: CONCEPT_ID,
  concept: CONCEPT,
  region: whole("number of the region that was chosen"),
  members: whole("activations of the region"),
  auroc: number("AUROC of the held-out texts", { heading: "AUROC" }),
  logitLens: words("largest tokens of the region's mean direction"),
  nearestContexts: words("members nearest to the exemplar, a line each, their token between [[ and ]]"),
});
/** A row of {@linkcode EXAMPLE}, with its tokens and contexts one by one. */
export type Example = RowOf<typeof EXAMPLE> & {
  readonly tokens: readonly string[];
  readonly contexts: readonly Excerpt[];
};

/** Contexts that are shown of each region. */
const CONTEXTS = 4;

/** A concept with the region that was chosen for it. */
export function exampleRow({ conceptId, concept, auroc }: DetectionRow, region: RegionRow): Example {
  const tokens = region.lens.map(({ token }) => tokenText(token));
  const contexts = region.nearest.slice(0, CONTEXTS).map(({ excerpt }) => excerpt);
  return {
    ...{ conceptId, concept, auroc, region: region.region, members: region.count, tokens, contexts },
    logitLens: tokens.join(" | "),
    nearestContexts: contexts.map(contextText).join("\n"),
  };
}

/** A choice, and what it is told apart by. */
export interface ConceptChoice extends Choice {
  readonly method: "regions" | "random" | "coreset";
  /** Of regions only. */
  readonly basis: Way["basis"];
  readonly percentile: number;
  readonly budget: number;
  /** Tokens of the dictionary, or of that which a random set is as large as. */
  readonly tokens: number;
  /** Seed of the stream's order. */
  readonly seed: number;
  /** Seed of the random set; none for regions. */
  readonly set: number | null;
}

/** A detection as a row. */
export function detectionRow(
  { id: conceptId, concept, genre }: AxBenchConcept,
  layer: number,
  detection: Detection<ConceptChoice>,
): DetectionRow {
  const { trainAuroc, auroc, hardAuroc } = detection;
  const common = { conceptId, concept, genre, layer, trainAuroc, auroc, hardAuroc };
  switch (detection.kind) {
    case "chosen": {
      const { choice: { from: _, size, ...choice }, direction: region } = detection;
      return { ...common, ...choice, regions: size, region };
    }
    case "trained": {
      const none = { rule: null, basis: null, percentile: null, budget: null, tokens: null, seed: null, set: null };
      return { ...common, ...none, method: detection.training, regions: 1, region: 0 };
    }
    default:
      return detection satisfies never;
  }
}

/** Every way, in the order in which they first occur. */
export function summarise(detections: readonly DetectionRow[], options: BootstrapOptions): WaySummary[] {
  const ways = settingsOf(detections, ["layer", "method", "rule", "basis", "percentile", "budget"]);
  return ways.map((way) => {
    const byConcept = settingsOf(way.rows, ["conceptId"]).map((concept) => concept.mean("auroc")!);
    const { tokens, regions: size, trainAuroc, hardAuroc } = way.meanRow(
      "tokens",
      "regions",
      "trainAuroc",
      "hardAuroc",
    );
    return {
      ...way.key,
      ...{ tokens, regions: size, trainAuroc, hardAuroc },
      ...intervalOf("auroc", bootstrapMean(byConcept, options)),
      byConcept,
      byRun: settingsOf(way.rows, ["seed", "set"]).map((run) => run.mean("auroc")!),
    };
  });
}

/** Every way of regions against random sets of the same size and rule, and against the trained directions. */
export function pairings(ways: readonly WaySummary[], options: BootstrapOptions): Pairing[] {
  const isComparable = (way: WaySummary, other: WaySummary) =>
    other.layer === way.layer && other.method !== "regions" &&
    (isTrained(other) ||
      (other.rule === way.rule && other.percentile === way.percentile && other.budget === way.budget));
  return ways.filter(({ method }) => method === "regions").flatMap((way) =>
    ways.filter((other) => isComparable(way, other)).map((against) => {
      const differences = way.byConcept.map((value, i) => value - against.byConcept[i]);
      const { layer, method, rule, basis, percentile, budget } = way;
      return {
        ...{ layer, method, rule, basis, percentile, budget },
        other: nameOf(against),
        ...intervalOf("difference", pairedDifference(way.byConcept, against.byConcept, options)),
        better: differences.filter((difference) => difference > 0).length,
        against,
        differences,
      };
    })
  );
}

/** Whether a direction is trained, not chosen. */
export const isTrained = ({ rule }: Way) => rule === null;

/** How directions are come by, without the rule that chose: `regions, mean`. */
export function kindOf({ method, basis }: Pick<Way, "method" | "basis">): string {
  switch (method) {
    case "regions":
      return `regions, ${basis}`;
    case "random":
      return "random directions";
    case "coreset":
      return "random activations";
    case "difference in means":
    case "linear probe":
      return method;
    default:
      return method satisfies never;
  }
}

/** A way in words, without layer and budget: `regions, mean, AUROC`. */
export function nameOf(way: Pick<Way, "method" | "basis" | "rule">): string {
  return way.rule === null ? kindOf(way) : `${kindOf(way)}, ${way.rule === "auroc" ? "AUROC" : way.rule}`;
}
