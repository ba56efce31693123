import { Random } from "../compute/random.ts";
import type { TokenIds } from "./extract.ts";

/** Prompts to copy the lengths and first tokens of. */
export type TokenPrompts = readonly { readonly id: string; readonly tokens: Int32Array }[];

/**
 * Prompts of ids drawn uniformly from the whole vocabulary, special tokens included; each is as long as one of
 * `prompts` and keeps its first token: `<bos>`, or else context that is no activation.
 *
 * @param vocab Size of the vocabulary.
 * @param seed Any whole number: the same seed gives the same ids.
 *
 * @example
 * ```ts
 * const [{ tokens }] = uniformTokens([{ id: "a", tokens: Int32Array.of(2, 10, 11) }], 4096, 0);
 * if (tokens.length !== 3 || tokens[0] !== 2) throw new Error(`${tokens}`);
 * ```
 */
export function uniformTokens(prompts: TokenPrompts, vocab: number, seed: number): Required<TokenIds>[] {
  const random = new Random(seed);
  return prompts.map(({ id, tokens }) => ({
    id: `uniform ${id}`,
    tokens: tokens.map((token, position) => position === 0 ? token : random.integer(vocab)),
  }));
}

/**
 * Prompts with their tokens in a random order, the first left where it is: each token as frequent as before, but
 * without its context.
 *
 * @param seed Any whole number: the same seed gives the same order.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 *
 * const [{ tokens }] = shuffledTokens([{ id: "a", tokens: Int32Array.of(2, 10, 11, 12) }], 0);
 * assertEquals(tokens[0], 2);
 * assertEquals(Array.from(tokens).sort((a, b) => a - b), [2, 10, 11, 12]);
 * ```
 */
export function shuffledTokens(prompts: TokenPrompts, seed: number): Required<TokenIds>[] {
  const random = new Random(seed);
  return prompts.map(({ id, tokens }) => ({
    id: `shuffled ${id}`,
    tokens: Int32Array.from([...tokens.slice(0, 1), ...random.shuffle([...tokens.slice(1)])]),
  }));
}
