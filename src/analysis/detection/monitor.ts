import type { Prompt } from "../../activations/batch.ts";
import { keptPositions } from "../../activations/extractor.ts";
import { extract, type Text, type TokenIds } from "../../activations/extract.ts";
import { bosOf, type StreamSource } from "../../activations/source.ts";
import { batchAt } from "../../activations/stream.ts";
import type { Matrix } from "../../compute/backend.ts";
import { assertOptions, type OptionNames } from "../../compute/known_options.ts";
import type { LanguageModel } from "../../model/types.ts";
import type { Dictionary } from "../../partition/dictionary.ts";
import { directionsOf } from "../../partition/directions.ts";
import { nearestRegions } from "../../partition/leader.ts";
import { chatTemplateOf, CONTENTS, type Template, templatePart } from "../../activations/template_parts.ts";

/** What a monitor watches with. */
export interface MonitorParts {
  /** The model whose prompts are read, at the dictionary's hook whatever its own is. */
  readonly model: LanguageModel;
  /** Its source says how prompts are read, and where in the model. */
  readonly dictionary: Dictionary;
  /** Mean distance above which a prompt is told as `ood`; default infinite, never. */
  readonly threshold?: number;
  /** Regions to tell when a prompt's final position lies in one of them, by the name of what they stand for. */
  readonly handles?: ReadonlyMap<string, ReadonlySet<number>>;
}

const OPTIONS: OptionNames<MonitorParts> = { model: true, dictionary: true, threshold: true, handles: true };

/** What a monitor says of one prompt. Its own tokens are those that are neither `<bos>` nor of the chat template. */
export interface Verdict {
  /** Tokens read, `<bos>` and template included. */
  readonly tokens: number;
  /** Mean over its own tokens of the distance to the nearest exemplar that is not the template's; null without any. */
  readonly distance: number | null;
  /** Share of its own tokens farther than the dictionary's threshold from all of those; null where it has none. */
  readonly beyond: number | null;
  /** Region of its final position; null where that is the first, mostly `<bos>`. */
  readonly region: number | null;
  /** Its own token farthest from every exemplar; null where it has none. */
  readonly farthest: { readonly position: number; readonly token: string; readonly distance: number } | null;
  /** `ood`, and the handles that fired. */
  readonly alarms: readonly string[];
}

/**
 * Reads prompts as a dictionary was built and tells which of them are far from its exemplars, or in regions to watch.
 *
 * Regions that hold tokens of the chat template are no measure of distance: they stand for no text, and tokens that a
 * model has hardly been trained on can lie near its special ones.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { atLayer, describeStream, extract } from "../../activations/mod.ts";
 * import { loadModel } from "../../model/mod.ts";
 * import { Dictionary } from "../../partition/mod.ts";
 *
 * await using model = await loadModel("fixtures/gemma-2-toy", { device: "cpu" });
 * const source = describeStream({ model, layer: 3, corpus: "one text", context: 8 });
 * const calibration = { center: new Float32Array(model.dim), threshold: 0.1, source };
 * using dictionary = await Dictionary.create(calibration, { backend: "cpu" });
 * const known = "The king said that the war was over.";
 * const stream = extract(model, [known], { layers: [3], context: 8 });
 * for await (const batch of atLayer(stream, 3)) await dictionary.add(batch);
 *
 * using monitor = await Monitor.create({ model, dictionary, threshold: 0.1 });
 * const [old, strange] = await monitor.read([known, "for (;;) { x++; }"]);
 * assertEquals([old.alarms, strange.alarms], [[], ["ood"]]);
 * ```
 */
export class Monitor implements Disposable {
  readonly #source: StreamSource;
  /** Absent where prompts are plain text. */
  readonly #template?: Template;
  /** Exemplars that distances are taken to, `regions x dim`, where they are not all of the dictionary's. */
  readonly #exemplars?: Matrix;
  #isDisposed = false;

  private constructor(readonly parts: MonitorParts, exemplars?: Matrix, template?: Template) {
    this.#source = parts.dictionary.source!;
    this.#exemplars = exemplars;
    this.#template = template;
  }

  /**
   * A monitor. It holds a copy of the exemplars where there is a chat template.
   *
   * @throws {Error} if the dictionary does not say how it was read, was not built on every position, has no region but
   * the template's, is of a hook that the model does not have, or was read with another rule for `<bos>`.
   */
  static async create(options: MonitorParts): Promise<Monitor> {
    assertOptions("a monitor", options, OPTIONS);
    const { dictionary, threshold = Infinity } = options;
    if (!(threshold >= 0)) throw new RangeError(`Expected a threshold from 0 on but found ${threshold}`);
    const { source } = dictionary;
    if (source?.extractor !== "per-position") {
      throw new Error(
        `Expected a dictionary of every position that says how it was read but found ` +
          `${source ? `one of the extractor ${source.extractor}` : "one without a source"}: build one with discover`,
      );
    }
    const model = await options.model.withHook(source.hook.at);
    if (model.bos !== bosOf(source)) {
      throw new Error(
        `Expected a model loaded with bos "${bosOf(source)}", as the dictionary was built, but found one with bos ` +
          `"${model.bos}": load it so`,
      );
    }
    const parts = { ...options, model };
    if (!source.chat) return new Monitor(parts);
    const { template, regions } = await readTemplate(model, dictionary, source);
    const others = [...Array(dictionary.size).keys()].filter((region) => !regions.has(region));
    if (others.length === 0) {
      throw new Error(
        `Expected regions of text but all ${dictionary.size} hold tokens of the chat template: use a finer p`,
      );
    }
    return new Monitor(parts, await dictionary.exemplarMatrix(others), template);
  }

  /**
   * Reads prompts together; what it holds is given back before it returns.
   *
   * @throws {Error} if the monitor, the dictionary or the model was disposed.
   */
  async read(prompts: readonly (Text | TokenIds)[]): Promise<Verdict[]> {
    if (this.#isDisposed) {
      throw new Error("Expected a monitor in use but found a disposed one: keep it until the last use");
    }
    if (prompts.length === 0) return [];
    const { model, dictionary } = this.parts;
    const { backend, threshold, center } = dictionary;
    const { hook: { layer }, extractor, context, chat } = this.#source;
    // Every position is scored, whatever the dictionary was grown on.
    const options = { layers: [layer], backend, extractor, context, chat, repeats: "each" as const };
    // As many prompts a batch as there are: one batch comes.
    const [read] = await Array.fromAsync(extract(model, prompts, { ...options, batchPrompts: prompts.length }));
    using streamed = read;
    using directions = await directionsOf(backend, batchAt(streamed, layer), center);
    const { regions, distances: toAll } = await dictionary.nearest(directions);
    const distances = this.#exemplars
      ? (await nearestRegions(backend, directions, this.#exemplars, threshold)).distances
      : toAll;
    let start = 0;
    return streamed.prompts.map((prompt) => {
      const { count } = keptPositions(extractor, prompt.tokens.length);
      const verdict = this.#verdict(prompt, distances.subarray(start, start + count));
      const region = count > 0 ? regions[start + count - 1] : null;
      start += count;
      return { ...verdict, region, alarms: this.#alarms(verdict.distance, region) };
    });
  }

  /** Gives its copy of the exemplars back; model and dictionary are their makers'. */
  dispose(): void {
    this.#isDisposed = true;
    this.#exemplars?.dispose();
  }

  /** As {@linkcode Monitor.dispose}, for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  /** @param distances Of every position after the first. */
  #verdict(prompt: Prompt, distances: Float32Array): Omit<Verdict, "region" | "alarms"> {
    const tokens = prompt.tokens.length;
    const own = [...distances.keys()].map((row) => row + 1).filter((position) =>
      !this.#template || templatePart(this.#template, position, tokens) === "instruction"
    );
    if (own.length === 0) return { tokens, distance: null, beyond: null, farthest: null };
    const distanceAt = (position: number) => distances[position - 1];
    const position = own.reduce((a, b) => distanceAt(b) > distanceAt(a) ? b : a);
    return {
      tokens,
      distance: own.reduce((sum, place) => sum + distanceAt(place), 0) / own.length,
      beyond: own.filter((place) => distanceAt(place) > this.parts.dictionary.threshold).length / own.length,
      farthest: { position, token: prompt.excerpt(position).token, distance: distanceAt(position) },
    };
  }

  #alarms(distance: number | null, region: number | null): string[] {
    const { threshold = Infinity, handles = new Map<string, ReadonlySet<number>>() } = this.parts;
    const fired = [...handles].filter(([, regions]) => region !== null && regions.has(region)).map(([name]) => name);
    return distance !== null && distance > threshold ? ["ood", ...fired] : fired;
  }
}

/** The chat template of a model, and the regions that its tokens lie in. */
async function readTemplate(
  model: LanguageModel,
  dictionary: Dictionary,
  { hook: { layer }, context }: StreamSource,
): Promise<{ template: Template; regions: Set<number> }> {
  const template = chatTemplateOf(model);
  const [first] = await Array.fromAsync(
    extract(model, CONTENTS, {
      ...{ layers: [layer], backend: dictionary.backend, context, chat: true },
      // Every token of the template, in every prompt.
      repeats: "each",
    }),
  );
  using streamed = first;
  const batch = batchAt(streamed, layer);
  const { regions } = await dictionary.assign(batch);
  const { prompt, position } = batch.provenance!;
  const isTemplate = (row: number) =>
    templatePart(template, position[row], streamed.prompts[prompt[row]].tokens.length) !== "instruction";
  return { template, regions: new Set(regions.filter((_, row) => isTemplate(row))) };
}
