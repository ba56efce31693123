/** Greedy generation: transformers.js decides on each token, our graph gives the logits. */
import type { Tensor } from "../compute/ort.ts";
import { otherTurns } from "../compute/other_turns.ts";
import { giveBack } from "./cache_check.ts";
import type { Cache, Decoder } from "./decoder.ts";
import type { Edit } from "./edits.ts";
import { float32 } from "./outputs.ts";
import type { PreTrainedModel, TransformersModule } from "./runtime.ts";
import { extended, pad, type TokenBatch } from "./tokens.ts";

/** What generation needs to know of a model. */
export interface Generator {
  readonly transformers: TransformersModule;
  /** Token ids that end a text. */
  readonly stops: ReadonlySet<number>;
  /** What a user should know of the model's own settings, which are not applied. */
  readonly note?: string;
  /** Token id that fills the left of shorter prompts. */
  readonly padding: number;
  /** Whether a batch must hold prompts of one length, for graphs that cannot skip padding on the left. */
  readonly equalLengths: boolean;
}

/** How to generate. */
export interface GenerateSettings {
  readonly maxNewTokens: number;
  /** Tokens that the model can read. */
  readonly maxContext: number;
  /** Prompts of a batch. */
  readonly batchSize: number;
  /** Whether each step reads the whole text again, instead of following on a cache. */
  readonly rereads: boolean;
  /** Ends it between two new tokens. */
  readonly signal?: AbortSignal;
}

/**
 * Calls `done` with each batch's prompt numbers, their new token ids (stop tokens cut off) and how many there was room
 * for, shortest prompts first.
 */
export async function generateTokens(
  generator: Generator,
  decoder: Decoder,
  prompts: readonly Int32Array[],
  edits: readonly Edit[],
  settings: GenerateSettings,
  done: (prompts: number[], tokens: number[][], room: number) => void,
): Promise<void> {
  const { transformers, stops, padding } = generator;
  const { maxNewTokens, maxContext, batchSize } = settings;
  // A batch ends together: one that the model's end cuts short must not cut shorter prompts.
  const freely = generator.equalLengths ? 0 : maxContext - maxNewTokens + 1;
  for (const rows of batchesByLength(prompts, batchSize, freely)) {
    const tokens = pad(rows.map((row) => prompts[row]), "left", padding, rows);
    const { batch, width, ids, mask } = tokens;
    // The last token is not read.
    const room = Math.min(maxNewTokens, maxContext - width + 1);
    const sequences = await newWriter(generator, decoder, tokens, edits, settings).generate({
      input_ids: new transformers.Tensor("int64", ids, [batch, width]),
      attention_mask: new transformers.Tensor("int64", mask, [batch, width]),
      max_new_tokens: room,
      stopping_criteria: stopWhenAllStopped(transformers, width, stops),
      // deno-lint-ignore no-explicit-any -- the published type wants every generation setting.
    } as any) as InstanceType<TransformersModule["Tensor"]>;
    const length = sequences.dims[1];
    const all = Array.from(sequences.data as BigInt64Array, Number);
    const generated = rows.map((_, i) => {
      const tokens = all.slice(i * length + width, (i + 1) * length);
      const end = tokens.findIndex((token) => stops.has(token));
      return end < 0 ? tokens : tokens.slice(0, end);
    });
    done(rows, generated, room);
  }
}

/**
 * A model of transformers.js whose forward pass is a step of our decoder. It serves one batch: the cache is kept here,
 * so that transformers.js's table of model types and cache shapes plays no part.
 */
function newWriter(
  { transformers }: Generator,
  decoder: Decoder,
  first: TokenBatch,
  edits: readonly Edit[],
  { rereads, signal }: Pick<GenerateSettings, "rereads" | "signal">,
): PreTrainedModel {
  let tokens = first;
  let cache: Cache | undefined;

  // Which class it extends does not matter: all that is the class's own in a step is overridden.
  class Writer extends transformers.LlamaForCausalLM {
    override can_generate = true;

    // deno-lint-ignore no-explicit-any -- as the base class has it.
    override prepare_inputs_for_generation(_ids: any, inputs: any): any {
      return inputs;
    }

    override async forward(): Promise<unknown> {
      await otherTurns(signal);
      const given = rereads ? await decoder.logits(tokens, edits) : await this.#next();
      const [batch, width, vocab] = given.dims;
      const logits = float32(given);
      const last = new Float32Array(batch * vocab);
      for (let row = 0; row < batch; row++) {
        // Padding is on the left, so the last place of every row is its newest token's.
        const end = (row + 1) * width * vocab;
        last.set(logits.subarray(end - vocab, end), row * vocab);
      }
      return { logits: new transformers.Tensor("float32", last, [batch, 1, vocab]) };
    }

    /** Logits of the tokens that follow on the cache, which grows by them. */
    async #next(): Promise<Tensor> {
      const step = await decoder.step(tokens, edits, cache);
      giveBack(cache);
      cache = step.cache;
      return step.logits;
    }

    // deno-lint-ignore no-explicit-any -- as the base class has it.
    override _update_model_kwargs_for_generation({ generated_input_ids, model_inputs }: any): any {
      tokens = extended(tokens, (generated_input_ids as bigint[][]).flat(), !rereads);
      return model_inputs;
    }

    override async generate(parameters: Parameters<PreTrainedModel["generate"]>[0]) {
      try {
        return await super.generate(parameters);
      } finally {
        giveBack(cache);
      }
    }
  }
  // Without settings of the model's it takes the most likely token.
  return new Writer(new transformers.PretrainedConfig({}), {}, {});
}

/**
 * Prompt numbers sorted by length and cut into batches.
 *
 * @param freely Tokens up to which prompts of different lengths share a batch; longer ones share it with their equals
 * only.
 */
export function batchesByLength(prompts: readonly Int32Array[], size: number, freely: number): number[][] {
  const length = (row: number) => prompts[row].length;
  const order = Array.from(prompts.keys()).sort((a, b) => length(a) - length(b));
  const batches: number[][] = [];
  for (const row of order) {
    // In ascending order: where a batch's first prompt is as long as this one, all of them are.
    const last = batches.at(-1);
    if (!last || last.length === size || (length(row) > freely && length(last[0]) !== length(row))) batches.push([row]);
    else last.push(row);
  }
  return batches;
}

/** transformers.js stops when every row ends in a stop token at once; a batch is done when each has had one. */
function stopWhenAllStopped(transformers: TransformersModule, width: number, stops: ReadonlySet<number>) {
  class AllStopped extends transformers.StoppingCriteria {
    override _call(sequences: number[][]): boolean[] {
      return sequences.map((sequence) => sequence.slice(width).some((token) => stops.has(Number(token))));
    }
  }
  return new AllStopped();
}
