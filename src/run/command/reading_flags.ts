import type { Flags } from "./flags.ts";

/**
 * The flags of how a corpus is calibrated on and read.
 *
 * @param defaults Their values: activations to calibrate on, tokens of a text, texts of a batch.
 * @param what What a text is called: `prompt`, `window`.
 */
export function readingFlags(
  defaults: { readonly calibration: number; readonly context: number; readonly batch: number },
  what = "prompt",
) {
  return {
    calibration: { type: "integer", default: defaults.calibration, min: 2, help: "activations to calibrate on" },
    context: {
      type: "integer",
      default: defaults.context,
      min: 2,
      help: `tokens that a ${what} is cut to, <bos> included`,
    },
    batch: {
      type: "integer",
      default: defaults.batch,
      min: 1,
      help: `${what}s of a batch; thresholds depend on it`,
    },
  } as const satisfies Flags;
}

/** The flag of how often something is repeated. `what`: what each repetition draws anew. */
export function seedsFlag(count: number, what: string, min = 1) {
  return { type: "integer", default: count, min, help: `${what}, from --seed on` } as const;
}
