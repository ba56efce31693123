/**
 * Runs experiments in another checkout and in this one, at the same small flags and seed, and compares every column of
 * every table that they leave: names, types, values. Not a test: each experiment is run twice.
 *
 *     deno run -A tests/experiments/same_results.ts <other checkout> [<experiment> ...]
 *
 * A value that is missing now and was NaN, -1 or an empty text before is the same; such columns are told as retyped.
 */
import { join } from "node:path";
import { readArrow } from "../../src/files/mod.ts";
import type { Table, Vector } from "../../src/files/arrow.ts";
import { denoCommand } from "../lib/deno.ts";
import { SMALL } from "./small.ts";

/** Tables of what a process measures of itself. */
const OWN = ["memory.arrow"];

async function run(checkout: string, experiment: string, out: string): Promise<void> {
  const args = ["--allow-all", `experiments/${experiment}.ts`, ...SMALL[experiment], "--device", "cpu", "--out", out];
  const options = { cwd: checkout, stdin: "null", stdout: "null", stderr: "piped" } as const;
  const { success, stderr } = await denoCommand("run", [...args, "--quiet"], options).output();
  if (!success) throw new Error(`${experiment} failed in ${checkout}: ${new TextDecoder().decode(stderr)}`);
}

async function tablesOf(folder: string): Promise<string[]> {
  const names = await Array.fromAsync(Deno.readDir(folder), ({ name }) => name);
  return names.filter((name) => name.endsWith(".arrow") && !OWN.includes(name)).sort();
}

/** Whether a value is the same, or has become `null` where it stood for none. */
function verdict(before: unknown, now: unknown): "same" | "retyped" | "different" {
  if (Object.is(before, now)) return "same";
  if (now === null) {
    return Number.isNaN(before) || before === -1 || before === 0 || before === "" ? "retyped" : "different";
  }
  const plain = (value: unknown) =>
    JSON.stringify(value, (_, part) => ArrayBuffer.isView(part) ? [...part as Float64Array] : part);
  return typeof before === "object" && plain(before) === plain(now) ? "same" : "different";
}

/** What differs between two columns, in words; nothing if they are the same. */
function difference(before: Vector, now: Vector): string | undefined {
  if (String(before.type) !== String(now.type)) return `is ${now.type}, was ${before.type}`;
  if (before.length !== now.length) return `has ${now.length} rows, had ${before.length}`;
  let retyped = 0;
  for (let row = 0; row < now.length; row++) {
    const found = verdict(before.get(row), now.get(row));
    if (found === "different") return `row ${row} is ${now.get(row)}, was ${before.get(row)}`;
    if (found === "retyped") retyped++;
  }
  return retyped > 0 ? `retyped: ${retyped} of ${now.length} are null` : undefined;
}

function compare(name: string, before: Table, now: Table): { columns: number; retyped: string[]; wrong: string[] } {
  const names = [before, now].map((table) => table.schema.fields.map((field) => field.name));
  const wrong = [
    ...names[0].filter((column) => !names[1].includes(column)).map((column) => `${name}: ${column} is gone`),
    ...names[1].filter((column) => !names[0].includes(column)).map((column) => `${name}: ${column} is new`),
  ];
  const retyped: string[] = [];
  for (const column of names[1].filter((column) => names[0].includes(column))) {
    const found = difference(before.getChild(column)!, now.getChild(column)!);
    if (found?.startsWith("retyped")) retyped.push(`${name}.${column}`);
    else if (found) wrong.push(`${name}: ${column} ${found}`);
  }
  return { columns: names[1].length, retyped, wrong };
}

const [other, ...asked] = Deno.args;
const root = await Deno.makeTempDir();
let isSame = true;
try {
  for (const experiment of asked.length > 0 ? asked : Object.keys(SMALL)) {
    const folders = [join(root, `${experiment}-before`), join(root, `${experiment}-now`)];
    await run(other, experiment, folders[0]);
    await run(".", experiment, folders[1]);
    const [before, now] = await Promise.all(folders.map(tablesOf));
    const wrong = before.filter((table) => !now.includes(table)).map((table) => `${table} is gone`);
    let columns = 0;
    const retyped: string[] = [];
    for (const table of now) {
      if (!before.includes(table)) {
        wrong.push(`${table} is new`);
        continue;
      }
      const [a, b] = await Promise.all(folders.map((folder) => readArrow(join(folder, table))));
      const found = compare(table.replace(/\.arrow$/, ""), a, b);
      columns += found.columns;
      retyped.push(...found.retyped);
      wrong.push(...found.wrong);
    }
    console.log(
      `${experiment}: ${columns} columns of ${now.length} tables, ${wrong.length === 0 ? "same" : "DIFFERENT"}`,
    );
    if (retyped.length > 0) console.log(`  null where it was NaN, -1, 0 or "": ${retyped.join(", ")}`);
    for (const line of wrong) console.log(`  ${line}`);
    if (wrong.length > 0) isSame = false;
  }
} finally {
  await Deno.remove(root, { recursive: true });
}
if (!isSame) Deno.exit(1);
