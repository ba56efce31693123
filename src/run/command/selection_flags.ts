/** The flags of which activations are left out. */
import type { SelectOptions } from "../../activations/selection.ts";
import { UsageError } from "./flags.ts";

/** The flags of which activations are left out. */
export type SelectionFlags = {
  /** Tokens that give no activation. */
  readonly excludeTokens: { readonly type: "string"; readonly help: string };
  /** Positions that give no activation. */
  readonly excludePositions: { readonly type: "string"; readonly help: string };
};

const FLAGS: SelectionFlags = {
  excludeTokens: { type: "string", help: "tokens that give no activation: special, or ids with commas" },
  excludePositions: {
    type: "string",
    help: "positions that give no activation: first N of a text, or template for those of the chat template",
  },
};

/**
 * The flags `--exclude-tokens` and `--exclude-positions`; {@linkcode selectedBy} reads them.
 *
 * @example
 * ```ts
 * import { readFlags, selectedBy, selectionFlags } from "../mod.ts";
 *
 * const flags = readFlags(["--exclude-tokens", "special", "--exclude-positions", "first 4"], selectionFlags());
 * const { excludeTokens, excludePositions } = selectedBy(flags);
 * if (excludeTokens !== "special" || excludePositions !== 4) throw new Error(`${excludeTokens} ${excludePositions}`);
 * ```
 */
export function selectionFlags(): SelectionFlags {
  return FLAGS;
}

/** What they are given. */
export type SelectedBy = Readonly<Partial<Record<keyof SelectionFlags | "maxNorm", string>>>;

/**
 * What the flags of {@linkcode selectionFlags} leave out, and `--max-norm` where an experiment has it (`10x`), for a plan's
 * `reading`.
 *
 * @throws {UsageError} if a flag is neither its word nor whole numbers.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { selectedBy } from "../mod.ts";
 *
 * assertEquals(selectedBy({ excludeTokens: "5,4", excludePositions: undefined }), { excludeTokens: [5, 4] });
 * ```
 */
export function selectedBy(
  { excludeTokens, excludePositions, maxNorm }: SelectedBy,
): Pick<SelectOptions, "excludeTokens" | "excludePositions"> & { readonly maxNorm?: number } {
  return {
    ...(maxNorm !== undefined && { maxNorm: timesOf(maxNorm) }),
    ...(excludeTokens !== undefined && {
      excludeTokens: excludeTokens === "special"
        ? "special" as const
        : excludeTokens.split(",").map((id) => wholeNumber("--exclude-tokens", "special", id)),
    }),
    ...(excludePositions !== undefined && {
      excludePositions: excludePositions === "template"
        ? "template" as const
        : wholeNumber("--exclude-positions", "template", excludePositions.replace(/^first\s+/, "")),
    }),
  };
}

/** `10x` or `10`: times the median norm. */
function timesOf(text: string): number {
  const times = Number(/^\s*(\d+(?:\.\d+)?)x?\s*$/.exec(text)?.[1]);
  if (times > 1) return times;
  throw new UsageError(
    `Expected --max-norm to be a number of times the median norm, more than 1, as 10x, but got "${text}".`,
  );
}

function wholeNumber(flag: string, word: string, text: string): number {
  if (/^\s*\d+\s*$/.test(text)) return Number(text);
  throw new UsageError(`Expected ${flag} to be ${word} or whole numbers but got "${text}".`);
}
