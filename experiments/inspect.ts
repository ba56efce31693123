#!/usr/bin/env -S deno run --allow-read --allow-env
/**
 * What is in these files?
 *
 * Says what a dictionary (Arrow, published pickle, `.npz` or SAELens folder), a shard or folder of activations, a calibration, a
 * result table (any Arrow file), a `run.json` or a sparse autoencoder holds: kind, shape, model, hook, p, threshold,
 * regions, activations, seed; columns with their types and descriptions; the first rows; the largest regions with contexts.
 * Of files of other tools (NumPy, safetensors, PyTorch, Parquet, data sets, tables of numbers) it lists arrays or columns
 * with their types and shapes, those that cannot be read too. What a file is, its bytes say.
 *
 *     deno task run experiments/inspect.ts FILE... [--rows 5] [--json] [--max-unpacked 2G]
 *     deno task run experiments/inspect.ts --families
 *
 * Of a `run.json`, or the folder of an experiment's results, it also says which files are no longer what the run wrote.
 *
 * `--json` prints an array with an object a file: `path`, `kind`, `bytes`, `facts`, and `tables`, each an array of rows.
 * Needs no model, no GPU and no network; executes nothing of the files; reads only what it shows, but pickles and `.npz`
 * files whole, which is what it takes to check them. Exit code 1 if a file is missing, cut off or of no known kind.
 */
import { parseArgs } from "jsr:@std/cli@^1.0.20/parse-args";
import { configureUnpacking, visibleJson } from "../src/files/mod.ts";
import { describeFile, type Description, descriptionText } from "../src/inspect/mod.ts";
import { knownFamilies } from "../src/model/mod.ts";
import { guardTerminal, readNumber, sentence } from "../src/run/mod.ts";

const USAGE = `What is in these files?

Usage: deno task run experiments/inspect.ts FILE... [flags]

FILE: a dictionary (Arrow, published pickle, .npz, SAELens folder), activations (a shard or their folder), a calibration,
a result table (any Arrow file), a run.json or its folder, a sparse autoencoder (.npz, SAELens folder), or arrays of other
tools (.npy, .npz, .safetensors, PyTorch's .pt, Parquet, data sets, tables of numbers).

Flags:
  --rows <count>          rows of tables, and largest regions, to show (default 5)
  --max-unpacked <bytes>  bytes that a compressed .npz file may unpack to: 500M, 8G (default 2G)
  --json                  print an array of objects: path, kind, bytes, facts, tables
  --families              list the families whose checkpoints are run as they are: model_type, and models of it
  --help                  show this`;

guardTerminal("inspect");
const fail = (code: number, error: unknown): never => {
  console.error(`inspect: ${sentence(error)}`);
  Deno.exit(code);
};
const unknown = (arg: string) => arg.startsWith("-") ? fail(2, `There is no flag ${arg}. See --help.`) : true;
const args = parseArgs([...Deno.args], {
  boolean: ["json", "help", "families"],
  string: ["rows", "max-unpacked"],
  default: { rows: "5", "max-unpacked": "2G" },
  unknown,
});
const rows = Number(args.rows);
if (args.help) {
  console.log(USAGE);
  Deno.exit();
}
if (args.families) {
  for (const { type, models } of knownFamilies()) console.log(`${type.padEnd(18)}${models}`);
  Deno.exit();
}
if (args._.length === 0) fail(2, "Expected a file to inspect. See --help.");
if (!Number.isInteger(rows) || rows < 1) {
  fail(2, `Expected --rows to be a whole number from 1 on but got "${args.rows}".`);
}
try {
  configureUnpacking(readNumber("--max-unpacked", { type: "number", min: 1 }, args["max-unpacked"]));
} catch (error) {
  fail(2, error);
}

const descriptions: Description[] = [];
for (const path of args._.map(String)) {
  try {
    const description = await describeFile(path, rows);
    descriptions.push(description);
    if (!args.json) console.log(`${descriptions.length > 1 ? "\n" : ""}${descriptionText(description)}`);
  } catch (error) {
    console.error(`inspect: ${sentence(error)}`);
    Deno.exitCode = 1;
  }
}
if (args.json) console.log(visibleJson(descriptions, 2));
