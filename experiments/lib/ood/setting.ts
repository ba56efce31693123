/** Figures of one layer and percentile over seeds. */
import type { Measured, PromptSet } from "./measure.ts";
import { meanOf } from "../../../src/report/settings.ts";

/** One layer and percentile: its figures, as means over seeds. */
export class Setting {
  readonly #rows: readonly Measured[];

  constructor(measured: readonly Measured[], readonly layer: number, readonly percentile: number) {
    this.#rows = measured.filter((row) => this.has(row));
  }

  get name(): string {
    return `block ${this.layer}, p ${this.percentile}`;
  }

  has({ layer, percentile }: Pick<Measured, "layer" | "percentile">): boolean {
    return layer === this.layer && percentile === this.percentile;
  }

  /** A figure of every seed, in one order whatever the figure. */
  seeds(field: NumberField, set: PromptSet, kind: Measured["kind"] = "regions"): number[] {
    return this.#rows.filter((row) => row.set === set && row.kind === kind).map((row) => row[field]);
  }

  mean(field: NumberField, set: PromptSet, kind: Measured["kind"] = "regions"): number {
    return meanOf(this.seeds(field, set, kind));
  }
}

/** Figures that have a mean. */
export type NumberField = { [K in keyof Measured]: Measured[K] extends number ? K : never }[keyof Measured];

/** Settings in which held-out text is nearer than another set, in mean over seeds. */
export function nearerIn(settings: readonly Setting[], set: PromptSet): number {
  return settings.filter((setting) => setting.mean("mean", "held-out") < setting.mean("mean", set)).length;
}

/** How much farther random tokens lie than held-out text, in mean distance. */
export function gapOf(setting: Setting): number {
  return setting.mean("mean", "random tokens") - setting.mean("mean", "held-out");
}
