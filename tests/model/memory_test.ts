/** Weights are in memory about once, whatever a model is used for. */
import { assert, assertGreater, assertLess } from "@std/assert";
import { statfsSync } from "node:fs";
import { inFolder } from "../lib/folder.ts";
import { makeBigModel, peakOf } from "./big_model.ts";

/** So many that they stay in their file. */
const BYTES = 3e8;

const reason = whyNot();

Deno.test({
  name: `a process that captures and steers takes at most 1.25 times a model's weights${
    reason && ` (skipped: ${reason})`
  }`,
  ignore: reason !== "",
  fn: () =>
    inFolder(async (folder) => {
      await makeBigModel(`${folder}/small`, 3e6);
      const weights = await makeBigModel(`${folder}/big`, BYTES);
      assertLess(Math.abs(weights / BYTES - 1), 0.1);
      const [small, big] = [await peakOf(`${folder}/small`), await peakOf(`${folder}/big`)];
      const times = (big - small) / weights;
      // All weights were there, or the measure is none.
      assertGreater(times, 0.9);
      assert(times <= 1.25, `${times.toFixed(2)} times the weights`);
    }),
});

/** Why memory cannot be measured here; "" if it can. */
function whyNot(): string {
  // Only Linux tells a process the most memory that it ever took.
  if (Deno.build.os !== "linux") return "no /proc here";
  const folder = Deno.makeTempDirSync();
  const { bavail, bsize } = statfsSync(folder);
  Deno.removeSync(folder);
  return bavail * bsize < 1e9 ? "less than 1 GB free on the disk" : "";
}
