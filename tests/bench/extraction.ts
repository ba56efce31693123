/**
 * What reading a model costs on the CPU: activations behind a block against the pass through all blocks and transformers.js's
 * own; hooks that change nothing; many dictionaries from one pass over texts against the one of the deepest layer.
 */
import { extract, readCorpus } from "../../src/activations/mod.ts";
import { type Backend, openBackend } from "../../src/compute/mod.ts";
import { type LanguageModel, loadModel } from "../../src/model/mod.ts";
import { loadTransformers } from "../../src/model/runtime.ts";
import { calibrateLayers, type CalibrationValues, discover } from "../../src/partition/mod.ts";
import { OURS } from "./contenders.ts";
import type { BenchSettings } from "./settings.ts";
import { type BenchRow, figure, figuresOf, inTurns, ratiosOf, type RunTime, timeOf, type Way } from "./timing.ts";

const CORPUS = new URL("../../fixtures/corpora/pile.jsonl", import.meta.url).pathname;
const CONTEXT = 128;
/** Six of them at three layers; the one that is measured alone is the fourth at the deepest. */
const [PERCENTILES, ALONE] = [[1, 2, 4, 8, 10, 16], 8];

/** Measures the embedded model, or the one that was named. */
export async function benchExtraction(settings: BenchSettings): Promise<BenchRow[]> {
  await using model = await loadModel(settings.model, { device: "cpu" });
  const texts = await Array.fromAsync(readCorpus(CORPUS));
  const prompts = texts.map(({ text }) => model.encode(text, CONTEXT)).filter(({ length }) => length === CONTEXT)
    .slice(0, settings.quick ? 8 : 32);
  return [
    ...await passes(settings, model, prompts),
    ...await idleHooks(settings, model, prompts.slice(0, 8)),
    ...await dictionaries(settings, model, texts.slice(0, settings.quick ? 32 : 256).map(({ text }) => text)),
  ];
}

/** What stands for the work of one dictionary. */
export const ONE_P = "one p at the deepest of them";

/** Activations behind a quarter and a half of the blocks, and the shares of the whole pass that these should take. */
async function passes(
  { repeats, model: folder }: BenchSettings,
  model: LanguageModel,
  prompts: readonly Int32Array[],
): Promise<BenchRow[]> {
  const n = model.layers;
  const capture = (layer: number): Way => ({
    name: `${OURS}, behind block ${layer}`,
    async run() {
      const { residuals } = await model.capture(prompts, [layer]);
      residuals.get(layer)!.dispose();
    },
  });
  const depths = [n / 4 - 1, n / 2 - 1].map((layer) => Math.max(0, Math.round(layer)));
  await using plain = await plainPass(folder, prompts);
  const ways = [...depths.map(capture), capture(n - 1), plain].map(lasting);
  for (const { run } of ways) await run();
  const times = await inTurns(ways, repeats);
  const [name, detail] = ["forward pass", `${prompts.length} prompts of ${CONTEXT} tokens, ${n} blocks, CPU`];
  const whole = times.get(ways[depths.length].name)!;
  return [
    ...figuresOf(times, { name, amount: prompts.length * CONTEXT, unit: "tokens", detail }),
    ...depths.map((layer) => {
      const gains = ratiosOf(times.get(capture(layer).name)!, whole, "seconds").map((gain) => gain / (n / (layer + 1)));
      return figure(
        `${name}, gain of stopping at block ${layer}`,
        OURS,
        "of all blocks over those read",
        gains,
        detail,
      );
    }),
  ];
}

/** Logits without interventions, and with one that changes nothing, against transformers.js. */
async function idleHooks(
  { repeats, model: folder }: BenchSettings,
  model: LanguageModel,
  prompts: readonly Int32Array[],
): Promise<BenchRow[]> {
  const direction = new Float32Array(model.dim).fill(1);
  const idle = [{ layer: Math.floor(model.layers / 2), steer: { direction, alpha: 0 } }];
  await using plain = await plainPass(folder, prompts);
  const ways = [
    { name: `${OURS}, a hook that adds nothing`, run: async () => void await model.logits(prompts, idle) },
    { name: `${OURS}, no hook`, run: async () => void await model.logits(prompts) },
    plain,
  ].map(lasting);
  for (const { run } of ways) await run();
  const detail = `${prompts.length} prompts of ${CONTEXT} tokens, ${model.layers} blocks, CPU`;
  const work = { name: "logits", amount: prompts.length * CONTEXT, unit: "tokens", detail };
  return figuresOf(await inTurns(ways, repeats), work);
}

/** Six percentiles at three layers from one pass over texts, against one percentile at the deepest of them. */
async function dictionaries(
  { repeats }: BenchSettings,
  model: LanguageModel,
  texts: readonly string[],
): Promise<BenchRow[]> {
  const backend = await openBackend("cpu");
  const layers = [1, 2, 3].map((quarter) => Math.round(quarter * model.layers / 4) - 1);
  const [deepest] = layers.slice(-1);
  const all = await calibrateLayers(
    extract(model, texts, { layers, backend, context: CONTEXT, windows: "first" }),
    layers,
    {
      ...{ percentiles: PERCENTILES, pairs: "sample", backend },
    },
  );
  const calibration = all.get(deepest)!;
  const one = new Map([[deepest, {
    ...calibration,
    levels: calibration.levels.filter(({ percentile }) => percentile === ALONE),
  }]]);
  let tokens = 0;
  const ways = [
    { name: "six p at three layers", calibrations: all },
    { name: ONE_P, calibrations: one },
  ].map(({ name, calibrations }): Way => ({
    name,
    run: async () => {
      tokens = await grow(model, texts, calibrations, backend);
    },
  }));
  for (const { run } of ways) await run();
  const times = await inTurns(ways, repeats);
  const detail = `${texts.length} texts, layers ${layers.join(", ")} of ${model.layers}, p ${
    PERCENTILES.join(", ")
  }, CPU`;
  return figuresOf(times, { name: "texts to dictionaries", amount: tokens, unit: "tokens", detail });
}

/** Grows all dictionaries of some calibrations in one pass, and says how many tokens it read. */
async function grow(
  model: LanguageModel,
  texts: readonly string[],
  calibrations: ReadonlyMap<number, CalibrationValues>,
  backend: Backend,
): Promise<number> {
  const stream = extract(model, texts, {
    ...{ layers: [...calibrations.keys()], backend, context: CONTEXT, windows: "first" },
  });
  using discovery = await discover(stream, calibrations, { backend, saturationWindow: Infinity });
  return discovery.tokens;
}

/** Seconds that a turn measures at least: runs of less are done several times. */
const LEAST_SECONDS = 1;

/**
 * The mean run of a way, after one that is not measured: sessions of a large model give way to each other, and what a pass
 * costs is not what opening one does.
 */
function lasting({ name, run }: Way): Way {
  const mean = async (): Promise<RunTime> => {
    await run();
    let [runs, seconds, processor] = [0, 0, 0];
    for (; seconds < LEAST_SECONDS; runs++) {
      const time = await timeOf(run);
      [seconds, processor] = [seconds + time.seconds, processor + time.processor];
    }
    return { seconds: seconds / runs, processor: processor / runs };
  };
  return { name, run: mean };
}

/** The forward pass of transformers.js as it comes, waiting threads spinning: all outputs of the untouched graph. */
async function plainPass(folder: string, prompts: readonly Int32Array[]): Promise<Way & AsyncDisposable> {
  const { AutoModelForCausalLM, Tensor } = await loadTransformers();
  const model = await AutoModelForCausalLM.from_pretrained(folder, {
    ...{ device: "auto", dtype: "fp32" },
    session_options: { executionProviders: ["cpu"], extra: { "session.intra_op.allow_spinning": "1" } },
  });
  const shape = [prompts.length, CONTEXT];
  const ids = BigInt64Array.from(prompts.flatMap((prompt) => Array.from(prompt, BigInt)));
  const inputs = {
    input_ids: new Tensor("int64", ids, shape),
    attention_mask: new Tensor("int64", new BigInt64Array(ids.length).fill(1n), shape),
  };
  return {
    name: "transformers.js",
    run: async () => void await model(inputs),
    [Symbol.asyncDispose]: async () => void await model.dispose(),
  };
}
