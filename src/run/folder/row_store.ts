import { join } from "node:path";
import { isTemporary } from "../../files/atomic.ts";
import { namesIn } from "../../files/names_in.ts";
import { removeIfThere } from "../../files/remove.ts";
import { readSealedJson, writeSealedJson } from "../../files/sealed_json.ts";
import { flagText } from "../command/flag_text.ts";

/** What rows depend on, by name. */
export type StoreSettings = Readonly<Record<string, unknown>>;

/** How a {@linkcode RowStore} is opened. */
export interface RowStoreOptions {
  /** Flags that the rows depend on. */
  readonly flags: StoreSettings;
  /** What else they depend on, and is found out: the device, a commit. */
  readonly facts?: StoreSettings;
  /** Whether to keep what is there; otherwise it is removed. */
  readonly resume: boolean;
}

/** Common flags that older stores lack, as their runs had them. */
const BEFORE: StoreSettings = { hook: "resid_post", bos: "always", controlTokens: "tokens" };

const FORMAT = "exemplar rows 3";
const [FOLDER, SETTINGS] = ["state", "settings.json"];

/**
 * Result rows of what a run does one after the other, a file each, so that a run that was stopped goes on with the
 * next, and a later one with more of them. Unlike `Stages` it stays when the run is done.
 *
 * @example
 * ```ts
 * const out = await Deno.makeTempDir();
 * const open = () => RowStore.open<{ auroc: number }>(out, { flags: { seed: 0 }, resume: true });
 * const measure = (auroc: number) => () => Promise.resolve([{ auroc }]);
 * await (await open()).kept("concepts/3", measure(0.5), console.warn);
 * const [{ auroc }] = await (await open()).kept("concepts/3", measure(0.7), console.warn);
 * if (auroc !== 0.5) throw new Error(`Expected what was kept but found ${auroc}`);
 * await Deno.remove(out, { recursive: true });
 * ```
 */
export class RowStore<R extends object> {
  private constructor(readonly folder: string) {}

  /** Whether a stopped run left more than its settings in a folder of results. */
  static async haveKept(out: string): Promise<boolean> {
    return (await namesIn(join(out, FOLDER))).some((name) => name !== SETTINGS && !isTemporary(name));
  }

  /**
   * Opens `<out>/state`.
   *
   * @param out Folder of the results.
   * @throws {Error} if what is there is of other settings; names the first that differs.
   */
  static async open<R extends object>(
    out: string,
    { flags, facts = {}, resume }: RowStoreOptions,
  ): Promise<RowStore<R>> {
    const folder = join(out, FOLDER);
    const path = join(folder, SETTINGS);
    const settings: StoreSettings = { ...flags, ...facts };
    const saved = resume
      ? await readSealedJson(path, { remedy: "start again without --resume" }) as StoreSettings | undefined
      : undefined;
    // What is kept without its settings could be of any run.
    if (!saved && resume && await RowStore.haveKept(out)) {
      throw new Error(
        `Expected ${path}, which says what kind of run kept the rest of that folder, but it is gone: copy it there again, ` +
          "or start again without --resume",
      );
    }
    if (!saved) await removeIfThere(folder);
    else {
      const kept = { ...BEFORE, ...saved };
      const text = (value: unknown) => JSON.stringify(value);
      const told = (name: string, value: unknown) => name in facts ? `${name} ${value}` : flagText(name, value);
      const other = Object.keys(settings).find((name) => text(kept[name]) !== text(settings[name]));
      if (other !== undefined) {
        throw new Error(
          `Expected to go on with ${told(other, kept[other])}, as the run in ${out} has it, but found ` +
            `${told(other, settings[other])}: give the same flags, or start again without --resume`,
        );
      }
    }
    await writeSealedJson(path, { ...settings, format: FORMAT });
    return new RowStore(folder);
  }

  /**
   * The rows under a name, such as `concepts/3`: as they were kept, or computed now and kept.
   *
   * @param note Takes a sentence where what is kept is damaged: it is computed again.
   */
  async kept(
    name: string,
    compute: () => Promise<readonly R[]>,
    note: (sentence: string) => void,
  ): Promise<readonly R[]> {
    const saved = await this.read(name).catch((error: Error) => {
      note(`${error.message.replace(/\.?$/, ".")} It is done again.`);
      return undefined;
    });
    if (saved) return saved;
    const rows = await compute();
    await this.write(name, rows);
    return rows;
  }

  /**
   * The rows under a name, if they are kept.
   *
   * @throws {Error} A sentence if their file is damaged, or another program's version wrote it.
   */
  async read(name: string): Promise<readonly R[] | undefined> {
    const record = await readSealedJson(this.#path(name), { remedy: "remove it, so that it is done again" });
    if (record === undefined) return undefined;
    if (record.format !== FORMAT || record.name !== name) {
      throw new Error(
        `Expected ${this.#path(name)} to be "${name}" in format "${FORMAT}" but it is "${record.name}" in ` +
          `"${record.format}"`,
      );
    }
    const { columns, rows } = record as { columns: readonly string[]; rows: readonly unknown[][] };
    return rows.map((row) => Object.fromEntries(row.map((value, i) => [columns[i], value])) as R);
  }

  /** Keeps rows of plain numbers, texts, truth values and nulls; all have the first's properties. */
  async write(name: string, rows: readonly R[]): Promise<void> {
    const columns = Object.keys(rows[0] ?? {}) as (keyof R & string)[];
    const values = rows.map((row) => columns.map((column) => row[column]));
    await writeSealedJson(this.#path(name), { format: FORMAT, name, columns, rows: values });
  }

  #path(name: string): string {
    return join(this.folder, `${name}.json`);
  }
}
