/** Grows dictionaries at several layers and percentiles, and picks the one to watch with. */
import type { Backend } from "../../../src/compute/mod.ts";
import type { LanguageModel } from "../../../src/model/mod.ts";
import { type Dictionary, usableSettings } from "../../../src/partition/mod.ts";
import {
  calibrationsFor,
  type CommonFlags,
  contextOf,
  type Flags,
  grow,
  type GrowPlan,
  type Run,
} from "../../../src/run/mod.ts";
import { type Instructions, type RefusalHandle, refusalHandle } from "./handle.ts";
import type { MonitorTexts, TextFlags } from "./texts.ts";

/** A layer and percentile that was tried. */
export interface TriedSetting {
  readonly layer: number;
  readonly percentile: number;
  readonly threshold: number;
  /** NaN where the threshold is too small for a dictionary. */
  readonly regions: number;
  /** Regions that hold final tokens of instructions, and how well they tell refused ones: balanced accuracy. */
  readonly occupied: number;
  readonly accuracy: number;
  readonly chosen: boolean;
}

/** What {@linkcode growDictionary} needs. */
export interface DictionaryPlan {
  readonly backend: Backend;
  readonly model: LanguageModel;
  readonly texts: MonitorTexts;
  readonly chat: boolean;
  readonly instructions?: Instructions;
}

/**
 * Grows the dictionaries that the flags ask for and keeps the one whose regions tell refusal best on the instructions
 * that they were built on; without instructions the one in the middle.
 */
export async function growDictionary<F extends Flags>(
  run: Run<F> & {
    readonly flags: CommonFlags & TextFlags & { readonly calibration: number; readonly context: number };
  },
  { backend, model, texts, chat, instructions }: DictionaryPlan,
): Promise<{ dictionary: Dictionary; settings: TriedSetting[] }> {
  const { corpus, split, harmful, harmless, seed, calibration, percentiles, maxTokens } = run.flags;
  const files = chat ? [corpus, harmful, harmless] : [corpus];
  const plan: GrowPlan = {
    ...{ backend, model, files, seed, calibration, percentiles },
    layers: run.layers(model.layers),
    texts: texts.build,
    corpus: `${files.join(" + ")}, split ${split}`,
    reading: { chat, context: contextOf(run, model, "context") },
    growing: { maxTokens, signal: run.signal },
  };
  const { calibrations, failed } = await usableSettings(await calibrationsFor(run, plan), backend);
  if (calibrations.size === 0) throw new Error(failed[0].reason);
  const { growths } = await grow(run, { ...plan, calibration: calibrations });
  const handles: (RefusalHandle | undefined)[] = [];
  for (const { layer, percentile, dictionary } of growths) {
    const name = `refusal in layer ${layer}, p ${percentile}`;
    handles.push(instructions && await run.kept(name, () => refusalHandle(model, dictionary, instructions)));
  }
  const accuracy = (i: number) => handles[i]?.accuracy ?? NaN;
  const best = instructions
    ? [...growths.keys()].reduce((a, b) => accuracy(b) > accuracy(a) ? b : a)
    : growths.length >> 1;
  const settings = growths.map(({ layer, percentile, dictionary: { threshold, size } }, i) => ({
    ...{ layer, percentile, threshold, regions: size, occupied: handles[i]?.occupied ?? NaN },
    ...{ accuracy: accuracy(i), chosen: i === best },
  }));
  const unusable = failed.map(({ layer, percentile, threshold }) => ({
    ...{ layer, percentile, threshold, regions: NaN, occupied: NaN, accuracy: NaN, chosen: false },
  }));
  for (const [i, { dictionary }] of growths.entries()) if (i !== best) dictionary.dispose();
  return {
    dictionary: growths[best].dictionary,
    settings: [...settings, ...unusable].sort((a, b) => a.layer - b.layer || a.percentile - b.percentile),
  };
}
