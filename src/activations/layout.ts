import type { Provenance } from "./batch.ts";
import type { Prompt } from "./prompt.ts";

/** Prompts of one forward pass, and where their activations go. */
export interface Pass {
  /** Of similar lengths, the longest first. */
  readonly prompts: readonly Prompt[];
  /** Rows of the padded `(batch * width) x dim` activations to keep. */
  readonly sourceRows: Int32Array<ArrayBuffer>;
  /** For each of them, its row in the batch. */
  readonly targetRows: Int32Array<ArrayBuffer>;
}

/** Where every activation of one batch of prompts comes from and goes to: rows by prompt, then by position. */
export interface Layout {
  /** Activations of the batch. */
  readonly rows: number;
  /** What every layer's batch is told about its rows. */
  readonly provenance: Provenance;
  /** Forward passes that together give every row once. A prompt that keeps no position is in none. */
  readonly passes: readonly Pass[];
}

/**
 * Lays a batch of prompts out: rows in stream order, forward passes by length, so that little padding is run.
 *
 * @param kept Positions of each prompt that become activations, ascending.
 * @param most What a forward pass runs at most: prompts, and tokens with their padding, but no less than one prompt.
 */
export function layOut(
  prompts: readonly Prompt[],
  kept: readonly Int32Array[],
  most: { readonly prompts: number; readonly tokens: number },
): Layout {
  const starts = new Int32Array(prompts.length + 1);
  kept.forEach(({ length }, i) => starts[i + 1] = starts[i] + length);

  const rows = starts[prompts.length];
  const provenance = {
    prompts,
    prompt: new Int32Array(rows),
    position: new Int32Array(rows),
    token: new Int32Array(rows),
  };
  prompts.forEach(({ tokens }, i) => {
    provenance.prompt.fill(i, starts[i], starts[i + 1]);
    provenance.position.set(kept[i], starts[i]);
    provenance.token.set(kept[i].map((position) => tokens[position]), starts[i]);
  });

  const length = (i: number) => prompts[i].tokens.length;
  // Longest first: what the first pass needs in memory is enough for the others.
  const order = kept.keys().filter((i) => kept[i].length > 0).toArray().sort((a, b) => length(b) - length(a) || a - b);
  const passes: Pass[] = [];
  for (let from = 0; from < order.length;) {
    // Padded to the first, the longest of them.
    const count = Math.max(1, Math.min(most.prompts, Math.floor(most.tokens / length(order[from]))));
    passes.push(passOf(order.slice(from, from += count)));
  }
  return { rows, provenance, passes };

  function passOf(chosen: readonly number[]): Pass {
    const width = length(chosen[0]);
    const count = chosen.reduce((sum, i) => sum + kept[i].length, 0);
    const [sourceRows, targetRows] = [new Int32Array(count), new Int32Array(count)];
    let row = 0;
    chosen.forEach((i, slot) => {
      for (let k = 0; k < kept[i].length; k++, row++) {
        // Padded on the right to the first, the longest of them: position p of slot s is row s * width + p.
        sourceRows[row] = slot * width + kept[i][k];
        targetRows[row] = starts[i] + k;
      }
    });
    return { prompts: chosen.map((i) => prompts[i]), sourceRows, targetRows };
  }
}
