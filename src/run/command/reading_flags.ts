import { PAIRS, type Pairs } from "../../partition/calibration_pairs.ts";
import type { Flag } from "./flags.ts";

/** A flag that counts something, and always has a value. */
export type CountFlag = Extract<Flag, { readonly type: "integer" }> & { readonly default: number };

/** The flag of which pairs a calibration takes; without it the batches decide. */
export type PairsFlag = Extract<Flag, { readonly type: "string" }> & { readonly choices: readonly Pairs[] };

/**
 * The flags of how a corpus is calibrated on and read.
 *
 * @param defaults Their values: activations to calibrate on, tokens of a text, texts of a batch.
 * @param what What a text is called: `prompt`, `window`.
 *
 * @example
 * ```ts
 * import { readFlags, readingFlags } from "../mod.ts";
 *
 * const flags = readingFlags({ calibration: 40_000, context: 128, batch: 32 }, "window");
 * const { context, batch, thresholdPairs } = readFlags(["--batch", "8", "--threshold-pairs", "sample"], flags);
 * if (context !== 128 || batch !== 8 || thresholdPairs !== "sample") throw new Error(`${context} ${batch}`);
 * ```
 */
export function readingFlags(
  defaults: { readonly calibration: number; readonly context: number; readonly batch: number },
  what = "prompt",
): Readonly<Record<"calibration" | "context" | "batch", CountFlag> & { thresholdPairs: PairsFlag }> {
  return {
    calibration: { type: "integer", default: defaults.calibration, min: 2, help: "activations to calibrate on" },
    context: {
      type: "integer",
      default: defaults.context,
      min: 2,
      help: `tokens of a ${what} at most, <bos> included`,
    },
    batch: {
      type: "integer",
      default: defaults.batch,
      min: 1,
      help: `${what}s of a batch; thresholds depend on it`,
    },
    thresholdPairs: {
      type: "string",
      choices: PAIRS,
      help:
        "take distances for thresholds within each batch, or over the whole sample (default: within batches, unless " +
        "these are small, or unlike the sample)",
    },
  };
}

/** The flag of whether reading goes on when all dictionaries are saturated. */
export type ReadAllFlag = Extract<Flag, { readonly type: "boolean" }>;

/**
 * The flag `--read-all`, for experiments that read until all dictionaries are saturated; `grow` goes by it.
 *
 * @example
 * ```ts
 * import { readAllFlag, readFlags } from "../mod.ts";
 *
 * const { readAll } = readFlags(["--read-all"], { readAll: readAllFlag() });
 * if (!readAll) throw new Error("Expected a switch");
 * ```
 */
export function readAllFlag(): ReadAllFlag {
  return { type: "boolean", help: "read on to the end of the corpus or budget when all dictionaries are saturated" };
}

/** More repetitions than anybody waits for: a slip of the keyboard does not fill the memory. */
const MOST_SEEDS = 10_000;

/**
 * The flag of how often something is repeated.
 *
 * @param count Its default.
 * @param what What each repetition draws anew.
 * @param min The least that makes sense; default 1.
 *
 * @example
 * ```ts
 * const { help } = seedsFlag(3, "orders of the stream");
 * if (help !== "orders of the stream, from --seed on") throw new Error(help);
 * ```
 */
export function seedsFlag(count: number, what: string, min = 1): CountFlag {
  return { type: "integer", default: count, min, max: MOST_SEEDS, help: `${what}, from --seed on` };
}
