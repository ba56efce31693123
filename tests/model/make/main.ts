/**
 * Writes the made graphs as model folders, each with its right values.
 *
 *   deno run -A tests/model/make/main.ts OUT [style...]
 */
import { BLOCKS, DIM, VOCAB } from "./layers.ts";
import type { Edit, Expected, Rows } from "./plain.ts";
import { type Style, STYLES } from "./styles.ts";
import { FIRST_LETTER, tokenized, tokenizerFiles } from "./tokenizer.ts";

/** Number of tokens that are generated. */
export const STEPS = 5;
export const BOS = 2;
/** Where the stream is changed, and how much is added there. */
export const STEER = { layer: Math.floor(BLOCKS / 2), alpha: 1.5 };
/** Directions that are added and removed. */
export const ADDED = Array.from({ length: DIM }, (_, i) => Math.cos(i * 1.7));
export const REMOVED = unit(Array.from({ length: DIM }, (_, i) => Math.sin(i * 0.9 + 0.3)));

async function writeStyle(folder: string, style: Style): Promise<void> {
  const { bytes, config, expected } = style.make();
  await Deno.mkdir(`${folder}/onnx`, { recursive: true });
  await Deno.writeFile(`${folder}/onnx/model${style.half ? "_fp16" : ""}.onnx`, bytes);
  const files = {
    ...tokenizerFiles(),
    "config.json": config,
    "expected.json": style.refuse ? { refuse: style.refuse } : expectedFile(style, expected),
  };
  for (const [name, content] of Object.entries(files)) {
    await Deno.writeTextFile(`${folder}/${name}`, JSON.stringify(content) + "\n");
  }
  await Deno.writeTextFile(
    `${folder}/NOTE.md`,
    `${style.name}: ${style.note}. Right values are of loops in doubles.\n`,
  );
}

function expectedFile(style: Style, expected: Expected): Record<string, unknown> {
  const found = [2, 4, 8].map((length) => findPrompt(expected, length, style.half ? 0.2 : 0.05));
  return {
    dtype: style.half ? "fp16" : "fp32",
    tolerance: style.half ? 0.02 : 1e-3,
    layers: BLOCKS,
    dim: DIM,
    steer: STEER,
    tokens: tokenized(),
    ablated: rounded(edited(expected, found.at(-1)!.ids, ablate)),
    prompts: found.map(({ ids, continuation }) => {
      const run = expected.forward(ids);
      const rows = (layers: readonly (Rows | undefined)[]) => layers.map((layer) => layer?.map(rounded) ?? null);
      return {
        ids,
        resid_post: rows(run.streams),
        resid_mid: rows(run.residMid),
        attn_out: rows(run.attnOut),
        mlp_out: rows(run.mlpOut),
        logits: rounded(run.logits.at(-1)!),
        steered: rounded(edited(expected, ids, steer)),
        continuation: style.cached ?? true ? continuation : null,
      };
    }),
  };
}

/** Adds to the stream after one block. */
export const steer: Edit = (layer, x) =>
  layer === STEER.layer ? x.map((value, i) => value + STEER.alpha * ADDED[i]) : x;
/** Removes a direction from it. */
export const ablate: Edit = (layer, x) => {
  if (layer !== STEER.layer) return x;
  const along = x.reduce((sum, value, i) => sum + value * REMOVED[i], 0);
  return x.map((value, i) => value - along * REMOVED[i]);
};

/** Last logits with a change of the stream. */
function edited(expected: Expected, ids: readonly number[], edit: Edit): number[] {
  return expected.forward(ids, edit).logits.at(-1)!;
}

/** A prompt whose greedy continuation meets no special token and no near tie, if possible of different tokens. */
function findPrompt(expected: Expected, length: number, gap: number): { ids: number[]; continuation: number[] } {
  let best: { ids: number[]; continuation: number[] } | undefined;
  const different = () => new Set(best?.continuation).size;
  let state = 7 * length;
  const letter = () => FIRST_LETTER + (state = state * 48271 % 2147483647) % (VOCAB - FIRST_LETTER);
  for (let tried = 0; tried < 3000 && !(best && (different() >= 4 || tried > 300)); tried++) {
    const ids = [BOS, ...Array.from({ length: length - 1 }, letter)];
    const continuation = continued(expected, ids, gap);
    if (continuation && new Set(continuation).size > different()) best = { ids, continuation };
  }
  if (!best) throw new Error(`Expected to find a prompt of ${length} tokens but each meets a special token or a tie`);
  return best;
}

/** The greedy continuation, if it is clear at each step and not special. */
export function continued(expected: Expected, ids: readonly number[], gap: number): number[] | undefined {
  const line: number[] = [];
  for (let step = 0; step < STEPS; step++) {
    const logits = expected.forward([...ids, ...line]).logits.at(-1)!;
    const [first, second] = Array.from(logits.keys()).sort((a, b) => logits[b] - logits[a]);
    if (first < FIRST_LETTER || logits[first] - logits[second] < gap) return undefined;
    line.push(first);
  }
  return line;
}

function unit(x: number[]): number[] {
  const length = Math.hypot(...x);
  return x.map((value) => value / length);
}

function rounded(row: readonly number[]): number[] {
  return row.map((value) => Number(value.toPrecision(7)));
}

if (import.meta.main) {
  const [out, ...names] = Deno.args;
  if (!out) throw new Error("Expected the folder to write to as the first argument");
  for (const style of STYLES) {
    if (names.length === 0 || names.includes(style.name)) await writeStyle(`${out}/${style.name}`, style);
  }
}
