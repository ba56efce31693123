/** The steps of tokenizer.json before its model, as ones that transformers.js takes as Python's tokenizers do. */
import type { Config } from "./config.ts";

/** ASCII's, of which Unicode calls some symbols, and all others. */
const PUNCTUATION = "[!-/:-@\\[-`{-~\\p{P}]";

/** What texts are divided at: a pattern or a text. */
interface Pattern {
  readonly Regex?: string;
  readonly String?: string;
}

/**
 * A `normalizer` in which every capital sigma is written small alike, where JavaScript's is another at a word's end; and which
 * strips Unicode's white space, which JavaScript's is not.
 */
export function normalizerAsWritten(normalizer: unknown): unknown {
  if (!isStep(normalizer)) return normalizer;
  const { type, lowercase, normalizers, strip_left, strip_right } = normalizer;
  const all = (steps: unknown[]) => ({ type: "Sequence", normalizers: steps });
  const replace = (pattern: Pattern, content: string) => ({ type: "Replace", pattern, content });
  switch (type) {
    case "Sequence":
      return all((normalizers as unknown[]).map(normalizerAsWritten));
    case "Lowercase":
      return all([replace({ String: "Σ" }, "σ"), normalizer]);
    case "BertNormalizer":
      return lowercase === true ? all([replace({ String: "Σ" }, "σ"), normalizer]) : normalizer;
    case "Strip":
      return all([
        ...strip_left === true ? [replace({ Regex: "\\A\\s+" }, "")] : [],
        ...strip_right === true ? [replace({ Regex: "\\s+\\z" }, "")] : [],
      ]);
    default:
      return normalizer;
  }
}

/**
 * A `pre_tokenizer` in which patterns only isolate or remove what they match. transformers.js takes every other behavior for
 * `Isolated`, keeps what it should remove where the pattern is a string, and knows ASCII's words and JavaScript's white
 * space only.
 */
export function preTokenizerAsWritten(preTokenizer: unknown): unknown {
  if (!isStep(preTokenizer)) return preTokenizer;
  const { type, pretokenizers, pattern = {}, behavior = "Isolated", invert } = preTokenizer;
  switch (type) {
    case "Sequence":
      return sequence((pretokenizers as unknown[]).map(preTokenizerAsWritten));
    case "Punctuation":
      return splitBy({ Regex: PUNCTUATION }, String(behavior), false);
    case "Whitespace":
      return split("\\w+|[^\\w\\s]+", "Removed", true);
    case "WhitespaceSplit":
      return split("\\s+", "Removed");
    case "BertPreTokenizer":
      return sequence([split("\\s+", "Removed"), split(PUNCTUATION, "Isolated")]);
    case "Split":
      return splitBy(pattern as Pattern, String(behavior), invert === true) ?? preTokenizer;
    default:
      return preTokenizer;
  }
}

function isStep(value: unknown): value is Config {
  return typeof value === "object" && value !== null;
}

function sequence(pretokenizers: unknown[]) {
  return { type: "Sequence", pretokenizers };
}

function split(regex: string, behavior: "Isolated" | "Removed", invert = false) {
  return { type: "Split", pattern: { Regex: regex }, behavior, invert };
}

/** A split of any behavior, by a pattern of the pieces that it divides a text into: isolating them is all that is left. */
function splitBy({ Regex, String: text }: Pattern, behavior: string, invert: boolean) {
  const pattern = Regex ?? (text === undefined ? undefined : literal(text));
  if (pattern === undefined) return undefined;
  const match = `(?:${pattern})`;
  // A class of letters, where it can be one, is matched over texts of any length.
  const other = text?.length === 1 ? `[^${literal(text)}]` : `(?:(?!${match})[\\s\\S])`;
  const before = `${other}*${match}|${other}+`;
  const after = `${match}?${other}+|${match}`;
  switch (behavior.toLowerCase()) {
    case "removed":
      return split(pattern, "Removed", invert);
    case "mergedwithprevious":
      return split(invert ? after : before, "Isolated");
    case "mergedwithnext":
      return split(invert ? before : after, "Isolated");
    case "contiguous":
      return split(`${match}+|${other}+`, "Isolated");
    default:
      return split(pattern, "Isolated");
  }
}

function literal(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
