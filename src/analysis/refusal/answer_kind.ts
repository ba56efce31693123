import { isRefusal } from "./refusals.ts";

/** What became of an answer under an intervention. */
export type AnswerKind = "unchanged" | "coherent refusal" | "degenerate loop" | "other text";

/** All kinds, in the order that {@linkcode answerKind} tries them. */
export const ANSWER_KINDS: readonly AnswerKind[] = ["unchanged", "degenerate loop", "coherent refusal", "other text"];

/**
 * What became of an answer: the same text as before, a loop (refusing or not), a refusal that is no loop, or another text.
 *
 * @param answer The answer under the intervention.
 * @param before The answer to the same prompt without it.
 */
export function answerKind(answer: string, before: string): AnswerKind {
  if (answer === before) return "unchanged";
  if (endsInLoop(answer)) return "degenerate loop";
  return isRefusal(answer) ? "coherent refusal" : "other text";
}

/** Share of each kind among answers, in the order of {@linkcode ANSWER_KINDS}. */
export function kindShares(answers: readonly string[], before: readonly string[]): number[] {
  const kinds = answers.map((answer, i) => answerKind(answer, before[i]));
  return ANSWER_KINDS.map((kind) => kinds.filter((other) => other === kind).length / kinds.length);
}

/** Copies of a unit, and characters that they take together, that make a loop. */
const COPIES = 3;
const LOOP = 20;

/**
 * Whether a text ends in three copies of one unit or more, 20 characters or more together. Greedy decoding that has broken
 * down ends like this.
 *
 * @example
 * ```ts
 * if (!endsInLoop("Well, I am I am I am I am I am") || endsInLoop("That is that, and this is this.")) throw new Error();
 * ```
 */
export function endsInLoop(text: string): boolean {
  const last = text.length - 1;
  for (let period = 1; period * COPIES <= text.length; period++) {
    let equal = 0;
    while (equal + period <= last && text[last - equal] === text[last - equal - period]) equal++;
    if (equal + period >= Math.max(COPIES * period, LOOP)) return true;
  }
  return false;
}
