import { assert, assertAlmostEquals, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { openBackend } from "../../src/compute/mod.ts";
import type { HookSite, LanguageModel } from "../../src/model/mod.ts";
import { openSae, UsageError } from "../../src/run/mod.ts";
import { numbersOf, withExperiment } from "./child.ts";

Deno.test("an SAE of another layer, hook or width is refused with a sentence", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.mkdir(`${folder}/layer_5`);
    const path = `${folder}/layer_5/params.npz`;
    await Deno.copyFile(new URL("../../fixtures/sae/params.npz", import.meta.url), path);
    const backend = await openBackend("cpu");
    const open = (dim: number, layer: number, hook: HookSite = "resid_post") =>
      openSae(path, backend, { id: "toy", dim, hook } as LanguageModel, layer);
    await assertRejects(() => open(192, 4), UsageError, "resid_post of layer 5: give --hook resid_post --layers 5");
    await assertRejects(() => open(192, 5, "attn_out"), UsageError, "Expected an SAE of attn_out of layer 5 but");
    await assertRejects(() => open(64, 5), UsageError, "takes 192");
    assertEquals((await open(192, 5)).size, 2048);
    assertEquals((await open(192, 6, "resid_pre")).size, 2048, "what enters layer 6 is what layer 5 puts out");
    // Its vectors are of another place, whatever it reads.
    const transcoder = new URL("../field/inputs/lens-transcoder/sae", import.meta.url).pathname;
    const config = JSON.parse(await Deno.readTextFile(`${transcoder}/cfg.json`));
    config.metadata.hook_name = "blocks.3.hook_resid_post";
    await Deno.writeTextFile(`${folder}/cfg.json`, JSON.stringify(config));
    await Deno.copyFile(`${transcoder}/sae_weights.safetensors`, `${folder}/sae_weights.safetensors`);
    const model = { id: "toy", dim: 8, hook: "resid_post" } as LanguageModel;
    await assertRejects(
      () => openSae(folder, backend, model, 3),
      UsageError,
      "is a transcoder, which predicts another",
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("an SAE that does not say what it reads is read, and that is said", async () => {
  const backend = await openBackend("cpu");
  const model = { id: "gemma-2-toy", dim: 192, hook: "resid_post" } as LanguageModel;
  const notes: string[] = [];
  const onNote = (note: string) => notes.push(note);
  using _ = await openSae("fixtures/sae", backend, model, 4, { onNote });
  assertEquals(notes.length, 1);
  assertStringIncludes(notes[0], "does not say what it reads and is taken for one of resid_post of layer 4");
  using __ = await openSae("fixtures/sae", backend, model, 4, { onNote, isDeclared: true });
  assertEquals(notes.length, 1);
});

const SMALL =
  "--device cpu --percentiles 8,16 --seeds 2 --draws 2 --tokens 3000 --max-tokens 4000 --calibration 2000 --batch 32";

Deno.test("overlap leaves tables, charts, examples and report, and chance beside the shares", () =>
  withExperiment("overlap", SMALL.split(" "), async ({ code, stdout, stderr, out, record }) => {
    assertEquals([code, stderr], [0, ""]);
    for (const file of record.outputs) assert((await Deno.stat(`${out}/${file}`)).size > 0, file);
    const { findings } = record;
    assert(numbersOf(findings).every(Number.isFinite), stdout);
    assertEquals(findings.percentiles, [8, 16]);
    const shares = (key: string) => findings[key] as number[];
    for (const key of ["share_f1_above_half_ep", "share_f1_above_half_sae", "share_shuffled"]) {
      assertEquals(shares(key).length, 2, key);
      assert(shares(key).every((share) => share >= 0 && share <= 1), `${key}: ${shares(key)}`);
    }
    // The same tokens say more than permuted ones.
    shares("share_f1_above_half_ep").forEach((share, i) => assert(share > shares("share_shuffled")[i], `${share}`));
    assertAlmostEquals(findings.shown_share_ep as number, shares("share_f1_above_half_ep")[0], 1e-12);
    const report = await Deno.readTextFile(`${out}/report.html`);
    assertStringIncludes(report, '<p class="answer">At p 8 (');
    for (const heading of ["Shared core", "What only EP has", "What only the SAE has"]) {
      assertStringIncludes(report, heading);
    }
    assertStringIncludes(stdout, "another model than this one");
  }));

Deno.test("overlap compares one layer", () =>
  withExperiment("overlap", ["--layers", "3,4"], ({ code, stderr }) => {
    assertEquals(code, 2);
    assertStringIncludes(stderr, "Expected --layers to be exactly one value but got 2: 3, 4.");
  }));
