import { type CorpusEntry, type CorpusOptions, readCorpus } from "../../activations/corpus.ts";
import { TEXT_FIELDS } from "../../activations/text_field.ts";
import type { Flags } from "../command/flags.ts";
import type { Run } from "../experiment.ts";

/**
 * Reads texts of a run: those of `--corpus` from the field that `--field` names, those of other files from there where
 * their rows have it. Rows that give nothing to read are told in a note, once they are all read.
 *
 * @param run Its flags, and who is told.
 * @param file The file, folder or pattern; default `--corpus`.
 * @param options Which rows: see {@linkcode CorpusOptions.where}.
 * @throws {CorpusError} as {@linkcode readCorpus} does.
 *
 * @example
 * ```ts
 * import { readTexts, runExperiment } from "../mod.ts";
 *
 * const out = await Deno.makeTempDir();
 * const corpus = `${out}/texts.jsonl`;
 * await Deno.writeTextFile(corpus, `{"body": "The tide turns."}\n{"body": null}\n`);
 * const said: string[] = [];
 * const code = await runExperiment({ name: "count", question: "", description: "" }, async (run) => {
 *   const texts = await Array.fromAsync(readTexts(run));
 *   if (texts.length !== 1) throw new Error(`${texts.length}`);
 * }, {
 *   args: ["--corpus", corpus, "--field", "body", "--out", `${out}/results`],
 *   print: console.log,
 *   printError: (text) => said.push(text),
 * });
 * if (code !== 0 || !said[0].includes("1 of 2 rows")) throw new Error(said.join());
 * await Deno.remove(out, { recursive: true });
 * ```
 */
export function readTexts<F extends Flags>(
  { flags, note }: Run<F>,
  file?: string,
  options: Pick<CorpusOptions, "where"> = {},
): AsyncGenerator<CorpusEntry> {
  const corpus = "corpus" in flags ? flags.corpus : undefined;
  const path = file ?? flags.corpus;
  const named: string | undefined = flags.field;
  const field = named === undefined || path === corpus ? named : [named, ...TEXT_FIELDS];
  return readCorpus(path, {
    ...options,
    ...(field !== undefined && { field }),
    onSkipped({ skipped, empty, rows, first }) {
      const counts = [
        ...(skipped > 0 ? [`${skipped} of ${rows} rows have no text and are skipped`] : []),
        ...(empty > 0 ? [`${empty} of ${rows} rows have an empty text`] : []),
      ];
      note(`Of "${path}" ${counts.join(", ")}; the first is ${first}.`);
    },
  });
}
