import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { withExperiment } from "./child.ts";

Deno.test("refusal leaves tables, charts, a report and finite findings", async () => {
  const flags =
    "--device cpu --layers 6 --percentiles 0.1,2 --seeds 1 --prompts 40 --heldout 6 --tokens 12 --top-k 1 --alphas 0.5";
  await withExperiment("refusal", flags.split(" "), async ({ code, stderr, out, record }) => {
    assertEquals([code, stderr], [0, ""]);
    // deno-lint-ignore no-explicit-any
    const findings: any = record.findings;
    const files = new Set([...Deno.readDirSync(out)].map(({ name }) => name));
    assertEquals(record.outputs.filter((name) => !files.has(name)), []);
    for (const key of ["baseline_refusal_rate", "benign_refusal_rate", "best_delta", "cos_mean_exemplar"]) {
      assert(Number.isFinite(findings[key]), `${key}: ${findings[key]}`);
    }
    assert("null_delta" in findings);
    assertEquals(Object.keys(findings.best_setting), ["layer", "p", "basis", "k", "seed"]);
    assertEquals([findings.best_setting.p, findings.delta_by_seed.length], [2, 1]);
    // The template's shared beginnings make the other percentile's threshold 0: the sweep says so and goes on.
    assertStringIncludes(await Deno.readTextFile(`${out}/report.html`), "Settings that failed");
  });
});

Deno.test("refusal says so when no dictionary has a region of refusal", async () => {
  const flags = "--device cpu --layers 6 --percentiles 0.1 --seeds 1 --prompts 8 --heldout 2 --tokens 4";
  await withExperiment("refusal", flags.split(" "), ({ code, stdout, stderr, record: { findings } }) => {
    assertEquals([code, stderr], [0, ""]);
    assertStringIncludes(stdout, "nothing to ablate");
    assertEquals([findings.best_delta, findings.best_setting, findings.delta_by_seed], [null, null, []]);
  });
});
