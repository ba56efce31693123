/**
 * What a chart draws of its rows. A mark takes the chart's channels (`x`, `y`, `color`, ...) unless it names its own. Means
 * are over all rows of one place, series and panel: seeds, as a rule.
 */
import type { OptionKinds } from "../../compute/known_options.ts";
import type { MarkDef } from "./spec.ts";
import type { Paint, Position, Quantity } from "./channels.ts";

/** Channels of a mark that differ from the chart's; null leaves one out. */
export interface MarkChannels<F extends string> {
  /** Along. */
  readonly x?: Position<F> | null;
  /** Up. */
  readonly y?: Position<F> | null;
  /** By row, or one colour for all. */
  readonly color?: Paint<F> | string;
  /** By row, or pixels of area for all. */
  readonly size?: Quantity<F> | number;
}

/** The checks of {@linkcode MarkChannels}. */
export const CHANNELS: OptionKinds<MarkChannels<string>> = {
  x: ["object", "null"],
  y: ["object", "null"],
  color: ["object", "string"],
  size: ["object", "number"],
};

/** One kind of mark over some rows. */
export interface Mark<F extends string> extends MarkChannels<F> {
  /** Its tag. */
  readonly kind: "mark";
  /** Vega-Lite's mark with its looks. */
  readonly shape: MarkDef;
  /** What stands for the rows of one place: each itself, their mean, or the span from the least to the most. */
  readonly summary?: "mean" | "span";
  /** Fields of the ends, on the axis of the quantity, of marks that have a length. */
  readonly ends?: readonly [from: F, to: F];
  /** Fields of the place where it ends, of marks from one place to another. */
  readonly to?: { readonly x: F; readonly y: F };
  /** Tells lines and bands of one colour apart. */
  readonly detail?: F;
  /** Whether bars of one place stand on each other, in the legend's order. */
  readonly isStacked?: boolean;
  /** The field that is written. */
  readonly text?: F;
  /** Whether it stands at the greatest x only. */
  readonly isLast?: boolean;
  /** Draws only rows of which this field has this value. */
  readonly only?: { readonly field: F; readonly value: string | boolean };
}

/** A mark at given values, of no row. */
export interface Rule {
  /** Its tag. */
  readonly kind: "rule";
  /** Where it stands upright. */
  readonly x?: number;
  /** Where it lies. */
  readonly y?: number;
}

/** Marks of other rows than the chart's. */
export interface OwnRows {
  /** Its tag. */
  readonly kind: "own rows";
  /** The rows. */
  readonly rows: readonly object[];
  /** What is drawn of them. */
  readonly marks: Marks<string>;
}

/** Marks in the order they are drawn, the last on top. */
export type Marks<F extends string> = readonly (Mark<F> | Rule | OwnRows | Marks<F>)[];

/** A reference is thinner than what is measured, its dashes cut square: round ends would close the gaps. */
export const dashes = (dash?: readonly number[]) =>
  dash && { strokeDash: [...dash], strokeWidth: 1.2, strokeCap: "butt" as const };
