/** What tells that a file, or one of a folder, is another than before. */
import { assertEquals, assertNotEquals } from "@std/assert";
import { fingerprint } from "../../src/run/mod.ts";
import { inFolder } from "../lib/folder.ts";

Deno.test("every file of a model's folder counts: weights in shards, and a graph's below it", () =>
  inFolder(async (folder) => {
    await Deno.mkdir(`${folder}/onnx`);
    const files = ["config.json", "model-00001-of-00002.safetensors", "pytorch_model.bin", "onnx/model_q4.onnx"];
    for (const file of files) await Deno.writeTextFile(`${folder}/${file}`, "weights");
    for (const file of files) {
      const before = await fingerprint(folder);
      assertEquals(await fingerprint(folder), before);
      await Deno.utime(`${folder}/${file}`, 1, 1);
      assertNotEquals(await fingerprint(folder), before, file);
    }
    assertEquals(await fingerprint(`${folder}/none`), "");
    assertEquals(await fingerprint("fp32"), "");
  }));
