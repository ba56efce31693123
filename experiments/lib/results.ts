import type { HookSite } from "../../src/model/types.ts";
import {
  type Cell,
  type Chart,
  type ChartSpec,
  type Report,
  type ReportTable,
  type RunManifest,
  saveChart,
  saveTable,
  type TableColumn,
  writeReport,
} from "../../src/report/mod.ts";
import { readingText } from "./hook_text.ts";

/** Writes what a run leaves in its folder, and names every file in its manifest. */
export class Results {
  readonly #folder: string;
  readonly #manifest: RunManifest;

  /**
   * @param folder Exists already.
   * @param hook Where the model is read, which the report tells; set it anew where dictionaries bring their own.
   */
  constructor(folder: string, manifest: RunManifest, public hook: HookSite) {
    this.#folder = folder;
    this.#manifest = manifest;
  }

  /** Writes `<name>.arrow`. */
  async table(name: string, columns: readonly TableColumn[]): Promise<void> {
    await saveTable(this.#folder, name, columns);
    this.#manifest.outputs.push(`${name}.arrow`);
  }

  /** Writes `<name>.vl.json`, `.svg` and `.png`, and gives the chart as a block of the report. */
  async chart(name: string, spec: ChartSpec, caption: string): Promise<{ chart: Chart; caption: string }> {
    const chart = await saveChart(this.#folder, name, spec);
    this.#manifest.outputs.push(`${name}.vl.json`, `${name}.svg`, `${name}.png`);
    return { chart, caption };
  }

  /**
   * Writes `report.html`, which ends with how the model was read and the run's record, and gives its path. Every other
   * file must be written.
   */
  report(report: Omit<Report, "run">): Promise<string> {
    this.#manifest.outputs.push("report.html", "run.json");
    const text = [readingText(this.hook), ...this.#manifest.notes].join("\n\n");
    const sections = [...report.sections, { heading: "How the model was read", blocks: [{ text }] }];
    return writeReport(this.#folder, { ...report, sections, run: this.#manifest.record() });
  }
}

/** Rows as a table of a report; the keys of the first are the headings. */
export function reportTable(rows: readonly Readonly<Record<string, Cell>>[]): ReportTable {
  return { columns: Object.keys(rows[0] ?? {}), rows: rows.map((row) => Object.values(row)) };
}
