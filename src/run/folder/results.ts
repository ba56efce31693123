import { assertOptions } from "../../compute/known_options.ts";
import { append } from "../../compute/long_lists.ts";
import { join } from "node:path";
import type { HookSite } from "../../model/types.ts";
import { calibrationPath } from "../../partition/calibration_file.ts";
import type { Dictionary } from "../../partition/dictionary.ts";
import { membersPath } from "../../partition/members_file.ts";
import { type Chart, type ChartSpec, saveChart } from "../../report/chart.ts";
import { type Report, type Section, writeReport } from "../../report/html.ts";
import type { RunManifest } from "../../report/manifest.ts";
import type { ResultTable } from "../../report/row.ts";
import { saveTable } from "../../report/table.ts";
import { readingText } from "../command/hook_text.ts";
import type { OutFolder } from "./out_folder.ts";

/**
 * Writes what a run leaves in its folder, and names every file there and in its manifest. A run has one: `save`.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { resultTable, row, whole } from "../../report/mod.ts";
 * import { runExperiment } from "../mod.ts";
 *
 * const out = await Deno.makeTempDir();
 * const SQUARE = row({ square: whole("a square number") });
 * await runExperiment({ name: "squares", question: "", description: "" }, async ({ save }) => {
 *   await save.table("squares", resultTable(SQUARE, [{ square: 1 }, { square: 4 }]));
 * }, { args: ["--out", out], print: console.log, printError: console.error });
 *
 * const { outputs } = JSON.parse(await Deno.readTextFile(`${out}/run.json`));
 * assertEquals(outputs, ["squares.arrow"]);
 * await Deno.remove(out, { recursive: true });
 * ```
 */
export class Results {
  readonly #folder: OutFolder;
  readonly #manifest: RunManifest;
  readonly #parquet: boolean;

  /**
   * Of one run.
   *
   * @param hook Where the model is read, which the report tells; set it anew where dictionaries bring their own.
   * @param options `parquet`: whether tables are written as Parquet, too; default false.
   */
  constructor(
    folder: OutFolder,
    manifest: RunManifest,
    public hook: HookSite,
    { parquet = false }: { readonly parquet?: boolean } = {},
  ) {
    this.#folder = folder;
    this.#manifest = manifest;
    this.#parquet = parquet;
  }

  /**
   * Writes a file of a kind of its own.
   *
   * @param file Relative to the folder.
   * @param write Writes it at a path.
   */
  async file(file: string, write: (path: string) => Promise<void>): Promise<void> {
    await this.#begin(file);
    await write(join(this.#folder.path, file));
  }

  /**
   * Writes a dictionary, with all that `Dictionary.save` writes beside it.
   *
   * @param file Relative to the folder; ends in `.arrow`.
   * @param options `members`: whether it keeps sampled members; default false.
   */
  async dictionary(
    file: string,
    dictionary: Pick<Dictionary, "save">,
    options: { readonly members?: boolean } = {},
  ): Promise<void> {
    assertOptions("a dictionary of the results", options, { members: "boolean" });
    const { members = false } = options;
    await this.#begin(file, calibrationPath(file), ...(members ? [membersPath(file)] : []));
    await dictionary.save(join(this.#folder.path, file));
  }

  /** Writes `<name>.arrow`, and with `--parquet` `<name>.parquet`. */
  async table(name: string, table: ResultTable): Promise<void> {
    const parquet = this.#parquet;
    await this.#begin(`${name}.arrow`, ...(parquet ? [`${name}.parquet`] : []));
    await saveTable(this.#folder.path, name, table, { parquet });
  }

  /** Writes `<name>.vl.json`, `.svg` and `.png`, and gives the chart as a block of the report. */
  async chart(name: string, spec: ChartSpec, caption: string): Promise<{ chart: Chart; caption: string }> {
    await this.#begin(`${name}.vl.json`, `${name}.svg`, `${name}.png`);
    return { chart: await saveChart(this.#folder.path, name, spec), caption };
  }

  /**
   * Writes `report.html`, which ends with how the model was read and the run's record, and gives its path. Every other
   * file must be written.
   */
  async report(report: Omit<Report, "run">): Promise<string> {
    await this.#begin("report.html", "run.json");
    const text = [readingText(this.hook), ...this.#manifest.notes].join("\n\n");
    const reading: Section = { heading: "How the model was read", blocks: [{ kind: "text", text }] };
    const sections = [...report.sections, reading];
    return await writeReport(this.#folder.path, { ...report, sections, run: this.#manifest.record() });
  }

  async #begin(...files: readonly string[]): Promise<void> {
    for (const file of files) await this.#folder.begin(file);
    append(this.#manifest.outputs, files);
  }
}
