/** The prompts that dictionaries are grown on, and those that interventions are tried on. */
import type { CorpusEntry } from "../../../src/activations/mod.ts";
import type { RefusalSet } from "../../../src/analysis/mod.ts";

/** Where prompts come from, and how many are taken. */
export interface PromptFlags {
  readonly corpus: string;
  readonly harmless: string;
  readonly other: string;
  readonly prompts: number;
  readonly heldout: number;
}

/** The first prompts of each file and split. */
export interface RefusalPrompts {
  /** Harmful ones, then harmless ones. */
  readonly build: readonly CorpusEntry[];
  /** Whether each of these is harmful. */
  readonly isHarmful: readonly boolean[];
  /** Prompts that no dictionary is grown on. */
  readonly tried: Readonly<Record<RefusalSet, readonly CorpusEntry[]>>;
}

/** Reads the rows of a file whose fields have these values. */
export type ReadFile = (file: string, where: Readonly<Record<string, string>>) => AsyncIterable<CorpusEntry>;

/** Reads all prompts. */
export async function refusalPrompts(flags: PromptFlags, readFile: ReadFile): Promise<RefusalPrompts> {
  const first = async (file: string, split: string, count: number) =>
    (await Array.fromAsync(readFile(file, { split }))).slice(0, count);
  const harmful = await first(flags.corpus, "train", flags.prompts);
  const harmless = await first(flags.harmless, "train", flags.prompts);
  return {
    build: [...harmful, ...harmless],
    isHarmful: [...harmful.map(() => true), ...harmless.map(() => false)],
    tried: {
      harmful: await first(flags.corpus, "heldout", flags.heldout),
      harmless: await first(flags.harmless, "heldout", flags.heldout),
      others: await first(flags.other, "heldout", flags.heldout),
    },
  };
}
