/** The flags of which activations are left out. */
import type { SelectOptions } from "../../activations/selection.ts";
import { UsageError } from "./flags.ts";

/** A flag of a text of a form of its own. */
export interface TextFlag {
  /** Its type. */
  readonly type: "string";
  /** One line for `--help`. */
  readonly help: string;
  /** Throws if a text has not that form. */
  readonly check: (text: string) => unknown;
}

/** The flags of which activations are left out. */
export type SelectionFlags = {
  /** Tokens that give no activation. */
  readonly excludeTokens: TextFlag;
  /** Positions that give no activation. */
  readonly excludePositions: TextFlag;
};

/**
 * The flags `--exclude-tokens` and `--exclude-positions`; {@linkcode selectedBy} reads them.
 *
 * @param options `chat`: whether texts may be turns of a chat, whose template can be left out; default false.
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
export function selectionFlags({ chat = false }: { readonly chat?: boolean } = {}): SelectionFlags {
  const orTemplate = chat ? ", or template for those of the chat template" : "";
  return {
    excludeTokens: {
      type: "string",
      help: "tokens that give no activation: special, or ids with commas",
      check: (excludeTokens) => selectedBy({ excludeTokens }),
    },
    excludePositions: {
      type: "string",
      help: `positions that give no activation: first N of a text, and of each window of a long one${orTemplate}`,
      check(excludePositions) {
        if (!chat && excludePositions === "template") {
          throw new UsageError(
            "Expected --exclude-positions to be a number: texts are read here as they are, without a template.",
          );
        }
        selectedBy({ excludePositions });
      },
    },
  };
}

/**
 * The flag `--max-norm`, which {@linkcode selectedBy} reads, too.
 *
 * @example
 * ```ts
 * import { maxNormFlag, readFlags, selectedBy } from "../mod.ts";
 *
 * const { maxNorm } = selectedBy(readFlags(["--max-norm", "10x"], { maxNorm: maxNormFlag() }));
 * if (maxNorm !== 10) throw new Error(`${maxNorm}`);
 * ```
 */
export function maxNormFlag(): TextFlag {
  return {
    type: "string",
    help: "leave out activations of more than this many times the median norm: 10x",
    check: (maxNorm) => selectedBy({ maxNorm }),
  };
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
