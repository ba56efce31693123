/**
 * Dictionaries of chat prompts, and where each prompt's positions went: what remains once the device's memory is given
 * back.
 */
import type { Prompt } from "../../activations/prompt.ts";
import type { CorpusEntry } from "../../activations/corpus.ts";
import { readPrompt } from "../../activations/read_prompts.ts";
import { extract, type ExtractProgress } from "../../activations/extract.ts";
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
  /** Layer of the model. */
  readonly layer: number;
  /** Percentile of its threshold, 0..100. */
  readonly percentile: number;
  /** θ, cosine distance, 0..2. */
  readonly threshold: number;
  /** Regions. */
  readonly size: number;
  /** Length of an activation. */
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
  /** The dictionaries of each stream order, by layer and percentile. */
  readonly bySeed: ReadonlyMap<number, readonly PromptPartition[]>;
  /** Settings that give no dictionary. */
  readonly failed: readonly FailedSetting[];
  /** Token positions of the prompts, which `regions` go by. */
  readonly places: Places;
  /** Token positions of the held-out prompts, which `heldout` goes by. */
  readonly heldoutPlaces: Places;
}

/** What {@linkcode partitionPrompts} needs. */
export interface PromptPlan {
  /** Where the numbers are computed. */
  readonly backend: Backend;
  /** The model, which has a chat template. */
  readonly model: LanguageModel;
  /** The layers that are read. */
  readonly layers: readonly number[];
  /** Percentiles p of the dictionaries, 0..100. */
  readonly percentiles: readonly number[];
  /** Users' turns to grow on. */
  readonly prompts: readonly Pick<CorpusEntry, "id" | "text">[];
  /** Users' turns that are only placed. */
  readonly heldout: readonly Pick<CorpusEntry, "id" | "text">[];
  /** Name of the prompts, for records. */
  readonly corpus: string;
  /** Files that they come from. */
  readonly files: readonly string[];
  /** Activations to calibrate on. */
  readonly calibration: number;
  /** Stream orders; all are grown under the first one's calibration. */
  readonly seeds: readonly number[];
  /** Put before the progress stages' names. */
  readonly label: string;
}

/**
 * Grows dictionaries on every position of chat prompts, in several stream orders and over all prompts each, and reads
 * back where the positions lie.
 *
 * @param run Keeps what each order gave, and tells its progress.
 * @param plan What is grown, from what.
 * @returns Means and regions on the host; no dictionary is left on the device.
 * @throws {Error} if the model has no chat template.
 *
 * @example
 * ```ts
 * import { openModel, partitionPrompts, runExperiment } from "../mod.ts";
 *
 * const out = await Deno.makeTempDir();
 * const code = await runExperiment({ name: "prompts", question: "", description: "" }, async (run) => {
 *   await using opened = await openModel(run);
 *   const prompts = ["Name a colour.", "Name an animal.", "Sing a song."].map((text, i) => ({ id: `${i}`, text }));
 *   const { bySeed, places } = await partitionPrompts(run, {
 *     ...opened,
 *     percentiles: [50],
 *     prompts,
 *     heldout: [{ id: "new", text: "Name a tree." }],
 *     corpus: "three prompts",
 *     files: [],
 *     calibration: 20,
 *     seeds: [0],
 *     label: "",
 *   });
 *   const [{ regions }] = bySeed.get(0)!;
 *   if (regions.length !== places.prompt.length) throw new Error("Expected a region for each place");
 * }, {
 *   args: ["--model", "fixtures/gemma-2-toy-it", "--layers", "3", "--device", "cpu", "--out", out, "--quiet"],
 *   print: console.log,
 *   printError: console.error,
 * });
 * if (code !== 0) throw new Error(`${code}`);
 * await Deno.remove(out, { recursive: true });
 * ```
 */
export async function partitionPrompts<F extends Flags>(
  run: Run<F>,
  { prompts, heldout, seeds, ...rest }: PromptPlan,
): Promise<PromptPartitions> {
  const reading = { ...rest, texts: prompts, reading: READING };
  const { calibrations, failed } = await usable(run, { ...reading, seed: seeds[0] }, rest, { required: false });
  const plan = { ...reading, calibrations, growing: { saturationWindow: Infinity, signal: run.signal } };
  const bySeed = await growOrders(run, plan, seeds, async (growths): Promise<PromptPartition[]> => {
    const stage = run.progress.stage(`${rest.label}assign`, prompts.length + heldout.length, "prompts");
    const regions = await assignAll(rest, prompts, growths, (done) => stage.set(done));
    const others = await assignAll(rest, heldout, growths, (done) => stage.set(prompts.length + done));
    stage.end();
    return growths.map(({ layer, percentile, dictionary: { threshold, size, dim, means } }, i) => {
      return { layer, percentile, threshold, size, dim, means, regions: regions[i], heldout: others[i] };
    });
  });
  return { bySeed, failed, places: placesOf(rest.model, prompts), heldoutPlaces: placesOf(rest.model, heldout) };
}

/**
 * How prompts are read: as a user's turn, cut to the published number of tokens, which is the default. Every position of
 * every prompt is a place, those of the template too.
 */
const READING = { chat: true, repeats: "each" } as const;

/** For each dictionary, the region of every place of the texts. */
async function assignAll(
  { model, backend }: Pick<PromptPlan, "model" | "backend">,
  texts: PromptPlan["prompts"],
  growths: readonly Growth[],
  onProgress: (prompts: number) => void,
): Promise<Int32Array<ArrayBuffer>[]> {
  if (growths.length === 0) return [];
  const regions: number[][] = growths.map(() => []);
  const layers = growths.map(({ layer }) => layer);
  const told = { onProgress: ({ texts }: ExtractProgress) => onProgress(texts) };
  for await (using streamed of extract(model, texts, { layers, backend, ...READING, ...told })) {
    for (const [i, { layer, dictionary }] of growths.entries()) {
      for (const region of (await dictionary.assign(batchAt(streamed, layer))).regions) regions[i].push(region);
    }
  }
  return regions.map((each) => Int32Array.from(each));
}

/** The places of texts, as `extract` orders them: by prompt, then position, without `<bos>`. */
function placesOf(model: LanguageModel, texts: PromptPlan["prompts"]): Places {
  const prompts = texts.map(({ id, text }, number) =>
    readPrompt(model, { id, text: number }, text, defaultContext(model), READING.chat)
  );
  const template = templateOf(prompts.map(({ tokens }) => tokens));
  const [prompt, position, final]: number[][] = [[], [], []];
  const part: TemplatePart[] = [];
  prompts.forEach(({ tokens }, i) => {
    for (let index = 1; index < tokens.length; index++) {
      prompt.push(i);
      position.push(index);
      part.push(templatePart(template, index, tokens.length));
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
