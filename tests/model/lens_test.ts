/** The lens of a half-precision model whose norms are written out, as exporters before LayerNormalization did. */
import { assertLess } from "@std/assert";
import { loadModel } from "../../src/model/mod.ts";
import {
  decodeModel,
  ElementType,
  encodeModel,
  type GraphProto,
  initializer,
  node,
  type NodeProto,
} from "../../src/compute/onnx/codec.ts";
import { skipWebGpu } from "../lib/backends.ts";
import { BLOCKS, CONFIG, smallModel } from "./small_models.ts";
import { ORT_TEST, writeModelFolder } from "./toy.ts";

const PROMPT = [2, 7, 11, 3, 5];

for (const device of ["cpu", "webgpu"] as const) {
  // onnxruntime fuses such norms to an operator of its own before opset 17, and to the standard's from then on.
  for (const opset of [14, 17]) {
    Deno.test({
      name: `the lens of float16 norms in parts is the plain arithmetic's [${device}, opset ${opset}]`,
      ignore: device === "webgpu" && skipWebGpu,
      ...ORT_TEST,
      async fn() {
        const small = smallModel("gpt2", true);
        const folder = await writeModelFolder(withNormsInParts(small.bytes, opset), CONFIG);
        const model = await loadModel(folder, { device });
        const { streams, logits } = small.forward(PROMPT);
        const rows = Float32Array.from(streams[BLOCKS - 1].flat());
        const tokens = await model.lens(rows, PROMPT.length, 1);
        tokens.forEach(([{ logit }], p) => assertLess(Math.abs(logit - Math.max(...logits[p])), 0.03));
        await model.dispose();
        await Deno.remove(folder, { recursive: true });
      },
    });
  }
}

function withNormsInParts(bytes: Uint8Array, opset: number): Uint8Array {
  const model = decodeModel(bytes);
  model.opsetImport.find(({ domain }) => domain === "")!.version = BigInt(opset);
  const graph: GraphProto = model.graph!;
  const scalar = (name: string, value: number) => initializer(name, ElementType.float16, [], Float16Array.of(value));
  graph.initializer.push(scalar("two", 2), scalar("epsilon", 1e-5));
  graph.node = graph.node.flatMap((n) => n.opType === "LayerNormalization" ? normInParts(n) : [n]);
  return encodeModel(model);
}

function normInParts({ input: [x, gamma, beta], output: [y] }: NodeProto): NodeProto[] {
  const part = (name: string) => `${y}/${name}`;
  const last = { axes: [-1n], keepdims: 1n };
  return [
    node("ReduceMean", [x], [part("mean")], last),
    node("Sub", [x, part("mean")], [part("centered")]),
    node("Pow", [part("centered"), "two"], [part("squares")]),
    node("ReduceMean", [part("squares")], [part("variance")], last),
    node("Add", [part("variance"), "epsilon"], [part("safe")]),
    node("Sqrt", [part("safe")], [part("deviation")]),
    node("Div", [part("centered"), part("deviation")], [part("normed")]),
    node("Mul", [part("normed"), gamma], [part("scaled")]),
    node("Add", [part("scaled"), beta], [y]),
  ];
}
