/** `build --hook` from the command line to its files, against onnxruntime's own values of the untouched graph. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { readCorpus, shuffleBuffer } from "../../src/activations/mod.ts";
import { readArrow } from "../../src/files/mod.ts";
import { loadModel } from "../../src/model/mod.ts";
import { Dictionary } from "../../src/partition/mod.ts";
import { ElementType, valueInfo } from "../../src/compute/onnx/codec.ts";
import { ORT_TEST, runPlain, TOY } from "../model/toy.ts";
import { withExperiment } from "./child.ts";

const CORPUS = "fixtures/corpora/pile.jsonl";
const CONTEXT = 32;
const SMALL = ["--device", "cpu", "--layers", "3", "--percentiles", "10", "--in-order", "--context", `${CONTEXT}`]
  .concat(["--batch", "16", "--calibration", "1000", "--max-tokens", "4000"]);

/** What a tensor of the untouched graph holds for the stream's first activation, the token after `<bos>`. */
async function firstActivation(tensor: string, dim: number): Promise<Float32Array> {
  const model = await loadModel(TOY, { device: "cpu" });
  // As `--in-order` mixes the corpus.
  const { value: entry } = await shuffleBuffer(readCorpus(CORPUS), 4096, 0).next();
  const tokens = model.encode(entry!.text, CONTEXT);
  await model.dispose();
  const outputs = await runPlain(TOY, "cpu", [tokens], [tensor], (graph) => {
    graph.output.push(valueInfo(tensor, ElementType.float32, ["batch", "sequence", dim]));
  });
  return outputs[tensor].slice(dim, 2 * dim);
}

/** Builds at a hook, and checks that the first region's exemplar is the direction of what `tensor` holds. */
async function assertBuilds(
  at: string,
  tensor: string,
  dim: number,
  check: (lens: (string | null)[], report: string) => void,
): Promise<void> {
  await withExperiment("build", [...SMALL, "--hook", at], async ({ code, stderr, out, record }) => {
    assertEquals(code, 0, stderr);
    assertEquals(record.flags.hook, at);
    assertEquals(record.notes.filter((note) => !note.includes("corpus is read in its own order")), []);
    using dictionary = await Dictionary.load(`${out}/dictionaries/L3-p10.arrow`, { backend: "cpu" });
    assertEquals([dictionary.source?.hook, dictionary.dim], [{ layer: 3, at }, dim]);
    assert(dictionary.size > 1);
    const { center, exemplars } = dictionary;
    const offset = (await firstActivation(tensor, dim)).map((value, i) => value - center[i]);
    const length = Math.hypot(...offset);
    offset.forEach((value, i) => assert(Math.abs(value / length - exemplars[i]) < 1e-4, `${i}`));
    const lens = [...(await readArrow(`${out}/regions.arrow`)).getChild("logit_lens")!];
    assertEquals(lens.length, dictionary.size);
    check(lens, await Deno.readTextFile(`${out}/report.html`));
  });
}

const EMPTY = "so its columns and labels are empty";

Deno.test({
  name: "build --hook attn_out divides what attention adds to the stream, and reads it with the lens",
  ...ORT_TEST,
  fn: () =>
    assertBuilds("attn_out", "/model/layers.3/post_attention_layernorm/Mul_1_output_0", 192, (lens, report) => {
      assert(lens.every((tokens) => tokens !== null));
      assertStringIncludes(report, "what attention adds to the residual stream in each layer (attn_out)");
      assert(!report.includes(EMPTY));
    }),
});

Deno.test({
  name: "build --hook z divides what attention's output projection reads, which the lens cannot read",
  ...ORT_TEST,
  fn: () =>
    assertBuilds("z", "/model/layers.3/self_attn/Reshape_7_output_0", 192, (lens, report) => {
      assert(lens.every((tokens) => tokens === null));
      assertEquals(report.split(EMPTY).length, 2, "the report says it once");
    }),
});

Deno.test({
  name: "build --hook divides any tensor by its name, of its own width",
  ...ORT_TEST,
  fn: () =>
    assertBuilds("/model/layers.{layer}/mlp/Mul_6_output_0", "/model/layers.3/mlp/Mul_6_output_0", 512, (lens) => {
      assert(lens.every((tokens) => tokens === null));
    }),
});

Deno.test("a hook that no model has is a mistake on the command line", async () => {
  for (const at of ["pattern", "attn-out"]) {
    await withExperiment("build", ["--hook", at], ({ code, stderr }) => {
      assertEquals(code, 2);
      assertStringIncludes(stderr, "Expected --hook to be one of resid_pre, resid_mid, resid_post, attn_out");
      assertStringIncludes(stderr, at);
    });
  }
});
