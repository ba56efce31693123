import { dirname, join, resolve, sep } from "node:path";
import { isInside } from "../../files/inside.ts";
import { readSealedJson } from "../../files/sealed_json.ts";
import { UsageError } from "../command/flags.ts";

/** Folders of what a run has finished so far, which begin anew with it. */
const STEPS = ["checkpoints", "state"];

/**
 * Removes what an earlier run left in a folder, so that nothing of it stands beside a new run's results: the report
 * first, `run.json`, which names the others, last. What no run of ours wrote stays.
 *
 * @param unnamed Files that were written since `run.json` was.
 * @param options `inputs`: files that the new run reads. `note`: takes a sentence for the reader.
 * @throws {UsageError} if a file of the earlier run is one of the inputs; nothing is removed then.
 */
export async function removeOldResults(
  folder: string,
  unnamed: readonly string[],
  { inputs, note }: { readonly inputs: readonly string[]; readonly note: (sentence: string) => void },
): Promise<void> {
  const named = new Set(["report.html", ...await outputsOf(join(folder, "run.json"), note), ...unnamed]);
  named.delete("run.json");
  const paths: string[] = [];
  for (const file of [...named, "run.json"]) if (await isOwn(folder, file)) paths.push(join(folder, file));

  const read = new Set(await Promise.all(inputs.map(realPathOf)));
  const top = await realPathOf(folder);
  const real = await Promise.all(paths.map(realPathOf));
  // Steps of a stopped run go with their folders, whatever else lies there.
  const steps = [...read].find((path) => STEPS.some((name) => `${path}${sep}`.startsWith(join(top, name) + sep)));
  const needed = steps ?? paths.find((_, i) => {
    let above = real[i];
    while (!read.has(above) && above !== top) above = dirname(above);
    return read.has(above);
  });
  if (needed !== undefined) {
    throw new UsageError(
      `Expected --out to be another folder than that of the results that are read, but ${needed} is of an earlier run in ` +
        `${folder}, and would be removed. Choose another with --out.`,
    );
  }
  for (const path of paths) await Deno.remove(path);
}

/** Where a path leads, links followed; as it is where there is nothing. */
async function realPathOf(path: string): Promise<string> {
  try {
    return await Deno.realPath(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return resolve(path);
    throw error;
  }
}

/** What a record names; nothing if there is none. */
async function outputsOf(path: string, note: (sentence: string) => void): Promise<string[]> {
  try {
    const record = await readSealedJson(path, {
      remedy: "remove by hand what is left of that run",
      onWarning: () => {},
    });
    const outputs = Array.isArray(record?.outputs) ? record.outputs : [];
    return outputs.filter((file): file is string => typeof file === "string");
  } catch (error) {
    const { message } = error as Error;
    note(`${message} What the earlier run wrote besides it and report.html may still be beside the results.`);
    return [];
  }
}

/** Whether a name is that of a file in the folder itself: not beyond it, nor behind a link. */
async function isOwn(folder: string, file: string): Promise<boolean> {
  if (!isInside(file)) return false;
  const path = join(folder, file);
  try {
    if (!(await Deno.lstat(path)).isFile) return false;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return false;
    throw error;
  }
  return (await Deno.realPath(path)).startsWith(`${await Deno.realPath(folder)}${sep}`);
}
