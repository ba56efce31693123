import { assert, assertEquals } from "@std/assert";

Deno.test("refusal leaves tables, charts, a report and finite findings", async () => {
  const out = await Deno.makeTempDir();
  try {
    const flags =
      "--layers 6 --percentiles 0.1,2 --seeds 1 --prompts 40 --heldout 6 --tokens 12 --top-k 1 --alphas 0.5";
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "-A",
        "--no-lock",
        "experiments/refusal.ts",
        "--quiet",
        "--device",
        "cpu",
        "--out",
        out,
        ...flags.split(" "),
      ],
      stdout: "null",
      stderr: "piped",
    }).output();
    assertEquals([code, new TextDecoder().decode(stderr)], [0, ""]);
    const { findings, outputs } = JSON.parse(await Deno.readTextFile(`${out}/run.json`));
    const files = new Set([...Deno.readDirSync(out)].map(({ name }) => name));
    assertEquals(outputs.filter((name: string) => !files.has(name)), []);
    for (const key of ["baseline_refusal_rate", "benign_refusal_rate", "best_delta", "cos_mean_exemplar"]) {
      assert(Number.isFinite(findings[key]), `${key}: ${findings[key]}`);
    }
    assert("null_delta" in findings);
    assertEquals(Object.keys(findings.best_setting), ["layer", "p", "basis", "k", "seed"]);
    assertEquals([findings.best_setting.p, findings.delta_by_seed.length], [2, 1]);
    // The template's shared beginnings make the other percentile's threshold 0: the sweep says so and goes on.
    assert((await Deno.readTextFile(`${out}/report.html`)).includes("Settings that failed"));
  } finally {
    await Deno.remove(out, { recursive: true });
  }
});

Deno.test("refusal says so when no dictionary has a region of refusal", async () => {
  const out = await Deno.makeTempDir();
  try {
    const flags = "--layers 6 --percentiles 0.1 --seeds 1 --prompts 8 --heldout 2 --tokens 4";
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "-A",
        "--no-lock",
        "experiments/refusal.ts",
        "--quiet",
        "--device",
        "cpu",
        "--out",
        out,
        ...flags.split(" "),
      ],
      stdout: "piped",
      stderr: "piped",
    }).output();
    assertEquals([code, new TextDecoder().decode(stderr)], [0, ""]);
    assert(new TextDecoder().decode(stdout).includes("nothing to ablate"));
    const { findings } = JSON.parse(await Deno.readTextFile(`${out}/run.json`));
    assertEquals([findings.best_delta, findings.best_setting, findings.delta_by_seed], [null, null, []]);
  } finally {
    await Deno.remove(out, { recursive: true });
  }
});
