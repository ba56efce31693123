import type { Method } from "./candidates.ts";
import type { Detection } from "./score.ts";
import { isTrained, type Pairing, type Way, type WaySummary } from "./summary.ts";

/** The setting of the plain figures, which does not depend on what came out. */
export class Shown {
  readonly layer: number;
  readonly percentile: number;
  readonly budget: number;
  readonly percentiles: readonly number[];
  readonly layers: readonly number[];
  readonly #all: readonly WaySummary[];
  readonly #ways: readonly WaySummary[];
  readonly #pairs: readonly Pairing[];

  /** The first layer, the smallest percentile, the largest budget. */
  constructor(ways: readonly WaySummary[], pairs: readonly Pairing[], detections: readonly Detection[]) {
    this.layers = [...new Set(detections.map(({ layer }) => layer))];
    this.layer = this.layers[0];
    this.#all = ways;
    this.#ways = ways.filter(({ layer }) => layer === this.layer);
    this.#pairs = pairs.filter(({ regions }) => regions.layer === this.layer);
    const chosen = this.#ways.filter((way) => !isTrained(way));
    this.percentiles = [...new Set(chosen.map(({ percentile }) => percentile))].sort((a, b) => a - b);
    this.percentile = this.percentiles[0];
    this.budget = Math.max(...chosen.map(({ budget }) => budget));
  }

  get name(): string {
    return `block ${this.layer}, p ${this.percentile}`;
  }

  isOf({ layer, percentile, budget }: Pick<Way, "layer" | "percentile" | "budget">): boolean {
    return layer === this.layer && percentile === this.percentile && budget === this.budget;
  }

  /** Whether something is of the choice of the plain figures: means, AUROC rule. */
  isHeadline(way: Way): boolean {
    return this.isOf(way) && way.method === "regions" && way.basis === "mean" && way.rule === "auroc";
  }

  get headline(): WaySummary {
    return this.#ways.find((way) => this.isHeadline(way))!;
  }
  /** The choice of the plain figures at every layer that has its percentile. */
  get byLayer(): readonly WaySummary[] {
    return this.layers.flatMap((layer) =>
      this.#all.filter((way) => this.isHeadline({ ...way, layer: this.layer }) && way.layer === layer)
    );
  }
  get headlinePairs(): readonly Pairing[] {
    return this.#pairs.filter(({ regions }) => this.isHeadline(regions));
  }
  get methods(): readonly WaySummary[] {
    return this.#ways.filter((way) => isTrained(way) || this.isOf(way));
  }
  get pairs(): readonly Pairing[] {
    return this.#pairs.filter(({ regions }) => this.isOf(regions));
  }
  get atBudget(): readonly WaySummary[] {
    return this.#ways.filter((way) => isTrained(way) || way.budget === this.budget);
  }
  get byAurocRule(): readonly WaySummary[] {
    return this.#ways.filter(({ rule }) => rule !== "contrast");
  }
  /** All choices among regions, by rule, basis, percentile and budget. */
  get curve(): readonly WaySummary[] {
    const regions = this.#ways.filter(({ method }) => method === "regions");
    return regions.toSorted((a, b) =>
      a.rule.localeCompare(b.rule) || b.basis.localeCompare(a.basis) || a.percentile - b.percentile ||
      a.budget - b.budget
    );
  }

  /** Ways of the largest budget, by percentile. */
  byPercentile(wanted: Partial<Way>): WaySummary[] {
    return this.percentiles.map((percentile) => this.#one({ ...wanted, percentile, budget: this.budget }));
  }

  /** Differences of the means and the AUROC rule at the largest budget, by percentile. */
  differences(method: Method): Pairing[] {
    return this.percentiles.map((percentile) =>
      this.#pairs.find(({ regions, other }) =>
        other.method === method && regions.basis === "mean" && regions.rule === "auroc" &&
        regions.percentile === percentile && regions.budget === this.budget
      )!
    );
  }

  trained(method: Method): WaySummary {
    return this.#one({ method });
  }

  #one(wanted: Partial<Way>): WaySummary {
    return this.#ways.find((way) => Object.entries(wanted).every(([key, value]) => way[key as keyof Way] === value))!;
  }
}
