/** Greedy generation through transformers.js, in batches of prompts of like length. */
import type { PreTrainedModel, TransformersModule } from "./runtime.ts";
import { pad } from "./tokens.ts";

/** What generation needs to know of a model. */
export interface Generator {
  readonly transformers: TransformersModule;
  readonly model: PreTrainedModel;
  /** Token ids that end a text. */
  readonly stops: ReadonlySet<number>;
  /** Token id that fills the left of shorter prompts. */
  readonly padding: number;
  /** Whether a batch must hold prompts of one length, for graphs that cannot skip padding on the left. */
  readonly equalLengths: boolean;
}

/** Calls `done` with each batch's prompt numbers and their new token ids (stop tokens cut off), shortest prompts first. */
export async function generateTokens(
  generator: Generator,
  prompts: readonly Int32Array[],
  settings: { readonly maxNewTokens: number; readonly batchSize: number },
  done: (prompts: number[], tokens: number[][]) => void,
): Promise<void> {
  const { transformers, model, stops, padding } = generator;
  for (const rows of batchesByLength(prompts, settings.batchSize, generator.equalLengths)) {
    const { batch, width, ids, mask } = pad(rows.map((row) => prompts[row]), "left", padding);
    const sequences = await model.generate({
      input_ids: new transformers.Tensor("int64", ids, [batch, width]),
      attention_mask: new transformers.Tensor("int64", mask, [batch, width]),
      max_new_tokens: settings.maxNewTokens,
      do_sample: false,
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
    done(rows, generated);
  }
}

/** Prompt numbers sorted by length and cut into batches. */
export function batchesByLength(
  prompts: readonly Int32Array[],
  size: number,
  equalLengths: boolean,
): number[][] {
  const length = (row: number) => prompts[row].length;
  const order = Array.from(prompts.keys()).sort((a, b) => length(a) - length(b));
  const batches: number[][] = [];
  for (const row of order) {
    const last = batches.at(-1);
    if (!last || last.length === size || (equalLengths && length(last[0]) !== length(row))) batches.push([row]);
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
