/** Compares a loaded model of a made graph with its plain loops: read, changed and generated from. */
import { assertEquals, assertLess } from "@std/assert";
import type { Intervention, LanguageModel } from "../../src/model/mod.ts";
import { rowsOf } from "./made_model.ts";
import { BLOCKS, DIM, VOCAB } from "./make/layers.ts";
import { ablate, ADDED, BOS, continued, REMOVED, STEER, steer, STEPS } from "./make/main.ts";
import { distance, type Edit, type Expected, type Rows } from "./make/plain.ts";
import { FIRST_LETTER } from "./make/tokenizer.ts";

/** Of different lengths. */
export const PROMPTS = [[2, 7, 11, 30, 5, 19, 11, 8], [2, 9, 26], [2, 12, 6, 31, 17]].map((ids) =>
  Int32Array.from(ids)
);
const LAYERS = Array.from({ length: BLOCKS }, (_, layer) => layer);
/** Sites by the oracle's names for them. */
const SITES = { resid_post: "streams", resid_mid: "residMid", attn_out: "attnOut", mlp_out: "mlpOut" } as const;

const vector = (values: readonly number[]) => Float32Array.from(values);
const CHANGES: readonly [Edit, Intervention][] = [
  [steer, { layer: STEER.layer, steer: { direction: vector(ADDED), alpha: STEER.alpha } }],
  [ablate, { layer: STEER.layer, ablate: { directions: [vector(REMOVED)] } }],
];

/** Fails unless a model gives what the loops give; `half` allows what float16 rounds. */
export async function assertAsLoops(model: LanguageModel, expected: Expected, half = false): Promise<void> {
  const tolerance = half ? 0.03 : 1e-4;
  assertEquals([model.layers, model.dim, model.vocab], [BLOCKS, DIM, VOCAB]);
  await assertCaptures(model, expected, tolerance);
  await assertLogits(model, expected, tolerance);
  await assertLens(model, expected, tolerance);
  await assertGenerates(model, expected, half ? 0.2 : 0.01);
}

/** Captures of all blocks at each site that the oracle knows; prompts together as each alone. */
async function assertCaptures(model: LanguageModel, expected: Expected, tolerance: number): Promise<void> {
  const runs = PROMPTS.map((prompt) => expected.forward(prompt));
  for (const [site, key] of Object.entries(SITES)) {
    const layers = LAYERS.filter((layer) => runs[0][key][layer] !== undefined);
    if (layers.length === 0) continue;
    const { residuals, width } = await model.capture(PROMPTS, layers, site);
    for (const [i, prompt] of PROMPTS.entries()) {
      const alone = await model.capture([prompt], layers, site);
      for (const layer of layers) {
        const rows = rowsOf(residuals.get(layer)!.data!, width, DIM, i, prompt.length);
        const what = `${site} of block ${layer}, prompt ${i}`;
        assertLess(distance(rows, runs[i][key][layer]!), tolerance, what);
        const own = rowsOf(alone.residuals.get(layer)!.data!, alone.width, DIM, 0, prompt.length);
        assertLess(distance(rows, own), tolerance / 10, `${what} alone`);
      }
    }
  }
}

/** Logits as they are, and with the stream changed. */
async function assertLogits(model: LanguageModel, expected: Expected, tolerance: number): Promise<void> {
  for (const [edit, ...interventions] of [[undefined] as const, ...CHANGES]) {
    const { data, width } = await model.logits(PROMPTS, interventions);
    for (const [i, prompt] of PROMPTS.entries()) {
      const { logits } = expected.forward(prompt, edit);
      const what = `logits of prompt ${i}, ${JSON.stringify(Object.keys(interventions[0] ?? {}))}`;
      assertLess(distance(rowsOf(data, width, VOCAB, i, prompt.length), logits), tolerance, what);
    }
  }
}

/** The lens of the last stream is the logits. */
async function assertLens(model: LanguageModel, expected: Expected, tolerance: number): Promise<void> {
  const { streams, logits } = expected.forward(PROMPTS[0]);
  const last = streams[BLOCKS - 1];
  const found = await model.lens(Float32Array.from(last.flat()), last.length, VOCAB);
  const rows = found.map((tokens) => tokens.toSorted((a, b) => a.id - b.id).map(({ logit }) => logit));
  assertLess(distance(rows, logits), tolerance, "lens");
}

/** Greedy texts of prompts of different lengths, where the loops see no near tie and no special token. */
async function assertGenerates(model: LanguageModel, expected: Expected, gap: number): Promise<void> {
  for (const [edit, ...interventions] of [[undefined] as const, ...CHANGES]) {
    const changed: Expected = { forward: (tokens) => expected.forward(tokens, edit) };
    const lines = [3, 5, 5, 7].map((length, i) => clearPrompt(changed, length, 100 * i + 7, gap));
    const prompts = lines.map(({ ids }) => Int32Array.from(ids));
    const texts = await model.generate(prompts, { maxNewTokens: STEPS, interventions });
    assertEquals(texts, lines.map(({ line }) => model.decode(line)));
  }
}

/** A prompt with its greedy continuation. */
function clearPrompt(expected: Expected, length: number, seed: number, gap: number): { ids: number[]; line: Rows[0] } {
  let state = seed;
  const letter = () => FIRST_LETTER + (state = state * 48271 % 2147483647) % (VOCAB - FIRST_LETTER);
  for (let tried = 0; tried < 2000; tried++) {
    const ids = [BOS, ...Array.from({ length: length - 1 }, letter)];
    const line = continued(expected, ids, gap);
    if (line) return { ids, line };
  }
  throw new Error(`Expected a prompt of ${length} tokens that goes on clearly`);
}
