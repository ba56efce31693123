import type { Prompt } from "../activations/batch.ts";
import { extract, type Text, type TokenIds } from "../activations/extract.ts";
import type { StreamSource } from "../activations/source.ts";
import { batchAt } from "../activations/stream.ts";
import type { LanguageModel } from "../model/types.ts";
import type { Dictionary } from "../partition/dictionary.ts";
import { type Template, templateOf, templatePart } from "./template_parts.ts";

/** What a monitor watches with. */
export interface MonitorParts {
  readonly model: LanguageModel;
  /** Its source says how prompts are read. */
  readonly dictionary: Dictionary;
  /** Mean distance above which a prompt is told as `ood`; default infinite, never. */
  readonly threshold?: number;
  /** Regions to tell when a prompt's final position lies in one of them, by the name of what they stand for. */
  readonly handles?: ReadonlyMap<string, ReadonlySet<number>>;
}

/** What a monitor says of one prompt. Its own tokens are those that are neither `<bos>` nor of the chat template. */
export interface Verdict {
  /** Tokens read, `<bos>` and template included. */
  readonly tokens: number;
  /** Mean over its own tokens of the distance to the nearest exemplar; null where it has none. */
  readonly distance: number | null;
  /** Share of its own tokens beyond the dictionary's threshold, which no region takes; null where it has none. */
  readonly beyond: number | null;
  /** Region of its final position; null where that is `<bos>`. */
  readonly region: number | null;
  /** Its own token farthest from every exemplar; null where it has none. */
  readonly farthest: { readonly position: number; readonly token: string; readonly distance: number } | null;
  /** `ood`, and the handles that fired. */
  readonly alarms: readonly string[];
}

/** Contents to read a chat template off: nothing in common at either end. */
const CONTENTS = ["a", "12 + 3", "The end."];

/** Reads prompts as a dictionary was built and tells which of them are far from its exemplars, or in regions to watch. */
export class Monitor {
  readonly #source: StreamSource;
  /** Absent where prompts are plain text. */
  readonly #template: Template | undefined;

  /** @throws {Error} if the dictionary does not say how it was read, or was not built on every position. */
  constructor(readonly parts: MonitorParts) {
    const { dictionary: { source }, model } = parts;
    if (source?.extractor !== "per-position") {
      throw new Error(
        `Expected a dictionary of every position that says how it was read but found ` +
          `${source ? `one of the extractor ${source.extractor}` : "one without a source"}: build one with discover`,
      );
    }
    this.#source = source;
    this.#template = source.chat
      ? templateOf(CONTENTS.map((content) => model.encodeChat([{ role: "user", content }])))
      : undefined;
  }

  /** Reads prompts together; what it holds is given back before it returns. */
  async read(prompts: readonly (Text | TokenIds)[]): Promise<Verdict[]> {
    if (prompts.length === 0) return [];
    const { model, dictionary } = this.parts;
    const { hook: { layer }, extractor, context, chat } = this.#source;
    const options = { layers: [layer], backend: dictionary.backend, extractor, context, chat };
    const [streamed] = await Array.fromAsync(extract(model, prompts, { ...options, batchPrompts: prompts.length }));
    try {
      const { regions, distances } = await dictionary.assign(batchAt(streamed, layer));
      let start = 0;
      return streamed.prompts.map((prompt) => {
        const count = prompt.tokens.length - 1;
        const verdict = this.#verdict(prompt, distances.subarray(start, start + count));
        const region = count > 0 ? regions[start + count - 1] : null;
        start += count;
        return { ...verdict, region, alarms: this.#alarms(verdict.distance, region) };
      });
    } finally {
      streamed.dispose();
    }
  }

  /** @param distances Of every position after `<bos>`. */
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
      distance: own.reduce((sum, at) => sum + distanceAt(at), 0) / own.length,
      beyond: own.filter((at) => distanceAt(at) > this.parts.dictionary.threshold).length / own.length,
      farthest: { position, token: prompt.excerpt(position).token, distance: distanceAt(position) },
    };
  }

  #alarms(distance: number | null, region: number | null): string[] {
    const { threshold = Infinity, handles = new Map<string, ReadonlySet<number>>() } = this.parts;
    const fired = [...handles].filter(([, regions]) => region !== null && regions.has(region)).map(([name]) => name);
    return distance !== null && distance > threshold ? ["ood", ...fired] : fired;
  }
}
