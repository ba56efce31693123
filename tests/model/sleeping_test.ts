/** While threads of a session wait for each other, the cores are others': of every session, whatever else it is opened with. */
import { assert, assertEquals } from "@std/assert";
import { openBackend } from "../../src/compute/mod.ts";
import { type InferenceSession, nativeRuntime } from "../../src/compute/ort.ts";
import { loadModel } from "../../src/model/mod.ts";
import { ORT_TEST, prompts, TOY } from "./toy.ts";

Deno.test({
  name: "threads of native sessions sleep while they wait, a model's and the backend's",
  ...ORT_TEST,
  async fn() {
    const settings = await settingsWhile(async () => {
      await using model = await loadModel(TOY, { device: "cpu" });
      await model.logits(prompts(model));
      const backend = await openBackend("cpu");
      const matrix = backend.upload(new Float32Array([1, 2, 3, 4]), 2, 2);
      await backend.similarities(matrix, matrix);
    });
    // One that looked at the graph, one of the logits, one of the product.
    assert(settings.length >= 3, `${settings.length} sessions`);
    for (const extra of settings) assertEquals(extra["session.intra_op.allow_spinning"], "0");
    // A model's weights stay in its files.
    assert(settings.some(({ session }) => session), "no session with more settings");
  },
});

/** What native sessions are opened with while `run` goes on. */
async function settingsWhile(run: () => Promise<void>): Promise<Record<string, unknown>[]> {
  const { InferenceSession } = await nativeRuntime();
  const create = InferenceSession.create;
  const settings: Record<string, unknown>[] = [];
  // `create` is overloaded for paths and bytes; both are handed on as they came.
  InferenceSession.create = ((source: Uint8Array, options?: InferenceSession.SessionOptions) => {
    settings.push(options?.extra ?? {});
    return create.call(InferenceSession, source, options);
  }) as typeof create;
  try {
    await run();
  } finally {
    InferenceSession.create = create;
  }
  return settings;
}
