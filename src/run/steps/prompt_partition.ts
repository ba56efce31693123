/** Dictionaries of chat prompts, and where each prompt's positions went: what remains once the device's memory is given back. */
import type { Prompt } from "../../activations/batch.ts";
import type { CorpusEntry } from "../../activations/corpus.ts";
import { readPrompt } from "../../activations/prompt.ts";
import { extract } from "../../activations/extract.ts";
import { defaultContext } from "../../activations/source.ts";
import { batchAt } from "../../activations/stream.ts";
import { templateOf, type TemplatePart, templatePart } from "../../activations/template_parts.ts";
import type { Backend } from "../../compute/backend.ts";
import type { LanguageModel } from "../../model/types.ts";
import type { Growth } from "../../partition/growth.ts";
import type { Run } from "../experiment.ts";
import type { Flags } from "../command/flags.ts";
import type { FailedSetting } from "../../partition/usable.ts";
import { usable } from "./grow.ts";
import { growOrders } from "./orders.ts";

/** One dictionary of chat prompts. */
export interface PromptPartition {
  readonly layer: number;
  readonly percentile: number;
  readonly threshold: number;
  readonly size: number;
  readonly dim: number;
  /** Unit mean directions, `size x dim`. */
  readonly means: Float32Array<ArrayBuffer>;
  /** Region of every place of the prompts. */
  readonly regions: Int32Array<ArrayBuffer>;
  /** Region of every place of the prompts that it was not grown on. */
  readonly heldout: Int32Array<ArrayBuffer>;
}

/** Token positions of some prompts, one an activation, in the prompts' own order. */
export interface Places {
  /** The prompts as the model read them. */
  readonly prompts: readonly Prompt[];
  /** For each place, an index into `prompts`. */
  readonly prompt: Int32Array<ArrayBuffer>;
  /** For each place, its token position. */
  readonly position: Int32Array<ArrayBuffer>;
  /** For each place, the part of the chat template that it lies in. */
  readonly part: readonly TemplatePart[];
  /** The place of each prompt's final position. */
  readonly final: Int32Array<ArrayBuffer>;
}

/** Partitions by seed, and what they partition. */
export interface PromptPartitions {
  readonly bySeed: ReadonlyMap<number, readonly PromptPartition[]>;
  /** Settings that give no dictionary. */
  readonly failed: readonly FailedSetting[];
  readonly places: Places;
  readonly heldoutPlaces: Places;
}

/** What {@linkcode partitionPrompts} needs. */
export interface PromptPlan {
  readonly backend: Backend;
  readonly model: LanguageModel;
  readonly layers: readonly number[];
  readonly percentiles: readonly number[];
  readonly prompts: readonly CorpusEntry[];
  readonly heldout: readonly CorpusEntry[];
  /** Name of the prompts, and their files. */
  readonly corpus: string;
  readonly files: readonly string[];
  /** Activations to calibrate on. */
  readonly calibration: number;
  /** Stream orders; all are grown under the first one's calibration. */
  readonly seeds: readonly number[];
  /** Put before the progress stages' names. */
  readonly label: string;
}

/**
 * Grows dictionaries on every position of chat prompts, in several stream orders and over all prompts each, and reads back
 * where the positions lie.
 */
export async function partitionPrompts<F extends Flags>(
  run: Run<F>,
  { prompts, heldout, seeds, ...rest }: PromptPlan,
): Promise<PromptPartitions> {
  const reading = { ...rest, texts: prompts, reading: READING };
  const { calibrations, failed } = await usable(run, { ...reading, seed: seeds[0] }, rest, { required: false });
  const plan = { ...reading, calibrations, growing: { saturationWindow: Infinity, signal: run.signal } };
  const bySeed = await growOrders(run, plan, seeds, async (growths): Promise<PromptPartition[]> => {
    const [regions, others] = [await assignAll(rest, prompts, growths), await assignAll(rest, heldout, growths)];
    return growths.map(({ layer, percentile, dictionary: { threshold, size, dim, means } }, i) => {
      return { layer, percentile, threshold, size, dim, means, regions: regions[i], heldout: others[i] };
    });
  });
  return { bySeed, failed, places: placesOf(rest.model, prompts), heldoutPlaces: placesOf(rest.model, heldout) };
}

/** How prompts are read: as a user's turn, cut to the published number of tokens, which is the default. */
const READING = { chat: true };

/** For each dictionary, the region of every place of the texts. */
async function assignAll(
  { model, backend }: Pick<PromptPlan, "model" | "backend">,
  texts: readonly CorpusEntry[],
  growths: readonly Growth[],
): Promise<Int32Array<ArrayBuffer>[]> {
  if (growths.length === 0) return [];
  const regions: number[][] = growths.map(() => []);
  const layers = growths.map(({ layer }) => layer);
  for await (const streamed of extract(model, texts, { layers, backend, ...READING })) {
    for (const [i, { layer, dictionary }] of growths.entries()) {
      for (const region of (await dictionary.assign(batchAt(streamed, layer))).regions) regions[i].push(region);
    }
    streamed.dispose();
  }
  return regions.map((each) => Int32Array.from(each));
}

/** The places of texts, as `extract` orders them: by prompt, then position, without `<bos>`. */
function placesOf(model: LanguageModel, texts: readonly CorpusEntry[]): Places {
  const prompts = texts.map(({ id, text }) => readPrompt(model, id, text, defaultContext(model), READING.chat));
  const template = templateOf(prompts.map(({ tokens }) => tokens));
  const [prompt, position, final]: number[][] = [[], [], []];
  const part: TemplatePart[] = [];
  prompts.forEach(({ tokens }, i) => {
    for (let at = 1; at < tokens.length; at++) {
      prompt.push(i);
      position.push(at);
      part.push(templatePart(template, at, tokens.length));
    }
    final.push(part.length - 1);
  });
  return {
    prompts,
    prompt: Int32Array.from(prompt),
    position: Int32Array.from(position),
    part,
    final: Int32Array.from(final),
  };
}
