/** Captures, steers and captures again, and prints the most memory in bytes that this process ever took (Linux). */
import { loadModel } from "../../src/model/mod.ts";

const model = await loadModel(Deno.args[0], { device: "cpu" });
const prompts = [Int32Array.of(2, 7, 11, 3, 5, 9, 8, 14), Int32Array.of(2, 9)];
const last = model.layers - 1;
await model.capture(prompts, [last]);
const direction = new Float32Array(model.dim).fill(1, 0, 1);
await model.logits(prompts, [{ layer: last >> 1, steer: { direction, alpha: 3 } }]);
await model.capture(prompts, [last]);
await model.dispose();
console.log(1024 * Number(/VmHWM:\s+(\d+)/.exec(await Deno.readTextFile("/proc/self/status"))![1]));
