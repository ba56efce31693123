import { assertEquals, assertRejects } from "@std/assert";
import { readSealedJson } from "../../src/files/mod.ts";
import { RunManifest, VERSION } from "../../src/report/mod.ts";
import { PACKAGES } from "../../src/report/packages.ts";

const ROOT = new URL("../../", import.meta.url);

Deno.test("a manifest says what was run, on what, how long, and what came out", async () => {
  const folder = await Deno.makeTempDir();
  try {
    let clock = 12_345;
    const manifest = new RunManifest({
      name: "build",
      arguments: ["--seed", "7"],
      flags: { seed: 7, layers: [3, 5] },
      seed: 7,
      started: new Date(Date.UTC(2026, 0, 2, 3, 4, 5)),
      now: () => clock,
    });
    manifest.device = "CPU";
    assertEquals(await manifest.time("extract", () => (clock += 1500, "done")), "done");
    await assertRejects(
      () =>
        manifest.time("extract", () => {
          clock += 500;
          throw new Error("stop");
        }),
      Error,
      "stop",
    );
    manifest.notes.push("Half-precision weights.");
    manifest.calibrations.push({ stream: "", layer: 3, asked: 100, activations: 60, medianNorm: 2.5 });
    manifest.search = () => ({ way: "integers", because: "a trial took half as long" });
    manifest.findings.regions = { "1": 203, "2": 83 };
    manifest.findings.undefinedRate = NaN;
    manifest.outputs.push("b.svg", "a.arrow", "run.json");
    await Deno.writeTextFile(`${folder}/a.arrow`, "123456789");
    await assertRejects(() => manifest.finish(folder), Error, `Cannot read back ${folder}/b.svg`);
    await Deno.writeTextFile(`${folder}/b.svg`, "");
    await manifest.finish(folder);
    const text = await Deno.readTextFile(`${folder}/run.json`);
    const { crc32: _, ...sealed } = JSON.parse(text);
    assertEquals(await readSealedJson(`${folder}/run.json`, { remedy: "run it again" }), sealed);
    const { versions, system, ...rest } = sealed;
    assertEquals(rest, {
      format: "exemplar run 2",
      name: "build",
      arguments: ["--seed", "7"],
      flags: { seed: 7, layers: [3, 5] },
      seed: 7,
      device: "CPU",
      notes: ["Half-precision weights."],
      hub: [],
      calibrations: [{ stream: "", layer: 3, asked: 100, activations: 60, medianNorm: 2.5 }],
      streams: [],
      started: "2026-01-02T03:04:05.000Z",
      timings: { extract: 2, total: 2 },
      search: { way: "integers", because: "a trial took half as long" },
      findings: { regions: { "1": 203, "2": 83 }, undefinedRate: null },
      outputs: ["a.arrow", "b.svg", "run.json"],
      // The check value of CRC-32, and that of nothing.
      checksums: { "a.arrow": "cbf43926", "b.svg": "00000000" },
    });
    assertEquals(versions.deno, Deno.version.deno);
    assertEquals(versions["apache-arrow"], PACKAGES["apache-arrow"]);
    assertEquals(system.startsWith(Deno.build.os), true);
    assertEquals(Object.keys(JSON.parse(text)).slice(0, 5), ["format", "name", "arguments", "flags", "seed"]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a clock that is set back while a run lasts changes no duration", async () => {
  const now = Date.now;
  try {
    const manifest = new RunManifest({ name: "build" });
    await manifest.time("work", () => void (Date.now = () => now() - 3600_000));
    for (const seconds of Object.values(manifest.record().timings)) assertEquals(seconds >= 0 && seconds < 60, true);
  } finally {
    Date.now = now;
  }
});

Deno.test("the version is that of deno.json", async () => {
  assertEquals(JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT))).version, VERSION);
});

async function* sources(folder: URL): AsyncGenerator<URL> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory) yield* sources(new URL(`${name}/`, folder));
    else if (name.endsWith(".ts")) yield new URL(name, folder);
  }
}

Deno.test("the list of packages is what src/ imports; each is named in one file with one version", async () => {
  const found = new Map<string, string>();
  const files = new Map<string, Set<string>>();
  for await (const source of sources(new URL("src/", ROOT))) {
    const text = await Deno.readTextFile(source);
    for (const [, name, version] of text.matchAll(/["']npm:((?:@[\w.-]+\/)?[\w.-]+)@(\d[\w.+-]*)/g)) {
      assertEquals(found.get(name) ?? version, version, `${source.pathname} imports another version of ${name}`);
      found.set(name, version);
      // Generated code names what it needs itself.
      if (!text.includes("@generated")) {
        files.set(name, (files.get(name) ?? new Set()).add(source.pathname.slice(ROOT.pathname.length)));
      }
    }
  }
  const sorted = (entries: Iterable<[string, string]>) => Object.fromEntries([...entries].sort());
  const advice = "src/report/packages.ts lists other packages than src/ imports; bring it up to date";
  assertEquals(sorted(Object.entries(PACKAGES)), sorted(found), advice);
  for (const [name, named] of files) assertEquals(named.size, 1, `${name} is named in ${[...named].join(" and ")}`);
});
