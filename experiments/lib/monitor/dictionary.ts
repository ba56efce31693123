/** Grows dictionaries at several layers and percentiles, and picks the one to watch with. */
import { finalRegions, refusalHandle } from "../../../src/analysis/mod.ts";
import type { Dictionary } from "../../../src/partition/mod.ts";
import { type CalibrationPlan, type Flags, grow, type ReadPlan, type Run, usable } from "../../../src/run/mod.ts";
import type { Instructions } from "./texts.ts";
import type { TriedRow } from "./rows.ts";

/**
 * Grows the dictionaries of a plan and keeps the one whose regions tell refusal best on the instructions that they were
 * built on; without instructions the one in the middle.
 *
 * @returns That dictionary, which the caller disposes, and all settings that were tried.
 */
export async function chosenDictionary<F extends Flags>(
  run: Run<F>,
  plan: ReadPlan,
  what: CalibrationPlan,
  instructions?: Instructions,
): Promise<{ readonly dictionary: Dictionary; readonly tried: readonly TriedRow[] }> {
  const { calibrations, failed } = await usable(run, plan, what);
  const growing = { signal: run.signal };
  const { growths } = await grow(run, { ...plan, calibrations, growing });
  // All but the chosen one, and that too if none comes to be chosen.
  const chosen = new Set<Dictionary>();
  using spare = new DisposableStack();
  for (const { dictionary } of growths) spare.defer(() => chosen.has(dictionary) || dictionary.dispose());
  const grown: TriedRow[] = [];
  const stage = run.progress.stage("try", growths.length, "dictionaries");
  for (const { layer, percentile, dictionary } of growths) {
    const told = (done: number) => stage.note(`${done} prompts`);
    const handle = instructions && await run.kept(`refusal in layer ${layer}, p ${percentile}`, () => {
      const { entries, refused } = instructions;
      return run.manifest.time("try", async () => {
        return refusalHandle(await finalRegions(plan.model, dictionary, entries, told), refused);
      });
    });
    const { threshold, size } = dictionary;
    const { occupied = null, accuracy = null } = handle ?? {};
    grown.push({ layer, percentile, threshold, regions: size, occupied, accuracy, chosen: false });
    stage.advance();
  }
  stage.end();
  const accuracyOf = (i: number) => grown[i].accuracy ?? -Infinity;
  // Where all or no instructions are refused, none tells refusal better than another.
  const best = grown.some(({ accuracy }) => accuracy !== null)
    ? [...growths.keys()].reduce((a, b) => accuracyOf(b) > accuracyOf(a) ? b : a)
    : growths.length >> 1;
  const unusable = failed.map(({ layer, percentile, threshold }): TriedRow => {
    return { layer, percentile, threshold, regions: null, occupied: null, accuracy: null, chosen: false };
  });
  const tried = [...grown.with(best, { ...grown[best], chosen: true }), ...unusable];
  const { dictionary } = growths[best];
  chosen.add(dictionary);
  return {
    dictionary,
    tried: tried.sort((a, b) => a.layer - b.layer || a.percentile - b.percentile),
  };
}
