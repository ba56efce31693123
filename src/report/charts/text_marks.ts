/** Text that stands at rows. */
import { assertOptions, type OptionKinds } from "../../compute/known_options.ts";
import { CHANNELS, type Mark, type MarkChannels, type Marks } from "./mark.ts";
import type { MarkDef } from "./spec.ts";

/** How text stands beside its place. */
export interface TextOptions {
  /** Which part of it stands there; default its middle. */
  readonly align?: "left" | "center" | "right";
  /** Pixels to the right. */
  readonly dx?: number;
  /** Pixels down. */
  readonly dy?: number;
  /** Pixels; default 12. */
  readonly fontSize?: number;
  /** Default normal. */
  readonly fontWeight?: "bold" | "normal";
  /** Pixels after which it is cut short. */
  readonly limit?: number;
  /** What breaks it into lines; default nothing. */
  readonly lineBreak?: string;
  /** Pixels from line to line. */
  readonly lineHeight?: number;
  /** Pixels of white around the letters, so that they stay readable on marks; default 0. */
  readonly halo?: number;
}

const TEXT_OPTIONS: OptionKinds<TextOptions> = {
  align: "string",
  dx: "number",
  dy: "number",
  fontSize: "number",
  fontWeight: "string",
  limit: "number",
  lineBreak: "string",
  lineHeight: "number",
  halo: "number",
};

/**
 * A field, written at each row's place.
 *
 * @param field What is written.
 * @param options How it stands beside the place; default in its middle, 12 pixels high.
 *
 * @example
 * ```ts
 * import { chart, dots, quantity } from "./mod.ts";
 *
 * const regions = [{ members: 12, coherence: 0.8, token: "cat" }, { members: 3, coherence: 0.9, token: "mat" }];
 * const figure = chart(regions, {
 *   x: quantity("members", "members"),
 *   y: quantity("coherence", "coherence"),
 *   marks: [dots(), text("token", { align: "left", dx: 5 })],
 * });
 * if (!JSON.stringify(figure).includes('"text":{"field":"token"}')) throw new Error("a name a dot");
 * ```
 */
export function text<F extends string, G extends string = F>(
  field: F,
  options: MarkChannels<G> & TextOptions = {},
): Marks<F | G> {
  assertOptions("text", options, { ...CHANNELS, ...TEXT_OPTIONS });
  const { x, y, color, size, halo = 0, ...looks } = options;
  const written = {
    ...(x && { x }),
    ...(y && { y }),
    ...(color && { color }),
    size,
    kind: "mark",
    text: field,
  } as const;
  const letters: Mark<F | G> = { ...written, shape: { type: "text", ...looks } };
  if (halo === 0) return [letters];
  const around: MarkDef = { type: "text", ...looks, stroke: "white", strokeWidth: halo, strokeJoin: "round" };
  return [{ ...written, shape: around }, letters];
}
