import type { Prompt } from "../../activations/prompt.ts";
import { assertEntry, assertTexts, extract, type Text, type TokenIds } from "../../activations/extract.ts";
import { assertContext, assertSameModel, type StreamSource, tokensDifference } from "../../activations/source.ts";
import { batchAt } from "../../activations/stream.ts";
import type { Matrix } from "../../compute/backend.ts";
import { assertKind } from "../../compute/kinds.ts";
import { assertOptions, type OptionKinds } from "../../compute/known_options.ts";
import type { LanguageModel } from "../../model/types.ts";
import { Dictionary } from "../../partition/dictionary.ts";
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

const OPTIONS: OptionKinds<MonitorParts> = { model: "model", dictionary: "object", threshold: "number", handles: Map };

/**
 * What a monitor says of one prompt, however many windows it was read in. Its own tokens are those that are neither
 * `<bos>` nor of the chat template.
 */
export interface Verdict {
  /** Tokens read, `<bos>` and template included. */
  readonly tokens: number;
  /** Whether the prompt goes on behind them: it has more than 1,048,576 characters, or is of more ids than a context. */
  readonly truncated: boolean;
  /** Mean over its own tokens of the distance to the nearest exemplar that is not the template's; null without any. */
  readonly distance: number | null;
  /** Share of its own tokens farther than the dictionary's threshold from all of those; null where it has none. */
  readonly beyond: number | null;
  /** Region of its final position; null where that is the first, mostly `<bos>`. */
  readonly region: number | null;
  /** Its own token farthest from every exemplar, by its position in the whole prompt; null where it has none. */
  readonly farthest: { readonly position: number; readonly token: string; readonly distance: number } | null;
  /** `ood`, and the handles that fired. */
  readonly alarms: readonly string[];
}

/** Characters that are read of a text: a million take minutes on a small model. */
const MOST_CHARACTERS = 2 ** 20;
/** Windows read together. */
const BATCH = 128;

/**
 * Reads prompts as a dictionary was built and tells which of them are far from its exemplars, or in regions to watch.
 *
 * Texts longer than the dictionary's context are read in windows as it was built, all of them, and scored as one:
 * means are over all tokens. A chat's windows are parts of its message, each in the template; it is told by a handle
 * where one of them ends in its regions.
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
   * @throws {Error} if the dictionary is of another model, does not say how it was read, was not built on every position, has no region but
   * the template's, is of a hook that the model does not have, or was read with another rule for `<bos>` or a longer
   * context than the model has.
   */
  static async create(options: MonitorParts): Promise<Monitor> {
    assertOptions("a monitor", options, OPTIONS);
    const { dictionary, threshold = Infinity } = options;
    assertKind("model of a monitor", options.model, "model");
    assertKind("dictionary of a monitor", dictionary, Dictionary);
    if (!(threshold >= 0)) throw new RangeError(`Expected a threshold from 0 on but found ${threshold}`);
    const { source } = dictionary;
    if (source?.extractor !== "per-position") {
      throw new Error(
        `Expected a dictionary of every position that says how it was read but found ` +
          `${
            source ? `one of the extractor ${source.extractor}` : "one without a source"
          }: calibrate and build it on ` +
          "batches of extract, or create it with a source (describeStream)",
      );
    }
    assertSameModel(source, options.model, "give that model, or a dictionary of this one");
    const model = await options.model.withHook(source.hook.at);
    const other = tokensDifference(source, model);
    if (other) {
      throw new Error(
        `Expected a model loaded with ${other.option} "${other.own}", as the dictionary was built, but found one with ` +
          `${other.option} "${other.its}": load it so`,
      );
    }
    const parts = { ...options, model };
    assertContext(model, source.context);
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
    assertTexts(prompts);
    prompts.forEach(assertEntry);
    const { model, dictionary } = this.parts;
    const { backend, threshold, center } = dictionary;
    const { hook: { layer }, extractor, context, stride, chat } = this.#source;
    const parts = prompts.flatMap((prompt, number) => this.#partsOf(prompt, number));
    const tallies = prompts.map((prompt) => new Tally(isLong(prompt)));
    // Every position is scored, whatever the dictionary was grown on.
    const options = { layers: [layer], backend, extractor, context, stride, chat, repeats: "each" as const };
    const batchPrompts = Math.min(BATCH, parts.length);
    const contents = parts.map(({ content }) => content);
    for await (using streamed of parts.length > 0 ? extract(model, contents, { ...options, batchPrompts }) : []) {
      const batch = batchAt(streamed, layer);
      using directions = await directionsOf(backend, batch, center);
      const { regions, distances: toAll } = await dictionary.nearest(directions);
      const distances = this.#exemplars
        ? (await nearestRegions(backend, directions, this.#exemplars, threshold)).distances
        : toAll;
      for (const prompt of streamed.prompts) {
        const { number, before } = parts[prompt.text];
        tallies[number].begin(prompt, before + (prompt.start ?? 0));
      }
      const { prompt: owners, position: positions } = batch.provenance!;
      for (let row = 0; row < batch.rows; row++) {
        const [prompt, position] = [streamed.prompts[owners[row]], positions[row]];
        const { number, before } = parts[prompt.text];
        const place = { position, start: before + (prompt.start ?? 0) };
        if (this.#isOwn(prompt, position)) tallies[number].take(prompt, place, distances[row], threshold);
        // Where a window of plain text ends, the text goes on.
        if (position === prompt.tokens.length - 1 && !prompt.continues) tallies[number].regions.push(regions[row]);
      }
    }
    return tallies.map((tally) => {
      const verdict = tally.verdict();
      return { ...verdict, alarms: this.#alarms(verdict.distance, tally.regions) };
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

  /**
   * What is read of a prompt: plain text as it is, `extract` cuts it; the message of a chat in parts that fit into the
   * template.
   */
  #partsOf(prompt: Text | TokenIds, number: number): Part[] {
    if (typeof prompt !== "string" && "tokens" in prompt) return [{ number, before: 0, content: prompt }];
    const text = (typeof prompt === "string" ? prompt : prompt.text).slice(0, MOST_CHARACTERS);
    if (!this.#template) return [{ number, before: 0, content: text }];
    const { before, after } = this.#template;
    const tokens = this.parts.model.encodeChat([{ role: "user", content: text }]);
    const [opening, end] = [tokens.subarray(0, before), tokens.subarray(tokens.length - after)];
    const message = tokens.subarray(before, tokens.length - after);
    const most = this.#source.context - before - after;
    const parts: Part[] = [];
    for (let from = 0; from === 0 || from < message.length; from += most) {
      const own = message.subarray(from, from + most);
      parts.push({ number, before: from, content: { tokens: [...opening, ...own, ...end] } });
    }
    return parts;
  }

  #isOwn({ tokens }: Prompt, position: number): boolean {
    return !this.#template || templatePart(this.#template, position, tokens.length) === "instruction";
  }

  /** @param finals Regions in which the prompt ends, or where it is a long chat, the parts of its message. */
  #alarms(distance: number | null, finals: readonly number[]): string[] {
    const { threshold = Infinity, handles = new Map<string, ReadonlySet<number>>() } = this.parts;
    const fired = [...handles].filter(([, regions]) => finals.some((final) => regions.has(final))).map(([name]) =>
      name
    );
    return distance !== null && distance > threshold ? ["ood", ...fired] : fired;
  }
}

/** What `extract` is given of a prompt. */
interface Part {
  /** Number of the prompt. */
  readonly number: number;
  /** Tokens of the prompt's message before those of this part. */
  readonly before: number;
  readonly content: Text | TokenIds;
}

function isLong(prompt: Text | TokenIds): boolean {
  if (typeof prompt === "string") return prompt.length > MOST_CHARACTERS;
  return "text" in prompt && prompt.text.length > MOST_CHARACTERS;
}

/** What comes together of one prompt, window by window. */
class Tally {
  /** Regions in which it ends, and where it is a long chat the parts of its message. */
  readonly regions: number[] = [];
  #tokens = 0;
  #truncated: boolean;
  #own = 0;
  #sum = 0;
  #beyond = 0;
  #farthest: Verdict["farthest"] = null;

  constructor(truncated: boolean) {
    this.#truncated = truncated;
  }

  /** Counts a window, which begins at token `start`. */
  begin({ tokens, truncated = false }: Prompt, start: number): void {
    this.#tokens = Math.max(this.#tokens, start + tokens.length);
    this.#truncated ||= truncated;
  }

  /** Counts one of the prompt's own tokens. */
  take(
    prompt: Prompt,
    { position, start }: { readonly position: number; readonly start: number },
    distance: number,
    threshold: number,
  ): void {
    this.#own++;
    this.#sum += distance;
    if (distance > threshold) this.#beyond++;
    if (this.#farthest && distance <= this.#farthest.distance) return;
    this.#farthest = { position: start + position, token: prompt.excerpt(position).token, distance };
  }

  verdict(): Omit<Verdict, "alarms"> {
    const count = this.#own;
    return {
      tokens: this.#tokens,
      truncated: this.#truncated,
      distance: count === 0 ? null : this.#sum / count,
      beyond: count === 0 ? null : this.#beyond / count,
      region: this.regions.at(-1) ?? null,
      farthest: this.#farthest,
    };
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
