import { assertEquals, assertRejects } from "@std/assert";
import { openBackend } from "../../src/compute/mod.ts";
import { Dictionary } from "../../src/partition/mod.ts";
import { inFolder } from "../lib/folder.ts";
import { hubServer, type ServedFile } from "../lib/hub_server.ts";
import { assertSentence } from "../lib/sentence.ts";

const repo = "J-RUM/exemplar-partitioning";
const bytes = await Deno.readFile(new URL("../golden/reference-a/dictionary_p8.pkl", import.meta.url));
const record = {
  discovery_config: {
    model: "google/gemma-2-2b",
    layer: 12,
    context_length: 128,
    model_batch_size: 16,
    extractor: "per-position",
  },
};
const files: Record<string, ServedFile> = {
  "gemma-2-2b_L12_p8/gemma-2-2b_layer12.pkl": { bytes, isLarge: true },
  "gemma-2-2b_L12_p8/gemma-2-2b_layer12_metadata.json": {
    bytes: new TextEncoder().encode(JSON.stringify(record)),
    isLarge: false,
  },
  "gemma-2-2b_L12_p1/gemma-2-2b_layer12.pkl": { bytes: bytes.slice(0, 1000), isLarge: true },
  "gemma-2-2b-it_L20_p10/gemma-2-2b-it_layer20.pkl": { bytes, isLarge: true },
};

Deno.test("a published dictionary comes from the hub, and from the cache when offline", () =>
  inFolder(async (cacheDir) => {
    const backend = await openBackend("cpu");
    let endpoint: string;
    {
      await using hub = hubServer(repo, files);
      endpoint = hub.endpoint;
      const dictionary = await Dictionary.fromHub("gemma-2-2b", { percentile: 8, backend, cacheDir, endpoint });
      assertEquals([dictionary.size, dictionary.percentile], [86, 8]);
      assertEquals(dictionary.source, {
        model: "google/gemma-2-2b",
        hook: { layer: 12, at: "resid_post" },
        extractor: "per-position",
        context: 128,
        batchPrompts: 16,
        chat: false,
        corpus: "monology/pile-uncopyrighted",
      });
      const it = { layer: 20, backend, cacheDir, endpoint };
      assertEquals((await Dictionary.fromHub("gemma-2-2b-it", it)).source, undefined, "nothing was recorded");
    }
    const again = await Dictionary.fromHub("gemma-2-2b", { percentile: 8, backend, cacheDir, endpoint });
    assertEquals(again.size, 86);
  }));

Deno.test("what is not published is a sentence that lists what is", () =>
  inFolder(async (cacheDir) => {
    await using hub = hubServer(repo, files);
    const options = { backend: await openBackend("cpu"), cacheDir, endpoint: hub.endpoint };
    const error = await assertRejects(() => Dictionary.fromHub("gemma-2-2b", { ...options, percentile: 3 }));
    assertSentence(error, "layer 12, p 3", "gemma-2-2b layer 12 at p 1, 8; gemma-2-2b-it layer 20 at p 10");
    const damaged = await assertRejects(() => Dictionary.fromHub("gemma-2-2b", { ...options, percentile: 1 }));
    assertSentence(damaged, "gemma-2-2b_layer12.pkl", "cut off");
  }));
