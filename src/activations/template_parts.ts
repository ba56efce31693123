import type { LanguageModel } from "../model/types.ts";

/** Where in a templated prompt a position lies. */
export type TemplatePart = "before" | "instruction" | "after" | "final";

/** All parts, in the order of a prompt. */
export const TEMPLATE_PARTS: readonly TemplatePart[] = ["before", "instruction", "after", "final"];

/** Tokens that a template puts around every instruction. */
export interface Template {
  /** Tokens before it, `<bos>` included. */
  readonly before: number;
  /** Tokens after it, the final one included. */
  readonly after: number;
}

/**
 * Reads a template off prompts that were written in it: the tokens that all share at the beginning, and at the end.
 * What all instructions happen to share counts as the template's, so give it many different ones.
 *
 * @param prompts Token ids, at least one prompt.
 * @throws {RangeError} if there is none.
 *
 * @example
 * ```ts
 * const prompts = [Int32Array.of(2, 4, 9, 5, 6), Int32Array.of(2, 4, 8, 7, 5, 6)];
 * const { before, after } = templateOf(prompts);
 * if (before !== 2 || after !== 2) throw new Error(`${before} ${after}`);
 * ```
 */
export function templateOf(prompts: readonly Int32Array[]): Template {
  const [first] = prompts;
  if (!first) throw new RangeError("Expected prompts to read a template off but found none: give at least one");
  const shortest = prompts.reduce((length, prompt) => Math.min(length, prompt.length), Infinity);
  const shared = (tokenOf: (prompt: Int32Array, i: number) => number, most: number) => {
    let count = 0;
    while (count < most && prompts.every((prompt) => tokenOf(prompt, count) === tokenOf(first, count))) count++;
    return count;
  };
  // The end may not take what the beginning has, where one instruction is empty.
  const before = shared((prompt, i) => prompt[i], shortest);
  return { before, after: shared((prompt, i) => prompt[prompt.length - 1 - i], shortest - before) };
}

/** The template of a model's chats, read off some that share nothing else. */
export function chatTemplateOf(model: Pick<LanguageModel, "encodeChat">): Template {
  return templateOf(CONTENTS.map((content) => model.encodeChat([{ role: "user", content }])));
}

/** Contents to read a chat template off: nothing in common at either end. */
export const CONTENTS: readonly string[] = ["a", "12 + 3", "The end."];

/**
 * The part that a position of a prompt of `length` tokens lies in; the last position is always the final one.
 *
 * @param template As {@linkcode templateOf} gives it.
 * @param position Of the token, from 0.
 * @param length Tokens of the prompt.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 *
 * const parts = [0, 1, 2, 3, 4, 5].map((position) => templatePart({ before: 2, after: 2 }, position, 6));
 * assertEquals(parts, ["before", "before", "instruction", "instruction", "after", "final"]);
 * ```
 */
export function templatePart({ before, after }: Template, position: number, length: number): TemplatePart {
  if (position === length - 1) return "final";
  if (position < before) return "before";
  return position >= length - after ? "after" : "instruction";
}

/**
 * The share of each part among those of some positions, 0..1; NaN of none.
 *
 * @example
 * ```ts
 * const { instruction, after } = templatePartShares(["instruction", "instruction", "final", "before"]);
 * if (instruction !== 0.5 || after !== 0) throw new Error(`${instruction} ${after}`);
 * ```
 */
export function templatePartShares(parts: readonly TemplatePart[]): Readonly<Record<TemplatePart, number>> {
  const share = (part: TemplatePart) => parts.filter((each) => each === part).length / parts.length;
  return { before: share("before"), instruction: share("instruction"), after: share("after"), final: share("final") };
}
