/** Run by refused_run_test.ts: calls two models of which some are refused on WebGPU, and prints what became of each. */
import { loadModel } from "../../src/model/mod.ts";
import { decodeModel, ElementType, encodeModel, initializer, node } from "../../src/compute/onnx/codec.ts";
import { gpuDevice } from "../../src/compute/device.ts";
import { redirect } from "../../src/model/graph.ts";
import { CONFIG, DIM, smallModel } from "./small_models.ts";
import { writeModelFolder } from "./toy.ts";

/** The token that the graph is refused for. */
const BAD = 13;

const GOOD_PROMPT = [Int32Array.of(2, 7, 11, 3)];
const BAD_PROMPT = [Int32Array.of(2, BAD, 11)];

const folder = await writeModelFolder(refusing(smallModel("gpt2").bytes), CONFIG);
const model = await loadModel(folder, { device: "webgpu" });
const other = await loadModel(folder, { device: "webgpu" });
const capture = (prompts: Int32Array[]) => model.capture(prompts, [1]);
const logits = async (of: typeof model, prompts: Int32Array[]) => (await of.logits(prompts)).data[0].toFixed(3);
const steer = [{ layer: 1, steer: { direction: new Float32Array(DIM).fill(1), alpha: 1 } }];
let kept: Awaited<ReturnType<typeof capture>> | undefined;

await tell("logits", () => logits(model, GOOD_PROMPT));
await tell("bad logits", () => logits(model, BAD_PROMPT));
await tell("bad logits again", () => logits(model, BAD_PROMPT));
await Promise.all([1, 2].map((i) => tell(`bad logits together ${i}`, () => logits(model, BAD_PROMPT))));
await tell("logits of another model", () => logits(other, GOOD_PROMPT));
await tell("logits after", () => logits(model, GOOD_PROMPT));
await tell("bad steered logits", () => model.logits(BAD_PROMPT, steer));
await tell("bad steered logits again", () => model.logits(BAD_PROMPT, steer));
await tell("steered logits", async () => void await model.logits(GOOD_PROMPT, steer));
await tell("bad generation", () => model.generate(BAD_PROMPT, { maxNewTokens: 1 }));
await tell("bad generation again", () => model.generate(BAD_PROMPT, { maxNewTokens: 1 }));
await tell("capture", async () => void (kept = await capture(GOOD_PROMPT)));
await tell("bad capture", () => capture(BAD_PROMPT));
await Promise.all([1, 2].map((i) => tell(`bad capture together ${i}`, () => capture(BAD_PROMPT))));
await tell("capture after", async () => (await capture(GOOD_PROMPT)).residuals.get(1)!.dispose());
await tell(
  "disposal of what was captured before",
  async () => await Promise.resolve(kept?.residuals.get(1)?.dispose()),
);
await tell("a wrong command of ours", async () => {
  (await gpuDevice()).createBuffer({ size: 4, usage: 0xffff });
  await model.logits(GOOD_PROMPT);
});
await tell("disposal", () => model.dispose());
(await gpuDevice()).destroy();
await tell("a lost device", () => logits(other, GOOD_PROMPT));
await tell("a lost device again", () => logits(other, GOOD_PROMPT));
await tell("disposal with a lost device", () => other.dispose());
await Deno.remove(folder, { recursive: true });
Deno.exit();

async function tell(what: string, call: () => Promise<unknown>): Promise<void> {
  const outcome = await call().then((value) => value ?? "done", (error) => `${error.name}: ${error.message}`);
  console.log(JSON.stringify([what, outcome]));
}

/** Gives the embedding a shape that it cannot have where a prompt holds the bad token: onnxruntime throws there. */
function refusing(bytes: Uint8Array): Uint8Array {
  const decoded = decodeModel(bytes);
  const graph = decoded.graph!;
  const embedding = "/transformer/Add_output_0";
  const numbers = (name: string, values: bigint[]) =>
    initializer(name, ElementType.int64, [values.length], BigInt64Array.from(values));
  redirect(graph.node, embedding, "reshaped", new Set());
  const at = graph.node.findIndex(({ output }) => output.includes(embedding));
  graph.node.splice(
    at + 1,
    0,
    node("Equal", ["input_ids", "bad"], ["is_bad"]),
    node("Cast", ["is_bad"], ["bad_count"], { to: BigInt(ElementType.int64) }),
    node("ReduceMax", ["bad_count"], ["any_bad"], { keepdims: 0n }),
    // Put together by Concat, the shape would be fused to one that always fits.
    node("Mul", ["any_bad", "last"], ["more"]),
    node("Add", ["more", "right_shape"], ["shape"]),
    node("Reshape", [embedding, "shape"], ["reshaped"]),
  );
  graph.initializer.push(
    numbers("bad", [BigInt(BAD)]),
    numbers("last", [0n, 0n, 1n]),
    numbers("right_shape", [0n, 0n, BigInt(DIM)]),
  );
  return encodeModel(decoded);
}
