/** Models of the hub, here of a server on this machine that the library's requests are led to. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { loadModel } from "../../src/model/load.ts";
import { inFolder } from "../lib/folder.ts";
import { hubServer, type ServedFile } from "../lib/hub_server.ts";
import { assertSentence } from "../lib/sentence.ts";
import { tokenizerFiles } from "./make/tokenizer.ts";
import { CONFIG, smallModel } from "./small_models.ts";
import { assertSameBits, ORT_TEST, weightsApart, writeModelFolder } from "./toy.ts";

const REPO = "owner/small-model";
const WEIGHTS = "model.onnx_data";

/** A model's files, its weights in a file beside the graph. */
async function servedFiles(): Promise<Record<string, ServedFile>> {
  const { graph, weights } = weightsApart(smallModel("gpt2").bytes, WEIGHTS);
  const text = (content: unknown) => ({ bytes: new TextEncoder().encode(JSON.stringify(content)), isLarge: false });
  return {
    "config.json": text(CONFIG),
    ...Object.fromEntries(Object.entries(tokenizerFiles()).map(([name, content]) => [name, text(content)])),
    "onnx/model.onnx": { bytes: graph, isLarge: true },
    [`onnx/${WEIGHTS}`]: { bytes: await weights.bytes(), isLarge: true },
    // Not asked for: another storage type.
    "onnx/model_q4.onnx": { bytes: new Uint8Array(9), isLarge: true },
  };
}

/** Leads requests for the hub to another place, with a cache of its own, while `body` runs. */
async function withHub(endpoint: string, cache: string, body: () => Promise<void>): Promise<void> {
  const { fetch } = globalThis;
  const before = Deno.env.get("HF_HUB_CACHE");
  Deno.env.set("HF_HUB_CACHE", cache);
  globalThis.fetch = (input, init) => fetch(String(input).replace("https://huggingface.co", endpoint), init);
  try {
    await body();
  } finally {
    globalThis.fetch = fetch;
    if (before === undefined) Deno.env.delete("HF_HUB_CACHE");
    else Deno.env.set("HF_HUB_CACHE", before);
  }
}

Deno.test({
  name: "a model of the hub with weights beside its graph is fetched once, with what it needs and no more",
  ...ORT_TEST,
  fn: () =>
    inFolder(async (cache) => {
      await using hub = hubServer(REPO, await servedFiles());
      await withHub(hub.endpoint, cache, async () => {
        const seen = new Map<string, [number, number]>();
        const onDownload = (file: string, loaded: number, total: number) => void seen.set(file, [loaded, total]);
        const model = await loadModel(REPO, { device: "cpu", onDownload });
        assertEquals(model.id, REPO);
        const files = Object.entries(await servedFiles()).filter(([path]) => !path.includes("q4"));
        assertEquals([...seen.keys()].sort(), files.map(([path]) => path).sort());
        for (const [path, { bytes }] of files) assertEquals(seen.get(path), [bytes.length, bytes.length], path);

        const folder = await writeModelFolder(smallModel("gpt2").bytes, CONFIG);
        const local = await loadModel(folder, { device: "cpu" });
        const prompt = [Int32Array.of(2, 7, 11)];
        const { data } = await local.logits(prompt);
        assertSameBits((await model.logits(prompt)).data, data);
        await model.dispose();

        const fetched = hub.downloads;
        assertEquals(fetched, files.length);
        const again = await loadModel(REPO, { device: "cpu" });
        assertEquals(hub.downloads, fetched, "the second time all comes from the cache");
        assertSameBits((await again.logits(prompt)).data, data);
        await again.dispose();
        await local.dispose();
        await Deno.remove(folder, { recursive: true });
      });
    }),
});

Deno.test({
  name: "a hub that cannot be reached, or has no such model, is said in one sentence",
  ...ORT_TEST,
  fn: () =>
    inFolder(async (cache) => {
      await using hub = hubServer(REPO, await servedFiles());
      const refusal = async (id: string, options = {}) =>
        await assertRejects(() => loadModel(id, { device: "cpu", ...options })) as Error;
      await withHub(hub.endpoint, cache, async () => {
        assertSentence(
          await refusal("no-one/no-such-model"),
          '"no-one/no-such-model" on huggingface.co',
          "config.json",
        );
        assertSentence(await refusal(REPO, { dtype: "fp16" }), "no onnx/model_fp16.onnx");
        assertSentence(await refusal(REPO, { dtype: "q4" }), "to hold an ONNX model", "fetch or copy it again");
      });
      // Nobody listens there.
      await withHub("http://127.0.0.1:9", `${cache}/empty`, async () => {
        const error = await refusal(REPO);
        assertSentence(error, `Expected to fetch "${REPO}" from huggingface.co`, "a local folder with config.json");
        assert(error.message.includes("cannot be reached"), error.message);
      });
    }),
});
