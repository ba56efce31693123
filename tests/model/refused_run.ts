/** Run by refused_run_test.ts: calls two models of which some are refused on WebGPU, and prints what became of each. */
import { decodeModel, ElementType, encodeModel, initializer, node } from "../../src/compute/onnx/codec.ts";
import { gpuDevice } from "../../src/compute/device.ts";
import { loadModel } from "../../src/model/load.ts";
import { redirect } from "../../src/model/graph.ts";
import { CONFIG, DIM, smallModel } from "./small_models.ts";
import { writeModelFolder } from "./toy.ts";

const EVEN = [Int32Array.of(2, 7, 11, 3)];
const ODD = [Int32Array.of(2, 7, 11)];

const folder = await writeModelFolder(forEvenLengths(smallModel("gpt2").bytes), CONFIG);
const model = await loadModel(folder, { device: "webgpu" });
const other = await loadModel(folder, { device: "webgpu" });
const capture = (prompts: Int32Array[]) => model.capture(prompts, [1]);
const logits = async (of: typeof model, prompts: Int32Array[]) => (await of.logits(prompts)).data[0].toFixed(3);
const steer = [{ layer: 1, steer: { direction: new Float32Array(DIM).fill(1), alpha: 1 } }];
let kept: Awaited<ReturnType<typeof capture>> | undefined;

await tell("logits", () => logits(model, EVEN));
await tell("odd logits", () => logits(model, ODD));
await tell("odd logits again", () => logits(model, ODD));
await Promise.all([1, 2].map((i) => tell(`odd logits together ${i}`, () => logits(model, ODD))));
await tell("logits of another model", () => logits(other, EVEN));
await tell("logits after", () => logits(model, EVEN));
await tell("odd steered logits", () => model.logits(ODD, steer));
await tell("odd steered logits again", () => model.logits(ODD, steer));
await tell("steered logits", async () => void await model.logits(EVEN, steer));
await tell("odd generation", () => model.generate(ODD, { maxNewTokens: 1 }));
await tell("odd generation again", () => model.generate(ODD, { maxNewTokens: 1 }));
await tell("capture", async () => void (kept = await capture(EVEN)));
await tell("odd capture", () => capture(ODD));
await Promise.all([1, 2].map((i) => tell(`odd capture together ${i}`, () => capture(ODD))));
await tell("capture after", async () => (await capture(EVEN)).residuals.get(1)!.dispose());
await tell(
  "disposal of what was captured before",
  async () => await Promise.resolve(kept?.residuals.get(1)?.dispose()),
);
await tell("a bad command of ours", async () => {
  (await gpuDevice()).createBuffer({ size: 4, usage: 0xffff });
  await model.logits(EVEN);
});
await tell("disposal", () => model.dispose());
(await gpuDevice()).destroy();
await tell("a lost device", () => logits(other, EVEN));
await tell("a lost device again", () => logits(other, EVEN));
await tell("disposal with a lost device", () => other.dispose());
await Deno.remove(folder, { recursive: true });
Deno.exit();

async function tell(what: string, call: () => Promise<unknown>): Promise<void> {
  const outcome = await call().then((value) => value ?? "done", (error) => `${error.name}: ${error.message}`);
  console.log(JSON.stringify([what, outcome]));
}

/** Folds pairs of positions and unfolds them: onnxruntime throws where one is left over. Takes one prompt at a time. */
function forEvenLengths(bytes: Uint8Array): Uint8Array {
  const decoded = decodeModel(bytes);
  const graph = decoded.graph!;
  const embedding = "/transformer/Add_output_0";
  const shape = (name: string, dims: bigint[]) =>
    initializer(name, ElementType.int64, [dims.length], BigInt64Array.from(dims));
  redirect(graph.node, embedding, "unfolded", new Set());
  graph.node.push(
    node("Reshape", [embedding, "pairs"], ["folded"]),
    node("Reshape", ["folded", "singles"], ["unfolded"]),
  );
  graph.initializer.push(shape("pairs", [1n, -1n, 2n * BigInt(DIM)]), shape("singles", [1n, -1n, BigInt(DIM)]));
  return encodeModel(decoded);
}
