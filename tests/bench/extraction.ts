/**
 * How much stopping at the layer saves: tokens per second of the whole model's forward pass (a plain onnxruntime session
 * of the untouched file, all outputs, as published implementations run it) against a capture after layer 3 of 8.
 */
import { loadModel } from "../../src/model/mod.ts";
import { decodeModel } from "../../src/compute/onnx/codec.ts";
import { tokenFeeds } from "../../src/model/feeds.ts";
import { describeInterface } from "../../src/model/interface.ts";
import { createSession, runtimeFor } from "../../src/model/runtime.ts";
import { pad } from "../../src/model/tokens.ts";
import { type BenchRow, median, ratios, secondsOf } from "./timing.ts";

const MODEL = new URL("../../fixtures/gemma-2-toy", import.meta.url).pathname;
const [PROMPTS, TOKENS, LAYER, RUNS] = [32, 128, 3, 5];

/** Measures both on the same batch in turns, on the CPU: medians of tokens per second, and of the ratio in each turn. */
export async function benchExtraction(): Promise<BenchRow[]> {
  const model = await loadModel(MODEL, { device: "cpu" });
  const prompts = Array.from(
    { length: PROMPTS },
    (_, i) => Int32Array.from({ length: TOKENS }, (_, t) => t === 0 ? 2 : 6 + (i * 977 + t * 131) % (model.vocab - 6)),
  );
  const path = `${MODEL}/onnx/model.onnx`;
  const whole = await createSession("cpu", path);
  const io = describeInterface(decodeModel(await Deno.readFile(path)).graph!, {});
  const feeds = tokenFeeds(await runtimeFor("cpu"), io, whole.inputNames, pad(prompts, "right", 0), 0);

  const runWhole = () => whole.run(feeds);
  const runCapture = () => model.capture(prompts, [LAYER]);
  await runWhole();
  await runCapture();
  const times = { ours: [] as number[], peer: [] as number[] };
  for (let run = 0; run < RUNS; run++) {
    times.peer.push(await secondsOf(runWhole));
    times.ours.push(await secondsOf(runCapture));
  }
  await whole.release();
  await model.dispose();

  const detail = `median of ${RUNS} paired runs, ${PROMPTS} prompts x ${TOKENS} tokens, embedded model, CPU`;
  const rate = (seconds: number[]) => Math.round(PROMPTS * TOKENS / median(seconds));
  return [
    { name: "whole forward pass", value: rate(times.peer), unit: "tokens/s", detail },
    { name: `capture after layer ${LAYER} of 8`, value: rate(times.ours), unit: "tokens/s", detail },
    {
      name: "capture against whole forward pass",
      value: Number(median(ratios(times)).toFixed(2)),
      unit: "times as fast",
      detail: `${detail}; single pairs ${ratios(times).map((ratio) => ratio.toFixed(2)).join(", ")}`,
    },
  ];
}

if (import.meta.main) console.table(await benchExtraction());
