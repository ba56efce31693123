/** The README's own experiment, as it stands there. */
import { assert, assertEquals } from "@std/assert";
import { readArrow } from "../../src/files/mod.ts";
import { deno } from "../lib/deno.ts";
import { inFolder } from "../lib/folder.ts";

const ROOT = new URL("../../", import.meta.url);

Deno.test("the README's experiment has at most 40 lines, and leaves its tables, its chart and its page", () =>
  inFolder(async (folder) => {
    const readme = await Deno.readTextFile(new URL("README.md", ROOT));
    const [, script] = /### An experiment of yours[\s\S]*?```ts ignore\n([\s\S]*?)```/.exec(readme)!;
    assert(script.trim().split("\n").length <= 40, script);
    // A file of its own, so that its types are checked with all others'.
    const path = new URL("readme_own.ts", import.meta.url);
    assertEquals(await Deno.readTextFile(path), script.replaceAll('"./src/', '"../../src/'));
    const flags = [
      "--max-tokens",
      "2000",
      "--percentiles",
      "20",
      "--device",
      "cpu",
      "--quiet",
      "--out",
      `${folder}/out`,
    ];
    const { success, stderr, stdout } = await deno("run", ["--allow-all", path.href, ...flags]);
    assert(success, stderr);
    assert(stdout.includes("The AUROCs are 0."), stdout);
    const names = await Array.fromAsync(Deno.readDir(`${folder}/out`), ({ name }) => name);
    assertEquals(names.sort(), [
      ...["auroc.png", "auroc.svg", "auroc.vl.json", "regions.arrow", "report.html", "run.json", "scores.arrow"],
    ]);
    const scores = await readArrow(`${folder}/out/scores.arrow`);
    assertEquals([...scores.getChild("kind")!], ["regions", "coreset", "regions", "coreset"]);
  }));
