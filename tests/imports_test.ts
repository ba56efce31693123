/** Who imports whom: no circles, and others come in by the doors, `src/<room>/mod.ts`. */
import { assert, assertEquals } from "@std/assert";
import { dirname, join } from "node:path";

const ROOT = new URL("../", import.meta.url).pathname;

/** What stands before and around names in an import or export of another file, `import(...)` of types and values too. */
const IMPORT = /^(?:import|export)\s[^"';]*?from\s+"(\.[^"]+)"|^import\s+"(\.[^"]+)"|\bimport\(\s*"(\.[^"]+)"/gm;
/** Examples in comments import what their reader would. */
const COMMENT = /^ *\/\*\*[\s\S]*?\*\//gm;

/** Files below a folder, with the files that each imports, all relative to the repository. */
async function importsOf(folder: string): Promise<Map<string, string[]>> {
  const imports = new Map<string, string[]>();
  for (const { name, isDirectory, isFile } of await Array.fromAsync(Deno.readDir(join(ROOT, folder)))) {
    const path = join(folder, name);
    if (isDirectory) { for (const [file, found] of await importsOf(path)) imports.set(file, found); }
    if (!isFile || !name.endsWith(".ts")) continue;
    const code = (await Deno.readTextFile(join(ROOT, path))).replace(COMMENT, "");
    const specifiers = [...code.matchAll(IMPORT)].map((match) => match.slice(1).find((part) => part !== undefined)!);
    imports.set(path, specifiers.map((specifier) => join(dirname(path), specifier)));
  }
  return imports;
}

/** A circle of imports, its first file at both ends; undefined if there is none. */
function circleOf(imports: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const done = new Set<string>();
  const way: string[] = [];
  const visit = (file: string): string[] | undefined => {
    if (way.includes(file)) return [...way.slice(way.indexOf(file)), file];
    if (done.has(file)) return undefined;
    way.push(file);
    for (const next of imports.get(file) ?? []) {
      const circle = visit(next);
      if (circle) return circle;
    }
    way.pop();
    done.add(file);
  };
  for (const file of imports.keys()) {
    const circle = visit(file);
    if (circle) return circle;
  }
}

const isDoor = (path: string) => path === "mod.ts" || /^src\/[a-z]+\/mod\.ts$/.test(path);

Deno.test("a circle is found, and a diamond is none", () => {
  assertEquals(circleOf(new Map([["a", ["b"]], ["b", ["c"]], ["c", ["b"]]])), ["b", "c", "b"]);
  assertEquals(circleOf(new Map([["a", ["b", "c"]], ["b", ["d"]], ["c", ["d"]]])), undefined);
});

Deno.test("no file of src or experiments imports itself by way of others, types included", async () => {
  const imports = new Map([...await importsOf("src"), ...await importsOf("experiments")]);
  const all = [...imports.values()].flat();
  assert(all.length > 1000, `${all.length} imports are not all`);
  for (const file of all) {
    assert(imports.has(file) || /\.(js|wgsl)$/.test(file), `${file} is imported but is not there`);
  }
  const circle = circleOf(imports);
  assertEquals(circle, undefined, `A circle of imports: ${circle?.join(" -> ")}`);
});

Deno.test("files of src import files, not doors, which only gather them", async () => {
  for (const [file, imported] of await importsOf("src")) {
    if (file.endsWith("/mod.ts")) continue;
    for (const path of imported) assert(!path.endsWith("mod.ts"), `${file} imports the door ${path}: name the file`);
  }
});

Deno.test("experiments import from doors and from experiments/lib only", async () => {
  for (const [file, imported] of await importsOf("experiments")) {
    for (const path of imported) {
      assert(isDoor(path) || path.startsWith("experiments/lib/"), `${file} imports ${path}: take it from a door`);
    }
  }
});

/** What tests look at behind doors, and why. */
const BEHIND_DOORS: Readonly<Record<string, string>> = {
  "src/activations/batch.ts": "how messages name a row",
  "src/activations/cache_index.ts": "what is read of a damaged index",
  "src/activations/encode_pieces.ts": "pieces so short that texts are cut",
  "src/activations/excerpts.ts": "each of two ways to the same text",
  "src/activations/parquet.ts": "a parser alone",
  "src/activations/selection.ts": "the rule alone, prompt by prompt",
  "src/activations/shared_prefixes.ts": "a tree against a search one by one",
  "src/activations/shard.ts": "a parser of one shard, which the cache hides",
  "src/activations/source.ts": "the invariant of what makes two readings the same",
  "src/analysis/probes/conjugate_gradient.ts": "the minimiser alone, on functions that are known",
  "src/analysis/probes/feature_rows.ts": "moments of sparse rows against those of dense ones",
  "src/analysis/probes/fit_rows.ts": "a kernel alone",
  "src/compute/backend.ts": "the error by which kernels name a row",
  "src/compute/cpu.ts": "the backend with one way to search",
  "src/compute/cpu_matrix.ts": "rows for percentiles of any similarities",
  "src/compute/cpu_percentiles.ts": "similarities that no rows have, and guesses that miss",
  "src/compute/device.ts": "which adapters there are, and what happens without one",
  "src/compute/kinds.ts": "each kind of value alone",
  "src/compute/long_lists.ts": "the length of a vector, to the bit",
  "src/compute/onnx": "graphs are made with it, and looked at",
  "src/compute/ort.ts": "plain sessions to compare with",
  "src/compute/pair_counts.ts": "a kernel alone",
  "src/compute/random.ts": "the generator against its published numbers",
  "src/compute/row_numbers.ts": "numbers of the rows that a bench moves",
  "src/compute/search": "each way to search alone",
  "src/compute/spare_arrays.ts": "which memory is used again",
  "src/compute/transposed.ts": "factors for a plain session",
  "src/compute/unit_rows.ts": "a kernel alone",
  "src/compute/wasm.ts": "the memory of a kernel",
  "src/compute/wasm_modules.js": "the list against the kernels there are",
  "src/compute/webgpu.ts": "kernels on chunks so small that matrices are cut",
  "src/compute/webgpu_buffers.ts": "a pool of buffers without a device",
  "src/compute/webgpu_commands.ts": "the device of a kernel",
  "src/compute/webgpu_integer_search.ts": "a bound that is too small, which nobody chooses",
  "src/compute/webgpu_matrix.ts": "matrices for kernels alone",
  "src/compute/webgpu_percentiles.ts": "a kernel alone",
  "src/compute/webgpu_products.ts": "one way of two, to the byte like the other",
  "src/compute/webgpu_quantised.ts": "what a kernel is fed",
  "src/compute/webgpu_rows.ts": "a kernel alone",
  "src/compute/webgpu_search_way.ts": "whether there are two ways to measure",
  "src/files/arrow.ts": "tables as the library has them, and what a file says of itself",
  "src/files/atomic.ts": "writes that are cut off halfway",
  "src/files/byte_file.ts": "a file that counts what is read of it",
  "src/files/frames.ts": "bytes that are told apart",
  "src/files/open.ts": "the door itself, and who goes by another",
  "src/files/npy.ts": "arrays for archives that nobody would write",
  "src/files/pickle": "a parser, fed what no program would write",
  "src/files/torch": "a parser, fed what no program would write",
  "src/files/zip.ts": "archives that nobody would write",
  "src/model": "graphs are read and changed in steps, each tested alone; the door shows the last",
  "src/partition/calibration_cache.ts": "where calibrations are kept between runs",
  "src/partition/contexts.ts": "the invariant of which contexts are kept",
  "src/partition/dictionary.ts": "the parts inside a dictionary, which nobody else may change",
  "src/partition/directions.ts": "directions for a bench of what comes after them",
  "src/partition/host_values.ts": "what is written, some of it at a time",
  "src/partition/members.ts": "the invariant of a uniform sample",
  "src/partition/parts.ts": "what a damaged file is read as",
  "src/partition/persistence.ts": "how much is written at once, which nobody chooses",
  "src/partition/published.ts": "a parser, fed damaged files",
  "src/partition/published_pickle.ts": "what a parser of pickles is to admit",
  "src/partition/readout.ts": "a cut alone, on values that are known",
  "src/report/fonts.ts": "widths of texts, to find those that are cut off",
  "src/report/packages.ts": "the list against what is imported",
  "src/report/png_file.ts": "pixels that are known, without a chart",
  "src/report/png.ts": "pictures of charts that nobody would draw",
  "src/report/svg.ts": "ids in pictures, without a report around them",
  "src/report/text.ts": "escapes alone",
  "src/run/command": "flags and their help without a command around them",
  "src/run/steps/kept_batches.ts": "what is kept without a run around it",
  "src/run/terminal/end_signals.ts": "the echo of a signal, by a clock that is set",
  "src/sae/lens_config.ts": "a parser, fed what other versions wrote",
};

Deno.test("tests import from doors, experiments and helpers, but for what has no door", async () => {
  const unused = new Set(Object.keys(BEHIND_DOORS));
  for (const [file, imported] of await importsOf("tests")) {
    for (const path of imported) {
      if (isDoor(path) || /^(tests|experiments)\//.test(path)) continue;
      const listed = Object.keys(BEHIND_DOORS).filter((entry) => path === entry || path.startsWith(`${entry}/`));
      assert(listed.length > 0, `${file} imports ${path}: take it from a door, or list it with the reason`);
      for (const entry of listed) unused.delete(entry);
    }
  }
  assertEquals([...unused], [], "These are listed but no test imports them");
});
