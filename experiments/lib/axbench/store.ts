/** Finished concepts, a file each, so that a run that was stopped goes on with the next. */
import { join } from "node:path";
import { readSealedJson, writeSealedJson } from "../../../src/files/mod.ts";
import { flagText } from "../../../src/run/mod.ts";
import type { Detection } from "./score.ts";

/** What the figures depend on, by name. */
export type Settings = Readonly<Record<string, string | number | readonly (string | number)[] | undefined>>;

/** Settings that older runs lack, as they had them. */
const BEFORE: Settings = { hook: "resid_post", bos: "always" };

/** A setting as the flag that sets it; the device and the model's commit are found out. */
const told = (name: string, value: Settings[string]) =>
  ["backend", "commit", "files"].includes(name) ? `${name} ${value}` : flagText(name, value);

const [SETTINGS_FORMAT, FORMAT] = ["exemplar concepts 2", "exemplar concept 2"];

/** Keeps a run's state below its folder of results. */
export class ConceptStore {
  private constructor(readonly folder: string) {}

  /**
   * Opens the state of a run.
   *
   * @param out Folder of the results.
   * @param resume Whether to keep what is there; otherwise it is removed.
   * @throws {Error} if what is there is of other settings; names the first that differs.
   */
  static async open(out: string, settings: Settings, resume: boolean): Promise<ConceptStore> {
    const folder = join(out, "state");
    const path = join(folder, "settings.json");
    const found = resume
      ? await readSealedJson(path, { remedy: "start again without --resume" }) as Settings | undefined
      : undefined;
    // What is kept without its settings could be of any run.
    if (found) {
      const kept = found && { ...BEFORE, ...found };
      const text = (value: unknown) => JSON.stringify(value);
      const other = kept && Object.keys(settings).find((name) => text(kept[name]) !== text(settings[name]));
      if (other) {
        throw new Error(
          `Expected to go on with ${told(other, kept[other])}, as the run in ${out} has it, but found ` +
            `${told(other, settings[other])}: give the same flags, or start again without --resume`,
        );
      }
    } else {
      await Deno.remove(folder, { recursive: true }).catch((error) => {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      });
    }
    await writeSealedJson(path, { ...settings, format: SETTINGS_FORMAT });
    return new ConceptStore(folder);
  }

  /**
   * The detections of a concept, if it is finished.
   *
   * @throws {Error} A sentence if its file is damaged.
   */
  async read(concept: number): Promise<Detection[] | undefined> {
    const record = await readSealedJson(this.#path(concept), {
      remedy: "remove it, so that the concept is done again",
    });
    const kept = record as { concept: number; columns: string[]; rows: unknown[][] } | undefined;
    if (kept && kept.concept !== concept) {
      throw new Error(`Expected ${this.#path(concept)} to be of concept ${concept} but it is of ${kept.concept}.`);
    }
    return kept?.rows.map((row) =>
      // JSON has no NaN: it is null there.
      Object.fromEntries(row.map((value, i) => [kept.columns[i], value ?? NaN])) as unknown as Detection
    );
  }

  /** Keeps the detections of a concept. */
  write(concept: number, detections: readonly Detection[]): Promise<void> {
    const columns = Object.keys(detections[0]) as (keyof Detection)[];
    const rows = detections.map((detection) => columns.map((column) => detection[column]));
    return writeSealedJson(this.#path(concept), { format: FORMAT, concept, columns, rows });
  }

  #path(concept: number): string {
    return join(this.folder, "concepts", `${concept}.json`);
  }
}
