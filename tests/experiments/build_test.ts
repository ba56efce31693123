/** A build that is stopped at its worst moments goes on, and ends with the bytes of one that was not. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { denoCommand, textOf } from "../lib/deno.ts";
import { inFolder } from "../lib/folder.ts";
import { experimentCommand, stoppingCommand } from "./child.ts";

const FLAGS = ("--layers 3 --percentiles 30 --calibration 500 --context 8 --batch 32 --max-tokens 1500 --window 1000 " +
  "--checkpoint-every 2 --device cpu --quiet").split(" ");

const names = (folder: string) => Array.from(Deno.readDirSync(folder), ({ name }) => name).sort();

Deno.test({
  name: "a build goes on after a full disk, and after a kill while its charts are drawn, to the same bytes",
  ignore: Deno.build.os === "windows",
  fn: () =>
    inFolder(async (folder) => {
      const [whole, out] = [`${folder}/whole`, `${folder}/out`];
      const build = (out: string, ...more: string[]) =>
        experimentCommand("build", [...FLAGS, "--out", out, ...more], { stdout: "piped", stderr: "piped" });
      const onFullDisk = denoCommand(
        "run",
        ["--allow-all", "tests/experiments/full_disk_build.ts", ...FLAGS, "--out", out],
        { env: { FULL_FOR: "/.00000006.tmp/" } },
      );
      const [uninterrupted, full] = (await Promise.all([build(whole).output(), onFullDisk.output()])).map(textOf);
      assertEquals(uninterrupted.code, 0, uninterrupted.stderr);
      assertEquals(full.code, 1, full.stderr);
      assertStringIncludes(full.stderr, ".00000006.tmp/L3-p30.arrow: the disk is full. Make room");
      assertEquals(full.stderr.split("the disk is full").length, 2, "said once");
      const [growth] = names(`${out}/checkpoints`).filter((name) => name !== "settings.json");
      assertEquals(names(`${out}/checkpoints/${growth}`), ["00000002", "00000004"]);

      const args = [...FLAGS, "--out", out, "--resume"];
      const drawing = stoppingCommand("growth.svg", "build", args, { stdout: "piped", stderr: "piped" }).spawn();
      const isThere = (file: string) => Deno.stat(`${out}/${file}`).then(() => true, () => false);
      while (!await isThere("growth.svg")) await new Promise((resolve) => setTimeout(resolve, 2));
      drawing.kill("SIGKILL");
      const { signal } = await drawing.output();
      assertEquals([signal, await isThere("report.html")], ["SIGKILL", false]);

      const { code, stderr } = textOf(await build(out, "--resume").output());
      assertEquals([code, stderr], [0, ""]);
      const { outputs } = JSON.parse(await Deno.readTextFile(`${whole}/run.json`));
      assertEquals(names(out), names(whole), "and no checkpoints");
      for (const file of outputs.filter((file: string) => !["run.json", "report.html"].includes(file))) {
        assertEquals(await Deno.readFile(`${out}/${file}`), await Deno.readFile(`${whole}/${file}`), file);
      }
    }),
});
