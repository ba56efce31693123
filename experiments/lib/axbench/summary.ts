/** Detections as means over concepts, and as differences concept by concept. */
import {
  bootstrapMean,
  type BootstrapOptions,
  type Interval,
  pairedDifference,
  type SelectionRule,
} from "../../../src/analysis/mod.ts";
import type { Basis } from "../../../src/partition/mod.ts";
import { meanOfAll as meanOf } from "../../../src/report/mod.ts";
import type { Method } from "./candidates.ts";
import type { Detection } from "./score.ts";

/** One way to come by a direction. Percentile and budget are NaN, rule and basis `""`, where there is none. */
export interface Way {
  readonly layer: number;
  readonly method: Method;
  readonly rule: SelectionRule | "";
  readonly basis: Basis | "";
  readonly percentile: number;
  readonly budget: number;
}

/** A way's figures over concepts; each concept's is the mean over stream orders and random sets. */
export interface WaySummary extends Way {
  /** Mean tokens of the dictionaries; NaN where there are none. */
  readonly tokens: number;
  /** Mean number of directions to choose from. */
  readonly regions: number;
  /** Mean train AUROC. */
  readonly train: number;
  /** Mean AUROC against hard negatives alone, over the concepts that have any. */
  readonly hard: number;
  /** Held-out AUROC by concept. */
  readonly byConcept: readonly number[];
  /** Mean over concepts of each stream order and random set. */
  readonly byRun: readonly number[];
  readonly interval: Interval;
}

/** Regions against another way on the same concepts. */
export interface Pairing {
  readonly regions: WaySummary;
  readonly other: WaySummary;
  /** Regions' AUROC minus the other's, by concept. */
  readonly differences: readonly number[];
  readonly interval: Interval;
  /** Concepts on which the regions are better. */
  readonly better: number;
}

/** Every way, in the order in which they first occur. */
export function summarise(detections: readonly Detection[], options: BootstrapOptions): WaySummary[] {
  const ways = Map.groupBy(
    detections,
    ({ layer, method, rule, basis, percentile, budget }) => [layer, method, rule, basis, percentile, budget].join(),
  );
  return Array.from(ways.values(), (rows) => {
    const { layer, method, rule, basis, percentile, budget } = rows[0];
    const byConcept = meansBy(rows, ({ concept }) => concept);
    return {
      layer,
      method,
      rule,
      basis,
      percentile,
      budget,
      tokens: meanOf(rows.map(({ tokens }) => tokens)),
      regions: meanOf(rows.map(({ regions }) => regions)),
      train: meanOf(rows.map(({ train }) => train)),
      hard: meanOf(rows.map(({ hard }) => hard).filter((area) => !Number.isNaN(area))),
      byConcept,
      byRun: meansBy(rows, ({ seed, set }) => `${seed} ${set}`),
      interval: bootstrapMean(byConcept, options),
    };
  });
}

function meansBy(rows: readonly Detection[], key: (row: Detection) => string | number): number[] {
  return Array.from(Map.groupBy(rows, key).values(), (group) => meanOf(group.map(({ auroc }) => auroc)));
}

/** The ways that a way of regions is compared with: random sets of the same size and rule, and the trained directions. */
export function pairings(ways: readonly WaySummary[], options: BootstrapOptions): Pairing[] {
  return ways.filter(({ method }) => method === "regions").flatMap((regions) =>
    ways.filter((other) =>
      other.layer === regions.layer &&
      (isTrained(other) || (other.method !== "regions" && isSameChoice(other, regions)))
    ).map((other) => {
      const differences = regions.byConcept.map((value, i) => value - other.byConcept[i]);
      return {
        regions,
        other,
        differences,
        interval: pairedDifference(regions.byConcept, other.byConcept, options),
        better: differences.filter((difference) => difference > 0).length,
      };
    })
  );
}

/** Whether a direction is trained, not chosen. */
export const isTrained = ({ rule }: Way) => rule === "";

function isSameChoice(a: Way, b: Way): boolean {
  return a.rule === b.rule && a.percentile === b.percentile && a.budget === b.budget;
}

/** A way in words, without layer and budget. */
export function nameOf({ method, rule, basis }: Pick<Way, "method" | "rule" | "basis">): string {
  const what = {
    regions: `regions, ${basis}`,
    random: "random directions",
    coreset: "random activations",
    "difference in means": "difference in means",
    "linear probe": "linear probe",
  }[method];
  return rule === "" ? what : `${what}, ${rule === "auroc" ? "AUROC" : "contrast"}`;
}
