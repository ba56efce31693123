/** An experiment without a model, for tests of the frame. */
import { type Experiment, type Run, runExperiment } from "../../src/run/mod.ts";

/** A sample's name and flags. */
export const DEFINITION = {
  name: "sample",
  question: "Does it run?",
  description: "A sample.",
  defaults: { percentiles: [12], maxTokens: 1000 },
  flags: { topK: { type: "integers", default: [1, 2, 3, 4, 5], help: "numbers of regions to ablate" } },
} as const satisfies Experiment<{ topK: { type: "integers"; default: readonly number[]; help: string } }>;

/** What its body works with. */
export type SampleRun = Run<typeof DEFINITION.flags>;

/** Runs it with what it would print kept; gives its exit code, too. */
export async function run(
  args: readonly string[],
  body: (run: SampleRun) => Promise<void> = () => Promise.resolve(),
  definition: Experiment<typeof DEFINITION.flags> = DEFINITION,
): Promise<{ code: number; out: string; err: string }> {
  const out: string[] = [];
  const err: string[] = [];
  const code = await runExperiment(definition, body, {
    args,
    print: (text) => out.push(text),
    printError: (text) => err.push(text),
  });
  return { code, out: out.join("\n"), err: err.join("\n") };
}
