/** Streams are found, read and changed in the graphs of other exporters. */
import { assert, assertEquals, assertLess, assertNotEquals, assertThrows } from "@std/assert";
import { loadModel } from "../../src/model/mod.ts";
import {
  decodeModel,
  ElementType,
  graphModel,
  type GraphProto,
  initializer,
  node,
  valueInfo,
} from "../../src/compute/onnx/codec.ts";
import { findBlocks } from "../../src/model/blocks.ts";
import { takeCacheBranch } from "../../src/model/branches.ts";
import { addHooks, hookedName } from "../../src/model/intervene.ts";
import { nameSums } from "../../src/model/sums.ts";
import { assertSentence } from "../lib/sentence.ts";
import { BLOCKS, CONFIG, DIM, smallModel, type Style, VOCAB } from "./small_models.ts";
import { ORT_TEST, writeModelFolder } from "./toy.ts";

const PROMPTS = [Int32Array.of(2, 7, 11, 3, 5), Int32Array.of(2, 9)];
const STEER = Float32Array.from({ length: DIM }, (_, i) => i - 3);

const cases: [Style, boolean, number][] = [
  ["fused", false, 1e-5],
  ["fused with bias", false, 1e-5],
  ["gpt2", false, 1e-5],
  ["fused", true, 0.03],
  ["gpt2", true, 0.03],
];

for (const [style, half, tolerance] of cases) {
  const name = `${style}${half ? ", float16" : ""}`;
  Deno.test({
    name: `capture, logits, lens and interventions are the plain arithmetic's [${name}]`,
    ...ORT_TEST,
    async fn() {
      const small = smallModel(style, half);
      const folder = await writeModelFolder(small.bytes, CONFIG);
      const model = await loadModel(folder, { device: "cpu" });
      assertEquals([model.layers, model.dim, model.vocab], [BLOCKS, DIM, VOCAB]);
      const close = (actual: ArrayLike<number>, at: number, expected: number[], what: string) =>
        expected.forEach((value, i) => assertLess(Math.abs(actual[at + i] - value), tolerance, `${what}, number ${i}`));

      const { residuals, width } = await model.capture(PROMPTS, [0, 1, 2]);
      const plain = await model.logits(PROMPTS);
      const interventions = [
        { layer: 1, steer: { direction: STEER, alpha: 0.5 } },
        { layer: BLOCKS - 1, steer: { direction: STEER, alpha: -0.25 } },
      ];
      const steered = await model.logits(PROMPTS, interventions);
      const again = await model.logits(PROMPTS);
      for (const [i, prompt] of PROMPTS.entries()) {
        const expected = small.forward(prompt);
        const changed = small.forward(prompt, (layer, x) => {
          const alpha = layer === 1 ? 0.5 : layer === BLOCKS - 1 ? -0.25 : 0;
          return x.map((value, j) => value + alpha * STEER[j]);
        });
        for (let position = 0; position < prompt.length; position++) {
          const row = i * width + position;
          for (const [layer, { data }] of residuals) {
            close(data!, row * DIM, expected.streams[layer][position], `stream ${layer}`);
          }
          close(plain.data, row * VOCAB, expected.logits[position], "logits");
          close(again.data, row * VOCAB, expected.logits[position], "logits after an intervention");
          close(steered.data, row * VOCAB, changed.logits[position], "steered logits");
        }
      }
      assertNotEquals(steered.data, plain.data);
      assertEquals(again.data, plain.data);

      const last = residuals.get(BLOCKS - 1)!.data!;
      const tokens = await model.lens(last.slice(0, PROMPTS[0].length * DIM), PROMPTS[0].length, 1);
      const { logits } = small.forward(PROMPTS[0]);
      tokens.forEach(([{ logit }], p) => assertLess(Math.abs(logit - Math.max(...logits[p])), tolerance));
      await model.dispose();
      await Deno.remove(folder, { recursive: true });
    },
  });
}

Deno.test("a hook splits the fused norm: sum, edit, norm, and the sum's other reader takes the edited stream", () => {
  const graph = read(smallModel("fused").bytes);
  const streams = streamsOf(graph);
  assertEquals(streams, [
    "/model/layers.1/input_layernorm/output_3",
    "/model/layers.2/input_layernorm/output_3",
    "/model/layers.3/final_norm_layernorm/output_0/sum",
  ]);
  const [tensor] = streams;
  addHooks(graph, [{ key: "first", tensor, isFlat: true, edits: true, replaces: true }]);
  const readers = graph.node.filter((n) => n.input.includes(hookedName("first")));
  assertEquals(readers.map((n) => n.opType), ["SimplifiedLayerNormalization", "SkipSimplifiedLayerNormalization"]);
  const producer = graph.node.find((n) => n.output.includes(tensor));
  assertEquals(producer?.opType, "Add");
  const before = graph.node.filter((n) => n.input.includes(tensor));
  assert(before.length > 0 && before.every((n) => n.output[0].startsWith("exemplar.hook.first.")));
});

Deno.test("GPT-2's sums are found whichever operand is the branch", () => {
  const graph = read(smallModel("gpt2").bytes);
  assertEquals(streamsOf(graph), [0, 1, 2].map((block) => `/transformer/h.${block}/Add_1_output_0`));
});

Deno.test("a merged decoder without a cache gets a sentence that names a newer export", () => {
  const logits = valueInfo("logits", ElementType.float32, ["b", "s", VOCAB]);
  const branch = () => read(smallModel("gpt2").bytes);
  const graph = graphModel({
    nodes: [node("If", ["use_cache_branch"], ["logits"], { then_branch: branch(), else_branch: branch() })],
    inputs: [valueInfo("use_cache_branch", ElementType.bool, [1])],
    outputs: [logits],
  }).graph!;
  const error = assertThrows(() => takeCacheBranch(graph), Error, "use_cache_branch");
  assertSentence(error as Error, "export the decoder anew");
});

Deno.test("graphs without a stream, or of other blocks than config.json says, get a sentence", () => {
  const weights = [initializer("w", ElementType.float32, [2, 2], new Float32Array(4))];
  const x = valueInfo("x", ElementType.float32, ["b", 2]);
  const logits = valueInfo("logits", ElementType.float32, ["b", 2]);
  const plain = graphModel({
    nodes: [node("MatMul", ["x", "w"], ["logits"])],
    inputs: [x],
    outputs: [logits],
    initializers: weights,
  });
  assertThrows(() => findBlocks(plain.graph!), Error, "residual stream but found no such sum");
  // Parts that do not mix positions tell a block by their names alone.
  const unnamed = read(smallModel("gpt2").bytes, (name) => name.replace(/h\.(\d+)/, "part_$1"));
  const error = assertThrows(() => findBlocks(unnamed, BLOCKS), Error, `after ${BLOCKS} blocks`);
  assertSentence(error as Error, `those of ${2 * BLOCKS}`, "config.json");
});

/** The streams after the blocks. */
function streamsOf(graph: GraphProto): string[] {
  return findBlocks(graph, BLOCKS).map((block) => block.resid_post);
}

function read(bytes: Uint8Array, rename: (name: string) => string = (name) => name): GraphProto {
  const graph = decodeModel(bytes).graph!;
  graph.node.forEach((n, i) => {
    n.name = `node_${i}`;
    n.input = n.input.map(rename);
    n.output = n.output.map(rename);
  });
  nameSums(graph);
  return graph;
}
