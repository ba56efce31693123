/** Regions that stand for refusal: where the final tokens of refused instructions lie. */
import { batchAt, type CorpusEntry, extract } from "../../../src/activations/mod.ts";
import { balancedAccuracy, isRefusal, splitByLabel } from "../../../src/analysis/mod.ts";
import type { LanguageModel } from "../../../src/model/mod.ts";
import type { Dictionary } from "../../../src/partition/mod.ts";
import { type Flags, keptAnswers, type Run } from "../../../src/run/mod.ts";

/** Instructions, and whether the model refuses each. */
export interface Instructions {
  readonly entries: readonly CorpusEntry[];
  readonly refused: readonly boolean[];
}

/** How a dictionary tells refusal. */
export interface RefusalHandle {
  /** Regions in which refused instructions are over-represented, of at least {@linkcode MEMBERS}. */
  readonly regions: ReadonlySet<number>;
  /** Regions that hold the final token of an instruction. */
  readonly occupied: number;
  /** Balanced accuracy on the instructions that it was made from; 0.5 is chance. */
  readonly accuracy: number;
}

/** What a handle does on other instructions. */
export interface HandleRates {
  /** Instructions that the model refuses, and the share of them that raise the alarm. */
  readonly refused: number;
  readonly sensitivity: number;
  /** Instructions that the model answers, and the share of them that raise the alarm. */
  readonly answered: number;
  readonly falseAlarms: number;
}

/** Final tokens that a region must hold before it says anything. */
const MEMBERS = 5;

/** Lets the model answer, and sees which instructions it refuses; `name` is the instructions'. */
export async function labelRefusals<F extends Flags>(
  run: Run<F>,
  name: string,
  model: LanguageModel,
  entries: readonly CorpusEntry[],
  tokens: number,
): Promise<Instructions> {
  return { entries, refused: (await keptAnswers(run, name, model, entries, tokens)).map(isRefusal) };
}

/** Finds the regions of a dictionary that tell refused instructions. */
export async function refusalHandle(
  model: LanguageModel,
  dictionary: Dictionary,
  { entries, refused }: Instructions,
): Promise<RefusalHandle> {
  const regions = await finalRegions(model, dictionary, entries);
  const split = splitByLabel(regions, refused);
  const rate = refused.filter(Boolean).length / refused.length;
  const telling = split.filter(({ members, share }) => members >= MEMBERS && share > rate);
  return {
    regions: new Set(telling.map(({ region }) => region)),
    occupied: split.length,
    accuracy: balancedAccuracy(split, rate, regions, refused),
  };
}

/** Measures a handle on instructions that it was not made from. */
export async function measureHandle(
  model: LanguageModel,
  dictionary: Dictionary,
  handle: RefusalHandle,
  { entries, refused }: Instructions,
): Promise<HandleRates> {
  const alarms = (await finalRegions(model, dictionary, entries)).map((region) => handle.regions.has(region));
  const share = (label: boolean) => {
    const own = alarms.filter((_, i) => refused[i] === label);
    return { count: own.length, alarmed: own.filter(Boolean).length / own.length };
  };
  const [yes, no] = [share(true), share(false)];
  return { refused: yes.count, sensitivity: yes.alarmed, answered: no.count, falseAlarms: no.alarmed };
}

/** The region of each instruction's final token. */
async function finalRegions(
  model: LanguageModel,
  dictionary: Dictionary,
  entries: readonly CorpusEntry[],
): Promise<number[]> {
  const { hook: { layer }, context, chat } = dictionary.source!;
  const regions: number[] = [];
  const options = { layers: [layer], backend: dictionary.backend, extractor: "final-position", context, chat } as const;
  for await (const streamed of extract(model, entries, options)) {
    regions.push(...(await dictionary.assign(batchAt(streamed, layer))).regions);
    streamed.dispose();
  }
  return regions;
}
