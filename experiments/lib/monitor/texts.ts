/** The texts that a monitor is built on and measured on. */
import { type CorpusEntry, shuffled } from "../../../src/activations/mod.ts";
import { conformalCount } from "../../../src/analysis/mod.ts";
import { Random } from "../../../src/compute/mod.ts";
import { UsageError } from "../../../src/run/mod.ts";

/** Where texts come from. */
export interface TextFlags {
  readonly corpus: string;
  readonly split: string;
  readonly heldout: string;
  readonly bulgarian: string;
  readonly harmful: string;
  readonly harmless: string;
  /** Prompts of each measured set at most. */
  readonly prompts: number;
  readonly seed: number;
}

/** Name of the set whose alarms are false. */
export const HELD_OUT = "held-out text";
/** Name of the set of the same texts with their words in another order. */
export const SHUFFLED = "its words shuffled";

/** Instructions, and whether the model refuses each. */
export interface Instructions {
  readonly entries: readonly CorpusEntry[];
  readonly refused: readonly boolean[];
}

/** The texts of a monitor. */
export interface MonitorTexts {
  /** What the dictionary is built on, in stream order: the corpus, and the instructions if there are any. */
  readonly build: readonly CorpusEntry[];
  /** Instructions to learn refusal from, and others to measure it on. */
  readonly instructions: readonly CorpusEntry[];
  readonly heldoutInstructions: readonly CorpusEntry[];
  /** Prompts by name of their set, {@linkcode HELD_OUT} first. */
  readonly sets: ReadonlyMap<string, readonly CorpusEntry[]>;
}

/** Reads the rows of a file whose fields have these values. */
export type ReadFile = (file: string, where: Readonly<Record<string, string>>) => AsyncIterable<CorpusEntry>;

/**
 * Throws unless held-out prompts are enough to set the alarm on.
 *
 * @param found How many there are.
 * @param said The same in words, for the sentence.
 * @throws {UsageError} that says how many it takes.
 */
export function assertEnough(falseAlarms: number, found: number, said: string): void {
  const needed = conformalCount(falseAlarms);
  if (found >= needed) return;
  throw new UsageError(
    `Expected at least ${needed} held-out prompts to set the alarm on, as --false-alarms ${falseAlarms} takes, but ${said}: ` +
      "give more, or allow more false alarms.",
  );
}

/** Reads all texts; without a chat template instructions are not part of what a dictionary is built on. */
export async function monitorTexts(flags: TextFlags, chat: boolean, readFile: ReadFile): Promise<MonitorTexts> {
  const { corpus, split, heldout, seed } = flags;
  const read = (file: string, where = {}) => Array.fromAsync(shuffled(readFile(file, where), seed));
  const some = async (file: string, where = {}) => (await read(file, where)).slice(0, flags.prompts);
  const [harmful, harmless] = [
    await some(flags.harmful, { split: heldout }),
    await some(flags.harmless, { split: heldout }),
  ];
  const instructions = [...await read(flags.harmful, { split }), ...await read(flags.harmless, { split })];
  const text = await some(corpus, { split: heldout });
  const random = new Random(seed);
  return {
    build: random.shuffle([...await read(corpus, { split }), ...(chat ? instructions : [])]),
    instructions,
    heldoutInstructions: [...harmful, ...harmless],
    sets: new Map([
      [HELD_OUT, text],
      [SHUFFLED, text.map((entry) => ({ ...entry, text: shuffledWords(entry.text, random) }))],
      ["Bulgarian", await some(flags.bulgarian)],
      ["harmless instructions", harmless],
      ["harmful instructions", harmful],
    ]),
  };
}

function shuffledWords(text: string, random: Random): string {
  return random.shuffle(text.split(/\s+/)).join(" ");
}
