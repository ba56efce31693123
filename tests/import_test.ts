/** The module as its users have it: from a URL, into a folder without any configuration. */
import { assert, assertEquals, assertLess } from "@std/assert";
import type { BackendName } from "../src/compute/mod.ts";
import * as exemplar from "../mod.ts";
import { skipWebGpu } from "./lib/backends.ts";
import { deno, type Output, textOf } from "./lib/deno.ts";
import { serveRepository } from "./lib/repository_server.ts";

const ROOT = new URL("../", import.meta.url);

/** What a user might write first; it says what it found as JSON. */
const script = (url: string) => `
import { calibrate, Dictionary, openBackend } from "${url}/mod.ts";

const backend = await openBackend(Deno.args[0]);
const data = Float32Array.from({ length: 400 * 8 }, (_, i) => Math.sin(i * i) + (i % 8 === (i >> 6) % 8 ? 2 : 0));
const batch = { data, rows: 400, dim: 8 };
const { center, thresholds: [threshold] } = await calibrate([batch], { percentiles: [10], backend });
const dictionary = await Dictionary.create({ center, threshold }, { backend });
const { regions } = await dictionary.add(batch);
await dictionary.save("dictionary.arrow");
const loaded = await Dictionary.load("dictionary.arrow", { backend });
const [before, after] = [await dictionary.assign(batch), await loaded.assign(batch)];
if (after.regions.join() !== before.regions.join()) throw new Error("The loaded dictionary is another one");
const { size, activations } = loaded;
console.log(JSON.stringify({ backend: backend.name, size, activations, threshold, regions: [...regions] }));
`;

/** Runs a script of a user's folder. It has no configuration; a copy of the lock file, so that versions stay the same. */
async function run(folder: string, args: string[]): Promise<Output> {
  await Deno.copyFile(new URL("deno.lock", ROOT), `${folder}/deno.lock`);
  const ours = ["run", "--quiet", "--no-prompt", "--lock=deno.lock"];
  return textOf(await new Deno.Command(Deno.execPath(), { args: [...ours, ...args], cwd: folder }).output());
}

for (const name of ["cpu", "webgpu"] satisfies BackendName[]) {
  Deno.test({
    name: `mod.ts is imported from a URL and partitions, without a configuration [${name}]`,
    ignore: name === "webgpu" && skipWebGpu,
    async fn() {
      const asked = new Set<string>();
      await using server = serveRepository(asked);
      const host = `127.0.0.1:${server.addr.port}`;
      const folder = await Deno.makeTempDir();
      try {
        await Deno.writeTextFile(`${folder}/script.ts`, script(`http://${host}`));
        const permissions = ["--allow-read", `--allow-write=${folder}`, "--allow-env", "--allow-sys", "--allow-ffi"];
        const modules = [`--allow-import=${host}`, `--reload=http://${host}`];
        const args = ["--unstable-webgpu", ...permissions, ...modules, "script.ts", name];
        const { success, stdout, stderr } = await run(folder, args);
        assert(success, stderr);
        assertEquals(stderr, "");
        const found = JSON.parse(stdout);
        assertEquals([found.backend, found.activations, found.regions.length], [name, 400, 400]);
        assertEquals(Math.max(...found.regions) + 1, found.size);
        assert(found.size > 1 && found.threshold > 0, stdout);
        const files = ["deno.lock", "dictionary.arrow", "dictionary.calibration.json", "script.ts"];
        assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name).sort(), files);

        for (const path of asked) assert(/^\/(mod\.ts$|src\/|kernels\/)/.test(path), `${path} is not published`);
        for (const ending of [".wgsl", ".wasm"]) {
          assert([...asked].some((path) => path.endsWith(ending)), `kernels come from the URL too: ${ending}`);
        }
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    },
  });
}

Deno.test("importing mod.ts needs no permission, and loads neither a model's runtime nor a GPU's", async () => {
  const program = `
    const { cpuUsage } = await import("node:process");
    const before = cpuUsage();
    const names = Object.keys(await import(${JSON.stringify(new URL("mod.ts", ROOT).href)}));
    const runtime = Symbol.for("onnxruntime") in globalThis;
    const { user, system } = cpuUsage(before);
    console.log(JSON.stringify({ names, runtime, seconds: (user + system) / 1e6 }));`;
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/light.ts`, program);
    // Code that reads a variable, a file or a library when it is imported is refused, and fails.
    const { success, stdout, stderr } = await run(folder, ["light.ts"]);
    assert(success, stderr);
    const { names, runtime, seconds } = JSON.parse(stdout);
    assertEquals(names, Object.keys(exemplar));
    assertEquals(runtime, false);
    assertLess(seconds, 5);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("where the home folder cannot be written, nothing is left in the folder that a program is started in", async () => {
  const folder = await Deno.makeTempDir();
  const { denoDir } = JSON.parse((await deno("info", ["--json"])).stdout);
  const program = `
    const { calibrate, openBackend } = await import(${JSON.stringify(new URL("mod.ts", ROOT).href)});
    const batch = { data: Float32Array.of(1, 0, 0, 1, 1, 1), rows: 3, dim: 2 };
    await calibrate([batch], { percentiles: [50], backend: await openBackend("cpu") });`;
  try {
    const env = { HOME: "/proc", DENO_DIR: denoDir, XDG_CACHE_HOME: "/proc/none" };
    const { success, stderr } = await deno("eval", [program], { cwd: folder, env });
    assert(success, stderr);
    assertEquals([...Deno.readDirSync(folder)], []);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

interface Dependency {
  readonly specifier: string;
  readonly isDynamic?: boolean;
  readonly code?: { readonly specifier?: string };
}

Deno.test("mod.ts reaches the heavy packages by dynamic imports only, and every import works from a URL", async () => {
  const { stdout, success, stderr } = await deno("info", ["--json", "mod.ts"]);
  assert(success, stderr);
  const graph = JSON.parse(stdout) as { modules: { specifier: string; dependencies?: Dependency[] }[] };
  const imports = graph.modules.flatMap(({ specifier, dependencies = [] }) =>
    dependencies.map((dependency) => ({ ...dependency, from: specifier }))
  );
  assert(imports.length > 50, `${imports.length} imports are not all`);
  for (const { specifier, from } of imports) {
    const works = /^\.\.?\/.*\.(ts|js|wgsl|wasm)$|^node:|^npm:(@[^/]+\/)?[^/@]+@\d+\.\d+\.\d+(\/|$)/.test(specifier);
    assert(works, `${from} imports ${specifier}, which an import map or a version must explain`);
  }
  const heavy = imports.filter(({ specifier, code }) =>
    code && /^npm:.*(onnxruntime|@huggingface|vega|resvg)/.test(specifier)
  );
  assert(heavy.length >= 3, "the runtimes and transformers.js are imported somewhere");
  for (const { specifier, from, isDynamic } of heavy) assert(isDynamic, `${from} imports ${specifier} at once`);
});
