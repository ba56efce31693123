/** The command line of the benchmarks. */
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { type Flags, type FlagValues, readFlags, UsageError } from "../../src/run/mod.ts";
import { helpText } from "../../src/run/command/help.ts";

const flagsFor = (benches: readonly string[]) => ({
  only: { type: "string", help: `benches to run, with commas: ${benches.join(", ")}; default all` },
  quick: { type: "boolean", help: "small sizes, to see that everything runs: their figures say little" },
  repeats: { type: "integer", default: 5, min: 1, help: "runs of each way, in turns" },
  before: { type: "string", help: "folder of an older version of this module, to be measured beside this one" },
  model: { type: "string", default: EMBEDDED, help: "folder of the model that is read" },
  out: { type: "string", default: "results/bench", help: "folder for what is measured" },
  help: { type: "boolean", help: "say this" },
} as const satisfies Flags);

const EMBEDDED = "fixtures/gemma-2-toy";

const ABOUT = {
  name: "bench",
  question: "How fast is it, beside what else does the same?",
  description: "Measures each question beside its yardstick in the same run, in turns, and saves medians and spreads.",
  examples: [["--only nearest,build", "two of them"], ["--quick", "all of them in minutes"]],
} as const;

/** What was asked for. */
export type Command = Omit<FlagValues<ReturnType<typeof flagsFor>>, "only" | "help"> & { readonly chosen: string[] };

/**
 * Reads the command line. Where it asks for help, or is wrong, says so and ends the process.
 *
 * @param benches All that there are.
 */
export function readCommand(args: readonly string[], benches: readonly string[]): Command {
  try {
    const flags = flagsFor(benches);
    const { only, help, ...command } = readFlags(args, flags);
    if (help) {
      console.log(helpText(ABOUT, flags).replaceAll("deno task run experiments/bench.ts", "deno task bench"));
      Deno.exit();
    }
    const chosen = only?.split(",") ?? [...benches];
    const unknown = chosen.find((name) => !benches.includes(name));
    if (unknown !== undefined) {
      throw new UsageError(`Expected --only to be of ${benches.join(", ")} but got ${unknown}.`);
    }
    const { before, model } = command;
    if (before !== undefined && !existsSync(join(before, "mod.ts"))) {
      throw new UsageError(`Expected --before to be a checkout of this module but there is no mod.ts in ${before}.`);
    }
    if (!existsSync(model)) throw new UsageError(`Expected --model to be a folder but there is none: ${model}.`);
    return { ...command, model: resolve(model), before: before && resolve(before), chosen };
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(error.message);
    Deno.exit(2);
  }
}
