import type { ChatMessage, LanguageModel } from "../model/types.ts";
import type { AxBenchRow } from "./axbench.ts";
import { extract } from "./extract.ts";
import { batchAt } from "./stream.ts";

/** How a question and its answer become one text: a user's turn and the model's, or one after the other. */
export type AxBenchReading = "chat" | "plain";

/** Activations of some texts at one layer: those of text `i` are rows `offsets[i]` to `offsets[i + 1] - 1`. */
export interface TextActivations {
  /** `positions x dim`. */
  readonly data: Float32Array<ArrayBuffer>;
  /** Length of an activation. */
  readonly dim: number;
  /** One more than there are texts, ascending. */
  readonly offsets: Int32Array<ArrayBuffer>;
}

/**
 * AxBench's rows as a model reads them, without what all rows share.
 *
 * It reads as AxBench does for concept detection (Wu et al., 2025), but for one thing: AxBench leaves some tokens of
 * the template behind the answers of train rows; here train and held-out rows end alike, with the answer.
 *
 * @example
 * ```ts
 * import { loadModel } from "../model/mod.ts";
 *
 * await using model = await loadModel("fixtures/gemma-2-toy-it", { device: "cpu" });
 * const reader = new AxBenchReader(model, "chat", 32);
 * const rows = [{ input: "Who?", output: "The king.", genre: "text" }];
 * const { data, dim, offsets } = (await reader.read(rows, [3])).get(3)!;
 * if (offsets[1] * dim !== data.length || offsets[1] !== reader.tokens(rows[0]).length - reader.prefix) {
 *   throw new Error(`${offsets}`);
 * }
 * ```
 */
export class AxBenchReader {
  /** Positions at the start that are no text's own: the first, and the template's opening of the user's turn. */
  readonly prefix: number;
  /** Tokens at the end that every chat has alike. */
  readonly #suffix: number;
  readonly #read = new Set<AxBenchRow>();
  readonly #truncated = new Set<AxBenchRow>();

  /**
   * Finds what all texts share.
   *
   * @param model Reads them.
   * @param reading `chat` for models with a chat template, `plain` for base models.
   * @param context Tokens that a text is cut to.
   * @throws {Error} if the context holds nothing but what all texts share.
   */
  constructor(readonly model: LanguageModel, readonly reading: AxBenchReading, readonly context: number) {
    const chat = (...contents: string[]) => model.encodeChat(contents.map(message));
    // Where two chats of different content are alike is the template's.
    this.prefix = reading === "plain" ? 1 : Math.max(1, sharedStart(chat("1"), chat("2")));
    this.#suffix = reading === "plain" ? 0 : sharedStart(chat("1", "1").reverse(), chat("1", "2").reverse());
    if (context <= this.prefix) {
      throw new Error(`Expected texts of more than ${this.prefix} tokens, which all share, but found ${context}`);
    }
  }

  /** Rows that were read so far, and those of them that were cut to the context. */
  get counts(): { readonly rows: number; readonly truncated: number } {
    return { rows: this.#read.size, truncated: this.#truncated.size };
  }

  /** Token ids of a row, the shared prefix included. */
  tokens(row: AxBenchRow): Int32Array<ArrayBuffer> {
    const whole = this.#whole(row);
    this.#read.add(row);
    if (whole.length > this.context) this.#truncated.add(row);
    return whole.slice(0, this.context);
  }

  #whole({ input, output }: AxBenchRow): Int32Array<ArrayBuffer> {
    if (this.reading === "plain") return this.model.encode(input + output, this.context + 1);
    const tokens = this.model.encodeChat([input, output].map(message));
    return tokens.subarray(0, tokens.length - this.#suffix);
  }

  /**
   * Activations of rows by layer, the shared prefix dropped.
   *
   * @throws {Error} if a row has nothing behind the prefix.
   */
  async read(rows: readonly AxBenchRow[], layers: readonly number[]): Promise<Map<number, TextActivations>> {
    const texts = rows.map((row, i) => ({ id: String(i), tokens: this.tokens(row) }));
    const short = texts.find(({ tokens }) => tokens.length <= this.prefix);
    if (short) {
      throw new Error(`Expected a text behind the prefix but row ${short.id} has none: delete it from the data`);
    }
    const lengths = texts.map(({ tokens }) => tokens.length);
    const offsets = Int32Array.from([0, ...lengths.map((length) => length - this.prefix)]);
    for (let i = 1; i < offsets.length; i++) offsets[i] += offsets[i - 1];
    const options = { layers, context: this.context, batchPrompts: texts.length };
    const { value: batch } = await extract(this.model, texts, options).next();
    return new Map(layers.map((layer) => {
      const { data, dim } = batchAt(batch!, layer);
      const kept = new Float32Array(offsets[texts.length] * dim);
      // `extract` has dropped the first position of the prefix.
      const dropped = this.prefix - 1;
      let from = 0;
      lengths.forEach((length, i) => {
        kept.set(data!.subarray((from + dropped) * dim, (from + length - 1) * dim), offsets[i] * dim);
        from += length - 1;
      });
      return [layer, { data: kept, dim, offsets }];
    }));
  }
}

/** A user's turn, then the model's. */
const message = (content: string, i: number): ChatMessage => ({ role: i === 0 ? "user" : "assistant", content });

/** How many numbers two lists start with alike. */
function sharedStart(a: Int32Array, b: Int32Array): number {
  const first = a.findIndex((value, i) => value !== b[i]);
  return first < 0 ? a.length : first;
}
