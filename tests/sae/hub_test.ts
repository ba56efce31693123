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

Deno.test("a coder of sparsify on the hub tells the model of its run, which stands in the folder above", () =>
  inFolder(async (folder) => {
    const coder = new URL("../field/inputs/sparsify/layers.3", import.meta.url).pathname;
    const files: Record<string, ServedFile> = {};
    for (const name of ["cfg.json", "sae.safetensors"]) {
      const bytes = await Deno.readFile(`${coder}/${name}`);
      for (const run of ["", "runs/two/", "runs/bare/"]) files[`${run}layers.3/${name}`] = { bytes, isLarge: false };
    }
    files["config.json"] = textFile({ model: "EleutherAI/pythia-70m" });
    files["runs/two/config.json"] = textFile({ model: "gpt2" });
    await using hub = hubServer("owner/coders", files);
    const none = { HF_HOME: `${folder}/none`, HF_TOKEN: "", HF_HUB_OFFLINE: "", HF_ENDPOINT: "" };
    const modelOf = async (name: string, cache: string, offline = false) => {
      const restore = configureHub({ endpoint: hub.endpoint, cacheDir: `${folder}/${cache}`, offline });
      try {
        using sae = await readSae(name, { backend: "cpu" });
        return sae.source.model;
      } finally {
        restore();
      }
    };
    await withVariables(none, async () => {
      const root = "hf://owner/coders";
      assertEquals(await modelOf(`${root}/layers.3`, "cache"), "EleutherAI/pythia-70m");
      assertEquals(await modelOf(`${root}/runs/two/layers.3/sae.safetensors`, "cache"), "gpt2");
      assertEquals(await modelOf(`${root}/runs/bare/layers.3`, "cache"), undefined, "a run without a configuration");
      // Once they are here nobody is asked.
      const { length } = hub.asked;
      assertEquals(await modelOf(`${root}/layers.3`, "cache"), "EleutherAI/pythia-70m");
      assertEquals(await modelOf(`${root}/runs/bare/layers.3`, "cache"), undefined);
      assertEquals(hub.asked.length, length);
      // A cache of the folder alone does without, where nobody can be asked.
      const [{ name: repo }] = [...Deno.readDirSync(`${folder}/cache`)].filter(({ name }) =>
        name.startsWith("models--")
      );
      const [{ name: commit }] = Deno.readDirSync(`${folder}/cache/${repo}/snapshots`);
      await Deno.remove(`${folder}/cache/${repo}/snapshots/${commit}/config.json`);
      assertEquals(await modelOf(`${root}/layers.3`, "cache", true), undefined);
    });
  }));
