import type { StreamRecord } from "./manifest.ts";
import { formatNumber } from "./text.ts";

/**
 * Why a stream was read no further, as a clause.
 *
 * @example
 * ```ts
 * const because = endedBecause({ ended: "saturated", dictionaries: 3 });
 * if (because !== "all 3 dictionaries were saturated") throw new Error(because);
 * ```
 */
export function endedBecause({ ended, dictionaries }: Pick<StreamRecord, "ended" | "dictionaries">): string {
  switch (ended) {
    case "saturated":
      if (dictionaries < 3) {
        return dictionaries === 1 ? "the dictionary was saturated" : "both dictionaries were saturated";
      }
      return `all ${dictionaries} dictionaries were saturated`;
    case "budget":
      return "the budget was spent";
    case "stream":
      return "there was no more";
    default:
      return ended satisfies never;
  }
}

/**
 * How far a stream was read and why no further, and what dictionaries that were saturated before did not take, in
 * sentences.
 *
 * @example
 * ```ts
 * const read = { stream: "", texts: 896, of: 2000, tokens: 12_000, activations: 11_307, dictionaries: 3 };
 * const ended = { ended: "saturated", saturated: 3, foundedUntil: 8327, beyond: 40 } as const;
 * const text = streamText({ ...read, ...ended });
 * if (!text.startsWith("Reading stopped after 896 of 2,000 texts, because all 3 dictionaries were saturated.")) {
 *   throw new Error(text);
 * }
 * ```
 */
export function streamText(record: StreamRecord): string {
  const { texts, unfinished = 0, of, activations, dictionaries, foundedUntil, beyond, ended } = record;
  const begun = unfinished === 0 ? "" : `, ${formatNumber(unfinished)} of them not to the end`;
  const count = of === null ? formatNumber(texts) : `${formatNumber(texts)} of ${formatNumber(of)}`;
  const reading = ended === "stream"
    ? `All ${formatNumber(texts)} texts were read.`
    : `Reading stopped after ${count} texts${begun}, because ${endedBecause(record)}.`;
  if (foundedUntil >= activations) return reading;
  const which = dictionaries === 1 ? "The dictionary was saturated" : "The first dictionary was saturated";
  const later = beyond > 0
    ? `up to ${formatNumber(beyond)} of those that came later lie beyond θ and belong to no region`
    : "all that came later lie within θ";
  return `${reading} ${which} and founded no more after ${formatNumber(foundedUntil)} of ${
    formatNumber(activations)
  } ` +
    `activations; ${later}.`;
}
