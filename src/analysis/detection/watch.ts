import { assertOptions } from "../../compute/known_options.ts";
import { inBatches } from "../../activations/in_batches.ts";
import type { Line } from "../../activations/lines.ts";
import { visibleJson } from "../../files/visible_text.ts";
import { number, row, type RowOf } from "../../report/row.ts";
import type { Monitor, Verdict } from "./monitor.ts";

/**
 * The memory of a process that watches.
 *
 * @internal
 */
export const MEMORY = row({
  prompts: number("prompts read so far"),
  mebibytes: number("resident memory of the process", { unit: "MiB" }),
});
/** A row of {@linkcode MEMORY}. */
export type MemoryRow = RowOf<typeof MEMORY>;

/** What is left of a stream that went by. */
export interface Watched {
  /** Lines read. */
  readonly prompts: number;
  /** Lines that could not be read. */
  readonly unreadable: number;
  /** Prompts that raised each alarm. */
  readonly alarms: ReadonlyMap<string, number>;
  /** From the first line asked for to the last verdict written. */
  readonly seconds: number;
  /** Memory of the process after so many prompts, in MiB: after each doubling, and at the end. */
  readonly memory: readonly MemoryRow[];
}

/** How a stream is read. */
export interface WatchOptions {
  /** Whether lines are JSON objects. */
  readonly json: boolean;
  /** Prompts read together at most. */
  readonly batch: number;
  /** Takes a line of JSON for each prompt, in order; false where nobody reads on, which ends the stream. */
  readonly write: (line: string) => Promise<void | boolean>;
  /** Called with the number of prompts so far and those that raised an alarm. */
  readonly onProgress?: (prompts: number, alarmed: number) => void;
}

/** Milliseconds that a batch waits for more prompts: less than a person notices. */
const PATIENCE = 20;

/** A prompt, or why there is none. */
type Input =
  & { readonly line: number }
  & ({ readonly id?: string; readonly text: string; readonly truncated: boolean } | { readonly error: string });

/**
 * Reads prompts, one a line, and writes a line of JSON with the verdict on each, distances to four decimals; for a line that
 * is no prompt one with `error`. Memory does not grow with the number of lines.
 *
 * @param lines Texts, or with `json` objects that have a field `text` or `instruction`, and perhaps `id`.
 *
 * @example
 * ```ts
 * const lines = ReadableStream.from([{ number: 1, text: '{"text": "The king"}' }, { number: 2, text: "no JSON" }]);
 * const verdict = { tokens: 3, truncated: false, distance: 0.5, beyond: 1, region: 0, farthest: null, alarms: ["ood"] };
 * const read = (prompts: readonly unknown[]) => Promise.resolve(prompts.map(() => verdict));
 * const write = () => Promise.resolve();
 * const { alarms, unreadable } = await watch({ read }, lines, { json: true, batch: 8, write });
 * if (alarms.get("ood") !== 1 || unreadable !== 1) throw new Error(`${alarms.get("ood")} ${unreadable}`);
 * ```
 */
export async function watch(
  monitor: Pick<Monitor, "read">,
  lines: AsyncIterable<Line>,
  options: WatchOptions,
): Promise<Watched> {
  assertOptions("watch", options, { json: "boolean", batch: "number", write: "function", onProgress: "function" });
  const { json, batch, write, onProgress } = options;
  const alarms = new Map<string, number>();
  const memory: MemoryRow[] = [];
  const start = performance.now();
  let [prompts, unreadable, alarmed, sampleAt] = [0, 0, 0, 1];
  const sample = () => memory.push({ prompts, mebibytes: Deno.memoryUsage().rss / 2 ** 20 });
  for await (const some of inBatches(lines, batch, PATIENCE)) {
    const inputs = some.map((line) => inputOf(line, json));
    const readable = inputs.filter((input) => "text" in input);
    const verdicts = (await monitor.read(readable.map(({ text }) => text))).values();
    const answers = inputs.map((input) => "text" in input ? recordOf(input, verdicts.next().value!) : input);
    const isRead = await write(answers.map((answer) => `${visibleJson(answer)}\n`).join(""));

    prompts += inputs.length;
    unreadable += inputs.length - readable.length;
    for (const answer of answers) {
      if (!("alarms" in answer) || answer.alarms.length === 0) continue;
      alarmed++;
      for (const alarm of answer.alarms) alarms.set(alarm, (alarms.get(alarm) ?? 0) + 1);
    }
    onProgress?.(prompts, alarmed);
    if (prompts >= sampleAt) sample();
    while (sampleAt <= prompts) sampleAt *= 2;
    if (isRead === false) break;
  }
  if (memory.at(-1)?.prompts !== prompts) sample();
  return { prompts, unreadable, alarms, seconds: (performance.now() - start) / 1000, memory };
}

function inputOf({ number: line, text, truncated = false }: Line, json: boolean): Input {
  if (!json) return { line, text, truncated };
  try {
    const fields = JSON.parse(text);
    const prompt = fields?.text ?? fields?.instruction;
    if (typeof prompt !== "string") return { line, error: "Expected an object with a field `text` or `instruction`" };
    const read = { line, text: prompt, truncated };
    return fields.id === undefined ? read : { ...read, id: String(fields.id) };
  } catch (error) {
    return { line, error: `Expected JSON: ${(error as Error).message}` };
  }
}

/** What is written of a verdict: distances to four decimals. */
function recordOf(
  { line, id, truncated: isCut }: { line: number; id?: string; truncated: boolean },
  verdict: Verdict,
) {
  const { tokens, truncated, distance, beyond, region, farthest, alarms } = verdict;
  return {
    line,
    ...(id === undefined ? {} : { id }),
    tokens,
    truncated: truncated || isCut,
    distance: rounded(distance),
    beyond: rounded(beyond),
    region,
    farthest: farthest && { ...farthest, distance: rounded(farthest.distance) },
    alarms,
  };
}

const rounded = (value: number | null) => value === null ? null : Math.round(value * 1e4) / 1e4;
