/** A run that is killed, also while it writes a checkpoint, and gone on with ends with the files of one that never was. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Buffer } from "node:buffer";
import { denoCommand } from "../lib/deno.ts";
import { inFolder } from "../lib/folder.ts";

const CHILD = new URL("kill_child.ts", import.meta.url).pathname;
const FILES = [
  "calibration.arrow",
  ...["p2", "p30", "p8"].flatMap((name) => [`${name}.arrow`, `${name}.calibration.json`]),
];
const MILLISECONDS_A_BATCH = 150;

/** Runs the child, which may die by itself or be killed some time after it says a batch; gives the batches it said. */
async function run(folder: string, options: { renames?: number; killAfter?: number } = {}) {
  const args = ["--allow-all", CHILD, folder];
  const { renames = Infinity, killAfter = Infinity } = options;
  // It stops some batches later, so that on a busy machine it does not come to its end before it is killed.
  args.push(String(renames), String(killAfter + 3));
  const child = denoCommand("run", args, { stdout: "piped", stderr: "piped" }).spawn();
  const errors = new Response(child.stderr).text();
  const batches: number[] = [];
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    batches.push(...text.split("\n").filter(Boolean).map(Number));
    if (batches.at(-1)! < killAfter) continue;
    // Anywhere between two batches: in the model, in the dictionaries, in a file.
    await new Promise((resolve) => setTimeout(resolve, Math.random() * MILLISECONDS_A_BATCH));
    child.kill("SIGKILL");
    break;
  }
  const { success, signal } = await child.status;
  return { batches, success, signal, errors: await errors };
}

const names = (folder: string) => Array.from(Deno.readDirSync(folder), ({ name }) => name).sort();

Deno.test({
  name: "a discovery that is killed three times ends with the bytes of one that was not",
  ignore: Deno.build.os === "windows",
  fn: () =>
    inFolder(async (folder) => {
      const [whole, killed] = [`${folder}/whole`, `${folder}/killed`];
      const uninterrupted = await run(whole);
      assert(uninterrupted.success, uninterrupted.errors);
      assertEquals(names(whole), [FILES[0], "checkpoints", ...FILES.slice(1)]);
      const last = uninterrupted.batches.at(-1)!;
      assert(last > 10, `${last} batches are too few to be killed in`);

      // A checkpoint is five renames: three dictionaries, the state, the folder; before the first there is the calibration.
      const first = await run(killed, { renames: 1 + 5 + 2 });
      assertEquals([first.signal, first.batches], ["SIGKILL", [1, 2, 3, 4]]);
      assertEquals(names(`${killed}/checkpoints`), [".00000004.tmp", "00000002"], "killed while writing a dictionary");

      const second = await run(killed, { killAfter: 7 });
      assertEquals([second.signal, second.batches[0]], ["SIGKILL", 3], "goes on after the checkpoint");
      const kept = Number(names(`${killed}/checkpoints`).filter((name) => !name.startsWith(".")).at(-1));
      assert(kept >= 6 && kept % 2 === 0, `the checkpoint after batch 6, or a later one, is kept but not ${kept}`);

      const third = await run(killed, { renames: 4 });
      assertEquals([third.signal, third.batches], ["SIGKILL", [kept + 1, kept + 2]]);
      const unfinished = `.${String(kept + 2).padStart(8, "0")}.tmp`;
      assert(names(`${killed}/checkpoints`).includes(unfinished), "killed with all but its name written");

      // The disk spoils what was written last: the one before is as good.
      const newest = `${killed}/checkpoints/${String(kept).padStart(8, "0")}`;
      await Deno.writeFile(`${newest}/L3-p8.arrow`, new Uint8Array((await Deno.stat(`${newest}/L3-p8.arrow`)).size));

      const fourth = await run(killed);
      assert(fourth.success, fourth.errors);
      assertEquals([fourth.batches[0], fourth.batches.at(-1)], [kept - 1, last]);
      assertStringIncludes(fourth.errors, `${newest} is damaged`);
      for (const file of FILES) {
        const same = Buffer.compare(await Deno.readFile(`${killed}/${file}`), await Deno.readFile(`${whole}/${file}`));
        assertEquals(same, 0, `${file} has other bytes`);
      }
      const [before, checkpoint] = names(`${whole}/checkpoints`);
      assertEquals(names(`${killed}/checkpoints`), [before, checkpoint], "only the last two checkpoints are left");
      const state = `checkpoints/${checkpoint}/state.json`;
      assertEquals(await Deno.readTextFile(`${killed}/${state}`), await Deno.readTextFile(`${whole}/${state}`));
    }),
});
