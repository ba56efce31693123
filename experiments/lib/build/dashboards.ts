/** What feature browsers show of the regions that a build found. */
import { batchAt } from "../../../src/activations/mod.ts";
import { Dashboard } from "../../../src/analysis/mod.ts";
import { dictionaryFile, type Discovery } from "../../../src/partition/mod.ts";
import { type Flags, type ReadPlan, type Run, streamOf } from "../../../src/run/mod.ts";

/**
 * Writes `dashboards/L<layer>-p<percentile>/batch-<n>.json` for every dictionary, after one more pass over the texts that
 * they were grown on: until then nobody knows which contexts are kept.
 */
export async function saveDashboards<F extends Flags>(
  run: Run<F>,
  plan: ReadPlan,
  discovery: Discovery,
): Promise<void> {
  const { progress, manifest, save, signal } = run;
  const all = discovery.growths.map((growth) => ({ growth, dashboard: new Dashboard(growth.dictionary) }));
  const stage = progress.stage("read contexts", discovery.prompts, "prompts");
  await manifest.time("contexts", async () => {
    // As far as the dictionaries read, where the budget ended within a batch too.
    const reading = { ...plan.reading, maxPrompts: discovery.prompts };
    for await (using read of streamOf({ ...plan, reading })) {
      signal.throwIfAborted();
      for (const { growth: { layer }, dashboard } of all) await dashboard.add(batchAt(read, layer));
      stage.set(read.promptsBefore + read.prompts.length);
    }
  });
  stage.end();
  for (const { growth, dashboard } of all) {
    const folder = `dashboards/${dictionaryFile(growth).replace(/\.arrow$/, "")}`;
    for (const { name, save: write } of dashboard.files(plan.model)) await save.file(`${folder}/${name}`, write);
  }
}
