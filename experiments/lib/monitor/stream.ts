/** Prompts from standard input, verdicts to standard output. */
import { linesOf } from "../../../src/activations/mod.ts";
import { type Monitor, watch, type Watched } from "../../../src/analysis/mod.ts";
import { type CommonFlags, type Flags, type Run, writeStdout } from "../../../src/run/mod.ts";
import { streamText } from "./outcome.ts";

/** Bytes of a line that are kept: far more than a context holds. */
const LONGEST_LINE = 2 ** 20;

/** Watches standard input to its end, or until the run is stopped. */
export async function watchStandardInput<F extends Flags>(
  { flags: { json, batch }, manifest, progress, signal }: Run<F> & {
    readonly flags: CommonFlags & { readonly json: boolean; readonly batch: number };
  },
  monitor: Monitor,
): Promise<Watched> {
  const stage = progress.stage("watch", undefined, "prompts");
  if (Deno.stdin.isTerminal()) progress.log("Reading prompts from the terminal, one a line; Ctrl-D ends.");
  const input = Deno.stdin.readable.pipeThrough(new TransformStream(), { signal });
  const lines = linesOf(input, "standard input", { replace: true, longest: LONGEST_LINE });
  const onProgress = (prompts: number, alarmed: number) => {
    stage.set(prompts);
    stage.note(`${alarmed} alarms`);
  };
  const watched = await manifest.time(
    "watch",
    () => watch(monitor, lines, { json, batch, write: writeStdout, onProgress }),
  );
  stage.end();
  progress.log(streamText(watched));
  return watched;
}
