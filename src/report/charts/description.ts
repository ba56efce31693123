import type { OptionKinds } from "../../compute/known_options.ts";
import type { Paint, Position, Series } from "./channels.ts";
import type { Marks } from "./mark.ts";
import type { PanelGrid, Panels } from "./panels.ts";

/** What a chart shows of its rows, whose fields are `F`. */
export interface ChartDescription<F extends string> {
  /** Small charts by one field or two; default one chart. */
  readonly panels?: Panels<F> | PanelGrid<F>;
  /** Along. */
  readonly x?: Position<F>;
  /** Up. */
  readonly y?: Position<F>;
  /** Colours of the marks. */
  readonly color?: Paint<F>;
  /** Dashes of lines, if another field than the colour's says them. */
  readonly dash?: Series<F>;
  /** Whether the colours of one category stand beside each other: an effect beside its null; default false. */
  readonly isDodged?: boolean;
  /** What is drawn, the last on top. */
  readonly marks: Marks<F>;
  /** Pixels of a panel; a category's axis may have a step for each value. Default 440 alone, 190 as one of several. */
  readonly width?: number | { readonly step: number };
  /** As `width`; default 260 alone, 200 as one of several. */
  readonly height?: number | { readonly step: number };
  /** The axis whose scale each panel has for itself; default none, so that panels compare. */
  readonly independent?: "x" | "y";
  /** The heading; default none. */
  readonly title?: string | { readonly text: string; readonly subtitle: string };
}

/** The names of what a {@linkcode ChartDescription} says. */
export const CHART_NAMES: OptionKinds<ChartDescription<string>> = {
  panels: "object",
  x: "object",
  y: "object",
  color: "object",
  dash: "object",
  isDodged: "boolean",
  marks: "list",
  width: ["number", "object"],
  height: ["number", "object"],
  independent: "string",
  title: ["string", "object"],
};
