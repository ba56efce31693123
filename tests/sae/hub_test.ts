/** Autoencoders of the hub, named by their folder or by the weights in it. */
import { assertEquals } from "@std/assert";
import { configureHub } from "../../mod.ts";
import { writeNpz } from "../../src/files/mod.ts";
import { readSae } from "../../src/sae/mod.ts";
import { inFolder } from "../lib/folder.ts";
import { hubServer, type ServedFile, textFile } from "../lib/hub_server.ts";
import { writeTorch } from "../lib/torch_file.ts";
import { withVariables } from "../lib/variables.ts";
import { randomWeights, tensorsOf } from "./forward.ts";

const WEIGHTS = randomWeights({ W_enc: [4, 6], b_enc: [6], W_dec: [6, 4], b_dec: [4], threshold: [6] });

async function served(folder: string): Promise<Record<string, ServedFile>> {
  await writeTorch(`${folder}/ae.pt`, WEIGHTS);
  await writeNpz(`${folder}/params.npz`, tensorsOf(WEIGHTS));
  const trainer = { dict_class: "BatchTopKSAE", layer: 3, submodule_name: "resid_post_layer_3" };
  return {
    "layer_3/trainer_0/ae.pt": { bytes: await Deno.readFile(`${folder}/ae.pt`), isLarge: true },
    "layer_3/trainer_0/config.json": textFile({ trainer, buffer: { io: "out" } }),
    "layer_3/width_16k/params.npz": { bytes: await Deno.readFile(`${folder}/params.npz`), isLarge: true },
  };
}

Deno.test("weights of the hub come with the configuration beside them, and are of what the repository's name says", () =>
  inFolder(async (folder) => {
    const hubs = { "owner/lm_sae": "layer_3/trainer_0", "google/gemma-scope-2b-pt-mlp": "layer_3/width_16k" };
    const told: unknown[] = [];
    for (const [repo, path] of Object.entries(hubs)) {
      await using hub = hubServer(repo, await served(folder));
      await withVariables(
        { HF_HOME: `${folder}/none`, HF_TOKEN: "", HF_HUB_OFFLINE: "", HF_ENDPOINT: "" },
        async () => {
          const restore = configureHub({ endpoint: hub.endpoint, cacheDir: `${folder}/${repo}` });
          try {
            const file = repo.startsWith("owner") ? "ae.pt" : "params.npz";
            for (const name of [`hf://${repo}/${path}/${file}`, `hf://${repo}/${path}`]) {
              using sae = await readSae(name, { backend: "cpu" });
              const { hook, layer, format } = sae.source;
              told.push([format, hook, layer]);
            }
          } finally {
            restore();
          }
        },
      );
    }
    const stream = ["dictionary-learning", "blocks.3.hook_resid_post", 3];
    const mlp = ["gemma-scope", "blocks.3.hook_mlp_out", undefined];
    assertEquals(told, [stream, stream, mlp, mlp]);
  }));
